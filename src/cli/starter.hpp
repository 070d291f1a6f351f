#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// Writes the regular files of a tar below `folder`, which is made if need be; returns their names.
/// Errors: invalid_argument (no tar, or an entry that is no file below the folder: nothing is
/// written then), io.
Result<std::vector<std::string>> write_starter(const std::string& tar,
                                               const std::filesystem::path& folder);

}  // namespace hearth::cli
