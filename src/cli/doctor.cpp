#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <memory>

#include "cli/objects.hpp"
#include "cli/program.hpp"
#include "hearth/base/version.hpp"

namespace hearth::cli {

namespace json = boost::json;

namespace {

struct Finding {
    std::string name, state, detail;
};

/// The probes and environments of /system/info as one list.
std::vector<Finding> findings_of(const json::object& info) {
    std::vector<Finding> out;
    if (const auto* probes = info.if_contains("probes"); probes && probes->is_array()) {
        for (const auto& item : probes->get_array()) {
            if (!item.is_object()) continue;
            const auto& probe = item.get_object();
            out.push_back(
                {text_at(probe, "name"), text_at(probe, "state"), text_at(probe, "detail")});
        }
    }
    if (const auto* offers = info.if_contains("environments"); offers && offers->is_array()) {
        for (const auto& item : offers->get_array()) {
            if (!item.is_object()) continue;
            const auto& offer = item.get_object();
            const auto* available = offer.if_contains("available");
            const bool able = !available || !available->is_bool() || available->get_bool();
            out.push_back({"environment " + text_at(offer, "name"), able ? "ok" : "degraded",
                           able ? text_at(offer, "image") : text_at(offer, "remedy")});
        }
    }
    return out;
}

Paint paint_of(const std::string& state) {
    return state == "ok" ? Paint::green : state == "missing" ? Paint::red : Paint::yellow;
}

void print_findings(const Context& context, const std::vector<Finding>& findings) {
    std::size_t name_width = 5, state_width = 8;
    for (const auto& finding : findings) name_width = std::max(name_width, finding.name.size());
    for (const auto& finding : findings) {
        context.terminal.out << finding.name
                             << std::string(name_width - finding.name.size() + 2, ' ')
                             << context.terminal.paint(paint_of(finding.state), finding.state)
                             << std::string(
                                    state_width - std::min(state_width, finding.state.size()) + 2,
                                    ' ')
                             << strip_escapes(finding.detail) << '\n';
    }
}

int doctor(Context& context) {
    Terminal& terminal = context.terminal;
    auto client = context.client();
    auto info = client ? client->get("/api/v1/system/info") : Result<json::value>(client.error());
    if (!info) {
        const bool absent = info.error().code == Errc::unavailable;
        print_findings(context, {{"daemon", "missing", info.error().message}});
        if (absent) terminal.err << "start it with `hearth serve`, then ask again\n";
        return exit_code_of(info.error().code);
    }
    if (print_value(context, *info)) return kDone;
    const json::object& object = info->as_object();
    std::vector<Finding> findings = {{"daemon", "ok",
                                      "version " + text_at(object, "version") + ", backend " +
                                          text_at(object, "backend") + ", API at " +
                                          client->connection().endpoint.to_string() +
                                          ", functions at " + text_at(object, "gatewayUrl")}};
    for (auto& finding : findings_of(object)) findings.push_back(std::move(finding));
    print_findings(context, findings);
    for (const auto& finding : findings) {
        if (finding.state == "missing") return kFailed;
    }
    return kDone;
}

int version(Context& context, const std::string& own) {
    json::object whole;
    whole["client"] = own;
    auto client = context.client();
    auto server = client ? client->get("/api/v1/version") : Result<json::value>(client.error());
    if (server) whole["server"] = *server;
    if (print_value(context, whole)) return kDone;
    context.terminal.out << "client  " << own << '\n';
    if (server && server->is_object()) {
        const auto& object = server->get_object();
        context.terminal.out << "server  " << text_at(object, "version") << " ("
                             << text_at(object, "backend") << ", "
                             << client->connection().endpoint.to_string() << ")\n";
    } else {
        context.terminal.out << "server  not reached\n";
    }
    return kDone;
}

}  // namespace

void add_doctor(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand(
        "doctor", "What the daemon's machine can do, and what to do about the rest");
    command->callback([&program] { program.action = doctor; });
}

void add_version(CLI::App& app, Program& program) {
    auto* command = app.add_subcommand("version", "Versions of this program and of the daemon");
    app.set_version_flag("--version", std::string("hearth ") + std::string(base::version()));
    command->callback([&program] {
        program.action = [](Context& context) {
            return version(context, std::string(base::version()));
        };
    });
}

}  // namespace hearth::cli
