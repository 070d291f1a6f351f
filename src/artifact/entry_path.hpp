#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/artifact/archive_store.hpp"
#include "hearth/base/result.hpp"

namespace hearth::artifact {

/// The components of an archive entry's name, `.` and empty ones left out.
/// Errors: invalid_argument naming the entry, for whatever could leave the folder or mean two
/// things to two readers: absolute, `..`, backslash, control characters, not UTF-8, too long, too
/// deep.
Result<std::vector<std::string>> entry_path(std::string_view name, const ArchiveLimits& limits);

/// The name as messages show it: quoted, control and non-ASCII bytes escaped, at most 80
/// characters.
std::string shown(std::string_view name);

/// Strict UTF-8: no overlong forms, surrogates or values past U+10FFFF (RFC 3629).
bool is_utf8(std::string_view text);

}  // namespace hearth::artifact
