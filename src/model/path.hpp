#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth::model {

/// Appends a map's key: ".name", or ["main.py"] for a key that holds other characters.
void append_key(std::string& path, std::string_view key);
/// Appends a list's position: "[3]".
void append_index(std::string& path, std::size_t index);
/// The path without its last part; empty for a path of one part.
std::string_view parent_path(std::string_view path);
/// `key` of `path` as one new string.
std::string join_path(std::string_view path, std::string_view key);

}  // namespace hearth::model
