#include <string_view>

#include "app/daemon.hpp"
#include "hearth/backend/process_backend.hpp"
#include "hearth/cli/cli.hpp"

int main(int argc, char** argv) {
    // Instances are started through this program itself, so that limits are set before their code
    // runs.
    if (argc > 1 && std::string_view(argv[1]) == "exec-instance") {
        return hearth::backend::exec_instance(argc - 1, argv + 1);
    }
    hearth::cli::Hooks hooks;
    hooks.serve = [](int count, char** arguments) { return hearth::app::serve(count, arguments); };
    return hearth::cli::run(argc, argv, hooks);
}
