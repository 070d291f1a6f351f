#include "model/path.hpp"

#include <algorithm>

namespace hearth::model {

namespace {

bool plain_key(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '$';
    });
}

}  // namespace

void append_key(std::string& path, std::string_view key) {
    if (plain_key(key)) {
        if (!path.empty()) path += '.';
        path += key;
        return;
    }
    path += "[\"";
    path += key;
    path += "\"]";
}

void append_index(std::string& path, std::size_t index) {
    path += '[';
    path += std::to_string(index);
    path += ']';
}

std::string_view parent_path(std::string_view path) {
    std::size_t cut = std::string_view::npos;
    if (path.ends_with("\"]")) {
        cut = path.rfind("[\"");
    } else {
        cut = path.find_last_of(".[");
    }
    return cut == std::string_view::npos ? std::string_view() : path.substr(0, cut);
}

std::string join_path(std::string_view path, std::string_view key) {
    std::string joined(path);
    append_key(joined, key);
    return joined;
}

}  // namespace hearth::model
