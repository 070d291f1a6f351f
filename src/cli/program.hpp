#pragma once

#include <CLI/App.hpp>

#include <functional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/settings.hpp"
#include "cli/terminal.hpp"
#include "cli/transport.hpp"

namespace hearth::cli {

/// What a command works with.
struct Context {
    const Settings& settings;
    Terminal& terminal;
    Transport& transport;
    const EnvironmentLookup& environment;

    /// Errors: as locate().
    Result<Client> client() const {
        auto connection = locate(settings, environment);
        if (!connection) return connection.error();
        return Client(transport, std::move(*connection));
    }
};

/// The command that was chosen while the arguments were read.
struct Program {
    Settings settings;
    std::function<int(Context&)> action;
};

void add_deploy(CLI::App& app, Program& program);
void add_apply(CLI::App& app, Program& program);
void add_validate(CLI::App& app, Program& program);
void add_get(CLI::App& app, Program& program);
void add_describe(CLI::App& app, Program& program);
void add_delete(CLI::App& app, Program& program);
void add_call(CLI::App& app, Program& program);
void add_async(CLI::App& app, Program& program);
void add_workflow(CLI::App& app, Program& program);
void add_logs(CLI::App& app, Program& program);
void add_top(CLI::App& app, Program& program);
void add_doctor(CLI::App& app, Program& program);
void add_env(CLI::App& app, Program& program);
void add_new(CLI::App& app, Program& program);
void add_dev(CLI::App& app, Program& program);
void add_build(CLI::App& app, Program& program);
void add_package(CLI::App& app, Program& program);
void add_timer(CLI::App& app, Program& program);
void add_token(CLI::App& app, Program& program);
void add_completion(CLI::App& app, Program& program);
void add_version(CLI::App& app, Program& program);

/// The whole tree, `serve` included for its help and completion.
void build_tree(CLI::App& app, Program& program);

/// Parses and runs. `arguments` are those after the program's name.
int run_arguments(std::vector<std::string> arguments, Terminal& terminal, Transport& transport,
                  const EnvironmentLookup& environment);

}  // namespace hearth::cli
