#include "hearth/cli/cli.hpp"

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "cli/program.hpp"

namespace hearth::cli {

namespace {

std::optional<std::string> environment_variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (!value || !*value) return std::nullopt;
    return std::string(value);
}

bool colors_wanted() {
    const auto term = environment_variable("TERM").value_or("dumb");
    return ::isatty(STDOUT_FILENO) && !environment_variable("NO_COLOR") && term != "dumb";
}

}  // namespace

int run(int argc, char** argv, const Hooks& hooks) {
    if (argc > 1 && std::string_view(argv[1]) == "serve" && hooks.serve) {
        return hooks.serve(argc - 2, argv + 2);
    }
    Terminal terminal{std::cin, std::cout, std::cerr, colors_wanted(),
                      ::isatty(STDOUT_FILENO) == 1};
    HttpTransport transport;
    const EnvironmentLookup environment = environment_variable;
    return run_arguments(std::vector<std::string>(argv + std::min(1, argc), argv + argc), terminal,
                         transport, environment);
}

}  // namespace hearth::cli
