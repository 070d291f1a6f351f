#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::backend {

/// Where programs are looked for, inside and outside of the sandbox.
inline constexpr char kStandardPath[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command made ready to be executed.
struct ResolvedCommand {
    std::vector<std::string> argv;  ///< argv[0] absolute, ${ENV_DIR} replaced
    std::vector<std::filesystem::path>
        folders;  ///< outside of the system's folders, needed to run it
};

/// `text` with ${ENV_DIR} replaced by `folder`.
std::string replace_folder(std::string text, const std::string& folder);

/// Finds the program in the standard folders, then in the daemon's PATH; an interpreter living
/// elsewhere brings its installation prefix along. Arguments that are existing absolute paths are
/// listed as needed, unless they lie under `hidden`. Errors: unsupported (no such program).
Result<ResolvedCommand> resolve_command(const std::vector<std::string>& command,
                                        const std::filesystem::path& environment_folder,
                                        const std::filesystem::path& hidden);

}  // namespace hearth::backend
