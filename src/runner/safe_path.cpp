#include "runner/safe_path.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

namespace hearth::runner {
namespace {

constexpr std::size_t kLongestPath = 1024;
constexpr std::size_t kLongestName = 255;  // NAME_MAX of every Linux file system in use
constexpr std::size_t kDeepest = 32;

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

}  // namespace

Result<std::vector<std::string>> safe_path(std::string_view path) {
    if (path.size() > kLongestPath) return refused("is longer than 1024 bytes");
    if (path.starts_with('/')) return refused("is an absolute path");
    if (std::any_of(path.begin(), path.end(), is_control))
        return refused("has a control character");
    std::vector<std::string> parts;
    while (!path.empty()) {
        const auto slash = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(std::min(slash + 1, path.size()));
        if (part.empty() || part == ".") continue;
        if (part == "..") return refused("would leave its folder");
        if (part.size() > kLongestName) return refused("has a name of more than 255 bytes");
        parts.emplace_back(part);
    }
    if (parts.size() > kDeepest) return refused("lies more than 32 folders deep");
    return parts;
}

std::string shown(std::string_view text) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        if (out.size() > 80) return out + "...\"";
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
    return out + '"';
}

Result<Fd> open_folder(const std::string& path) {
    Fd folder(::open(path.c_str(), kOpenFolder));
    if (folder) return folder;
    if (errno == ENOENT) return Fault(404, "not_found", "there is no folder " + path);
    return from_errno(errno, "open " + path);
}

void remove_tree(int folder, const std::string& name) {
    if (::unlinkat(folder, name.c_str(), 0) == 0) return;
    Fd inner(::openat(folder, name.c_str(), kOpenFolder));
    if (!inner) return;
    ::fchmod(inner.get(), 0700);
    const int listed = ::dup(inner.get());
    if (DIR* stream = listed < 0 ? nullptr : ::fdopendir(listed)) {
        std::vector<std::string> names;
        while (const dirent* entry = ::readdir(stream)) names.emplace_back(entry->d_name);
        ::closedir(stream);
        for (const std::string& one : names) {
            if (one != "." && one != "..") remove_tree(inner.get(), one);
        }
    }
    ::unlinkat(folder, name.c_str(), AT_REMOVEDIR);
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view what) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return from_errno(errno, what);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

}  // namespace hearth::runner
