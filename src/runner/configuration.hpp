#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runner/fault.hpp"
#include "runner/net.hpp"

namespace hearth::runner {

/// What the runner is told by its variables; src/runner/README.md lists them.
struct Configuration {
    enum class Mode { pod, build_agent } mode = Mode::pod;
    Endpoint listen;
    std::string token_file;
    std::string pod_uid, pod_name;
    std::optional<Endpoint>
        environment;   ///< none: nothing to load into, the image is the user's own
    std::string root;  ///< prefix of /userfunc, /secrets and /configs; "" for /
    std::string build_folder = "/hearth/build";  ///< of a build agent: src, deploy, home, tmp
    std::string cache_folder;                    ///< kept between builds; empty: none
    enum class ReadyWhen {
        environment_answers,
        code_is_loaded
    } ready_when = ReadyWhen::environment_answers;
};

/// Looks each variable up through `variable`, which gives null for one that is not set.
/// Errors: invalid_argument naming the variable.
Result<Configuration> read_configuration(const std::function<const char*(const char*)>& variable);

/// "127.0.0.1:8888", "[::1]:8888": addresses only, no name is ever resolved. Errors:
/// invalid_argument.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace hearth::runner
