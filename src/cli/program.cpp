#include "cli/program.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

#include "cli/usage.hpp"

namespace hearth::cli {

namespace {

void add_global_options(CLI::App& app, Settings& settings) {
    static const std::map<std::string, Output> kOutputs = {{"table", Output::table},
                                                           {"wide", Output::wide},
                                                           {"json", Output::json},
                                                           {"yaml", Output::yaml},
                                                           {"name", Output::name}};
    app.add_option("--api", settings.api, "Address of the daemon's API (HEARTH_API)")
        ->type_name("HOST:PORT");
    app.add_option("--token", settings.token, "Token (HEARTH_TOKEN)")->type_name("TEXT");
    app.add_option(
           "--data", settings.data,
           "Data folder whose daemon and token are used (HEARTH_DATA; default ./hearth-data)")
        ->type_name("DIR");
    app.add_option("-n,--namespace", settings.ns, "Namespace (default: default)")
        ->type_name("NAME");
    const CLI::Validator form(
        [](std::string& text) {
            for (const auto& [name, value] : kOutputs) {
                if (name != text) continue;
                text = std::to_string(static_cast<int>(value));
                return std::string();
            }
            return "there is no form \"" + text + "\"; it is table, wide, json, yaml or name";
        },
        "");
    app.add_option("-o,--output", settings.output, "Form of what is printed")
        ->type_name("table|wide|json|yaml|name")
        ->transform(form);
    app.add_flag("--no-color", settings.no_color, "No colours, as with NO_COLOR");
}

}  // namespace

void build_tree(CLI::App& app, Program& program) {
    app.require_subcommand(1);
    app.fallthrough();
    app.option_defaults()->always_capture_default(false);
    add_global_options(app, program.settings);
    auto* serve = app.add_subcommand("serve", "Run the daemon: gateway, API and executor");
    serve->prefix_command();
    add_deploy(app, program);
    add_apply(app, program);
    add_validate(app, program);
    add_get(app, program);
    add_describe(app, program);
    add_delete(app, program);
    add_call(app, program);
    add_async(app, program);
    add_workflow(app, program);
    add_logs(app, program);
    add_top(app, program);
    add_doctor(app, program);
    add_env(app, program);
    add_new(app, program);
    add_dev(app, program);
    add_build(app, program);
    add_package(app, program);
    add_timer(app, program);
    add_token(app, program);
    add_completion(app, program);
    add_version(app, program);
}

int run_arguments(std::vector<std::string> arguments, Terminal& terminal, Transport& transport,
                  const EnvironmentLookup& environment) {
    CLI::App app("Runs functions: a client of the daemon that `hearth serve` starts.", "hearth");
    Program program;
    build_tree(app, program);
    const auto given = arguments;
    std::reverse(arguments.begin(), arguments.end());  // the order CLI11 wants
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            app.exit(error, terminal.out, terminal.err);
            return kDone;
        }
        terminal.err << usage_fault(app, given, error.what());
        return kUsage;
    }
    if (program.settings.no_color) terminal.color = false;
    Context context{program.settings, terminal, transport, environment};
    if (!program.action) {
        terminal.err << "hearth: this program was built without that command\n";
        return kUsage;
    }
    const int code = program.action(context);
    terminal.out.flush();
    return code;
}

}  // namespace hearth::cli
