#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// Whether `path` (parts divided by '/') is named by `pattern`: `*`, `?` and `[a-z]` within a part,
/// `**` for any number of parts.
bool glob_match(std::string_view pattern, std::string_view path);

/// Files and folders below `root` that `pattern` names, sorted, relative to `root`. A last `**`
/// names what stands directly in its folder: whoever packs a folder takes all of it. Errors:
/// invalid_argument for a pattern that is absolute or leaves `root`.
Result<std::vector<std::filesystem::path>> expand_glob(const std::filesystem::path& root,
                                                       std::string_view pattern);

}  // namespace hearth::cli
