#include "runner/setting_files.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <memory>

#include "runner/safe_path.hpp"

namespace hearth::runner {
namespace {

constexpr const char* kAside = ".incoming";

Result<Fd> enter(int parent, const std::string& name) {
    if (::mkdirat(parent, name.c_str(), 0755) == 0) {
        // Whatever the umask takes away, others must get in.
        ::fchmodat(parent, name.c_str(), 0755, 0);
    } else if (errno != EEXIST) {
        return from_errno(errno, "create the folder " + shown(name));
    }
    Fd folder(::openat(parent, name.c_str(), kOpenFolder));
    if (folder) return folder;
    if (errno == ENOTDIR) return refused(shown(name) + " is a file and a folder at once");
    return from_errno(errno, "open the folder " + shown(name));
}

Result<void> put(int root, const std::string& path, std::string_view bytes) {
    auto parts = safe_path(path);
    if (!parts) return refused("the path " + shown(path) + ' ' + parts.error().detail);
    Fd folder(::fcntl(root, F_DUPFD_CLOEXEC, 0));
    for (std::size_t i = 0; i + 1 < parts->size(); ++i) {
        auto next = enter(folder.get(), (*parts)[i]);
        if (!next) return next.error();
        folder = std::move(*next);
    }
    ::unlinkat(root, kAside, 0);
    const Fd file(::openat(root, kAside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return from_errno(errno, "write " + shown(path));
    auto written = write_all(file.get(), bytes, "write " + shown(path));
    if (!written.has_error() && ::fchmod(file.get(), 0444) != 0) {
        written = from_errno(errno, "set the mode of " + shown(path));
    }
    if (!written.has_error() &&
        ::renameat(root, kAside, folder.get(), parts->back().c_str()) != 0) {
        written = from_errno(errno, "rename to " + shown(path));
    }
    if (written.has_error()) ::unlinkat(root, kAside, 0);
    return written;
}

/// Removes what no path in `files` names; `prefix` is the folder's own path with its slash.
void prune(int folder, const std::string& prefix, const FileMap& files) {
    const int listed = ::openat(folder, ".", kOpenFolder);
    DIR* const opened = listed < 0 ? nullptr : ::fdopendir(listed);
    if (opened == nullptr) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opened, &::closedir);
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        const std::string path = prefix + name;
        if (files.contains(path)) continue;
        const auto below = files.lower_bound(path + '/');
        const Fd inner(::openat(folder, name.c_str(), kOpenFolder));
        if (inner && below != files.end() && below->first.starts_with(path + '/')) {
            prune(inner.get(), path + '/', files);
        } else {
            remove_tree(folder, name);
        }
    }
}

}  // namespace

Result<void> replace_files(const std::string& folder, const FileMap& files) {
    auto root = open_folder(folder);
    // A pod without secrets need not have the volume.
    if (!root && root.error().status == 404 && files.empty()) return {};
    if (!root) return root.error();
    for (const auto& [path, bytes] : files) {
        if (auto done = put(root->get(), path, bytes); done.has_error()) return done;
    }
    prune(root->get(), "", files);
    return {};
}

}  // namespace hearth::runner
