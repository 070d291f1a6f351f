#include "artifact/entry_path.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::artifact {
namespace {

constexpr std::size_t kComponentBytes = 255;  // NAME_MAX of every Linux file system in use
constexpr std::size_t kShownBytes = 80;

Error refused(std::string_view name, std::string_view why) {
    return Error(Errc::invalid_argument, fmt::format("entry {} {}", shown(name), why), {},
                 "artifact");
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

}  // namespace

Result<std::vector<std::string>> entry_path(std::string_view name, const ArchiveLimits& limits) {
    if (name.size() > limits.path_bytes) {
        return refused(name, fmt::format("has a name of {} bytes; at most {} are allowed",
                                         name.size(), limits.path_bytes));
    }
    if (name.starts_with('/')) return refused(name, "has an absolute path");
    if (name.find('\\') != std::string_view::npos)
        return refused(name, "has a backslash in its name");
    if (std::any_of(name.begin(), name.end(), is_control)) {
        return refused(name, "has a control character in its name");
    }
    if (!is_utf8(name)) return refused(name, "has a name that is not UTF-8");
    std::vector<std::string> parts;
    while (!name.empty()) {
        const auto slash = name.find('/');
        const std::string_view part = name.substr(0, slash);
        name = slash == std::string_view::npos ? std::string_view() : name.substr(slash + 1);
        if (part.empty() || part == ".") continue;
        if (part == "..") return refused(part, "would leave the package's folder");
        if (part.size() > kComponentBytes) {
            return refused(part, "has a name of more than 255 bytes");
        }
        parts.emplace_back(part);
    }
    if (parts.size() > limits.depth) {
        return refused(parts.back(), fmt::format("lies {} folders deep; at most {} are allowed",
                                                 parts.size(), limits.depth));
    }
    return parts;
}

std::string shown(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        if (out.size() >= kShownBytes) {
            out += "...";
            break;
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

bool is_utf8(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const int extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || i + static_cast<std::size_t>(extra) >= text.size()) {
            return false;
        }
        std::uint32_t value = lead & (0x3f >> extra);
        for (int k = 1; k <= extra; ++k) {
            const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
            if ((byte & 0xc0) != 0x80) return false;
            value = (value << 6) | (byte & 0x3f);
        }
        const std::uint32_t least = extra == 3 ? 0x10000 : extra == 2 ? 0x800 : 0x80;
        if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return false;
        i += static_cast<std::size_t>(extra) + 1;
    }
    return true;
}

}  // namespace hearth::artifact
