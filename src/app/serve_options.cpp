#include "app/serve_options.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>

namespace hearth::app {
namespace {

std::optional<std::string> environment_variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

ServeOptions parse_serve_options(int argc, char** argv) {
    ServeOptions options;
    CLI::App app("Run the daemon: API server, gateway and executor in one process.",
                 "hearth serve");
    app.add_option("--config", options.config_file,
                   "hearth.yaml; every key is described in config/hearth.yaml")
        ->envname("HEARTH_CONFIG");
    app.add_option("--data", options.data, "Folder of all state (default ./hearth-data)");
    app.add_option("--gateway", options.gateway,
                   "HOST:PORT for functions (default 127.0.0.1:8888; port 0 picks one)");
    app.add_option("--api", options.api,
                   "HOST:PORT for the API (default 127.0.0.1:8890; port 0 picks one)");
    app.add_flag("--check", options.check,
                 "Check the configuration, print the effective values, start nothing");
    app.footer(
        "Ends on SIGTERM or SIGINT after the requests in flight; a second signal ends it at once.");
    try {
        // CLI11 takes its words last first.
        app.parse(std::vector<std::string>(std::make_reverse_iterator(argv + argc),
                                           std::make_reverse_iterator(argv)));
    } catch (const CLI::ParseError& e) {
        options.exit_code = app.exit(e) == 0 ? 0 : 2;
    }
    return options;
}

config::Loaded effective_config(const ServeOptions& options) {
    // A flag is the strongest form of the environment variable of its key, so it goes through the
    // same checks.
    auto lookup = [&](const std::string& name) -> std::optional<std::string> {
        if (name == "HEARTH_DATA" && options.data) return options.data;
        if (name == "HEARTH_LISTEN__GATEWAY" && options.gateway) return options.gateway;
        if (name == "HEARTH_LISTEN__API" && options.api) return options.api;
        return environment_variable(name);
    };
    auto loaded = config::load(options.config_file, lookup);
    for (auto& error : loaded.errors) {
        const bool gateway = error.key == "HEARTH_LISTEN__GATEWAY" && options.gateway;
        const bool api = error.key == "HEARTH_LISTEN__API" && options.api;
        if (!gateway && !api) continue;
        // Whoever typed the flag has set no variable.
        error.file = "hearth serve";
        error.key = gateway ? "--gateway" : "--api";
    }
    return loaded;
}

}  // namespace hearth::app
