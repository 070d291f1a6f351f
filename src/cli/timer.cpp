#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/time_text.hpp"
#include "hearth/model/schedule.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct PreviewArguments {
    std::vector<std::string> crons;
    std::string zone, from;
    std::size_t count = 5;
};

/// "2027-01-31T12:00:00Z".
std::string time_text(model::Slot slot) {
    return base::to_rfc3339(slot).substr(0, 19) + "Z";
}

/// The next times of one expression. Errors: invalid_argument.
Result<json::object> preview_of(const std::string& cron, const PreviewArguments& arguments,
                                model::Slot from) {
    const auto schedule = model::Schedule::parse(cron, arguments.zone);
    if (!schedule) {
        return Error(Errc::invalid_argument, "\"" + cron + "\": " + schedule.error().message);
    }
    json::array times;
    for (const auto slot : model::next_slots(*schedule, from, from, arguments.count))
        times.emplace_back(time_text(slot));
    json::object preview;
    preview["cron"] = cron;
    if (!arguments.zone.empty()) preview["timeZone"] = arguments.zone;
    preview["next"] = std::move(times);
    return preview;
}

int preview(Context& context, const PreviewArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto from = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (!arguments.from.empty()) {
        const auto given = base::parse_rfc3339(arguments.from);
        if (!given) {
            return terminal.fail(Error(Errc::invalid_argument,
                                       "--from must be a time such as 2027-01-31T12:00:00Z"));
        }
        from = std::chrono::floor<std::chrono::seconds>(*given);
    }
    json::array previews;
    for (const auto& cron : arguments.crons) {
        auto one = preview_of(cron, arguments, from);
        if (!one) return terminal.fail(one.error());
        previews.push_back(std::move(*one));
    }
    if (print_value(context, previews)) return kDone;
    for (const auto& one : previews) {
        const auto& shown = one.get_object();
        if (previews.size() > 1) terminal.out << text_at(shown, "cron") << '\n';
        for (const auto& time : shown.at("next").as_array())
            terminal.out << (previews.size() > 1 ? "  " : "") << std::string_view(time.as_string())
                         << '\n';
    }
    return kDone;
}

}  // namespace

void add_timer(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("timer", "Schedules of timers");
    command->require_subcommand(1);
    auto* shown =
        command->add_subcommand("preview", "The next times of a schedule, in UTC; needs no daemon");
    auto a = std::make_shared<PreviewArguments>();
    shown
        ->add_option("cron", a->crons,
                     "Schedule: '*/5 * * * *', '@hourly', '@every 90s'; one or more")
        ->type_name("CRON")
        ->required();
    shown->add_option("--tz", a->zone, "Time zone of the schedule (default: UTC)")
        ->type_name("ZONE");
    shown->add_option("--count", a->count, "How many times (default: 5)")
        ->type_name("N")
        ->check(CLI::Range(1, 10000));
    shown->add_option("--from", a->from, "Time after which they are looked for (default: now)")
        ->type_name("TIME");
    shown->callback(
        [&program, a] { program.action = [a](Context& context) { return preview(context, *a); }; });
}

}  // namespace hearth::cli
