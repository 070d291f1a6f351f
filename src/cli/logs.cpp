#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/log_lines.hpp"
#include "cli/objects.hpp"
#include "cli/program.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct LogsArguments {
    std::string name, request_id, since;
    int limit = 0;
    bool follow = false;
};

Paint paint_of(const std::string& stream) {
    if (stream == "err") return Paint::yellow;
    if (stream == "call") return Paint::dim;
    if (stream == "platform") return Paint::red;
    return Paint::none;
}

int logs(Context& context, const LogsArguments& arguments) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    if (!client) return terminal.fail(client.error());
    std::string target = object_target(context.settings.ns, "functions", arguments.name) + "/logs";
    if (arguments.limit > 0) add_query(target, "limit", std::to_string(arguments.limit));
    add_query(target, "since", arguments.since);
    add_query(target, "requestId", arguments.request_id);
    if (arguments.follow) add_query(target, "follow", "true");
    auto ended = client->lines(target, [&](const json::object& line) {
        terminal.out << log_line_text(context.settings, terminal, line) << '\n';
        if (arguments.follow) terminal.out.flush();
        return terminal.out.good();
    });
    return ended.has_error() ? terminal.fail(ended.error()) : kDone;
}

}  // namespace

std::string log_line_text(const Settings& settings, const Terminal& terminal,
                          const json::object& line) {
    if (settings.output == Output::json) return json::serialize(line);
    const std::string stream = text_at(line, "stream");
    std::string head = text_at(line, "time") + "  " + stream;
    if (settings.output == Output::wide) head += "  " + text_at(line, "instance");
    if (const auto id = text_at(line, "requestId"); !id.empty()) head += "  " + id;
    return terminal.paint(Paint::dim, strip_escapes(head)) + "  " +
           terminal.paint(paint_of(stream), strip_escapes(text_at(line, "message")));
}

void add_logs(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand(
        "logs", "What a function printed and how its calls ended, kept after its instances");
    auto a = std::make_shared<LogsArguments>();
    command->add_option("name", a->name, "Name of the function")->type_name("NAME")->required();
    command->add_flag("-f,--follow", a->follow, "Go on with new lines as they come");
    command->add_option("--request-id", a->request_id, "Only lines of this request")
        ->type_name("ID");
    command->add_option("--since", a->since, "Only lines younger than this age or time")
        ->type_name("10m|TIME");
    command->add_option("--limit", a->limit, "Newest lines to show (default 1000)")
        ->type_name("N")
        ->check(CLI::Range(1, 10000).description(""));
    command->callback(
        [&program, a] { program.action = [a](Context& context) { return logs(context, *a); }; });
}

}  // namespace hearth::cli
