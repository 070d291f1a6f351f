#pragma once

#include <filesystem>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::app {

/// Creates DIR, DIR/run and DIR/logs, for the owner only. Errors: io with the path and the remedy.
Result<void> prepare_data_folder(const std::filesystem::path& data);

/// A secret of all replicas on this data, in a 0600 file that the first of them makes.
Result<std::string> shared_key(const std::filesystem::path& data);

/// DIR/run/endpoints.json, replaced in one step so that a reader never sees half of it.
Result<void> write_endpoints(const std::filesystem::path& data, const std::string& gateway,
                             const std::string& api);

/// env-images of this installation: beside the source tree of the binary, or below its prefix's
/// share/hearth.
std::filesystem::path find_environments_folder(const std::filesystem::path& configured);

}  // namespace hearth::app
