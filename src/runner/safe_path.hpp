#pragma once

#include <fcntl.h>

#include <string>
#include <string_view>
#include <vector>

#include "runner/fault.hpp"
#include "runner/fd.hpp"

namespace hearth::runner {

/// The components of a relative path, `.` and empty ones left out.
/// Errors: invalid_argument saying why, for whatever could leave its folder: absolute, `..`,
/// control characters, too long, too deep.
Result<std::vector<std::string>> safe_path(std::string_view path);

/// Quoted, other bytes than printable ASCII escaped, at most some 80 characters.
std::string shown(std::string_view text);

/// How a folder is opened: never through a link.
inline constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Opens a folder without following a link in any of the components. Errors: io, 404 `not_found`.
Result<Fd> open_folder(const std::string& path);

/// Removes a tree whose folders may be read-only; follows no link. What cannot be removed stays.
void remove_tree(int folder, const std::string& name);

/// Errors: io, no_space.
Result<void> write_all(int fd, std::string_view bytes, std::string_view what);

}  // namespace hearth::runner
