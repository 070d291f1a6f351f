#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "hearth/config/daemon_config.hpp"

namespace hearth::app {

/// What stands on the command line of `hearth serve`; it wins over file and environment.
struct ServeOptions {
    std::optional<std::filesystem::path> config_file;
    std::optional<std::string> data, gateway, api;
    bool check = false;  ///< say whether the configuration is good, print it, and stop
    int exit_code = -1;  ///< not negative: parsing ended the program (help or wrong usage)
};

ServeOptions parse_serve_options(int argc, char** argv);

/// File, environment variables and options together; every error at once.
config::Loaded effective_config(const ServeOptions& options);

}  // namespace hearth::app
