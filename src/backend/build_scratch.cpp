#include "backend/build_scratch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr long kMostEnvironments = 5000;

Error failed(const std::error_code& ec, const std::string& what) {
    return base::from_errno(ec.value(), what);
}

std::optional<long> owner_of(const fs::path& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return std::nullopt;
    return static_cast<long>(info.st_uid);
}

Result<void> give_tree(const fs::path& folder, long owner) {
    const auto id = static_cast<uid_t>(owner);
    std::error_code ec;
    fs::recursive_directory_iterator entries(folder, ec);
    for (; !ec && entries != fs::recursive_directory_iterator(); entries.increment(ec)) {
        if (lchown(entries->path().c_str(), id, id) != 0)
            return base::from_errno(errno, "change the owner of " + entries->path().string());
    }
    if (ec) return failed(ec, "read " + folder.string());
    if (lchown(folder.c_str(), id, id) != 0)
        return base::from_errno(errno, "change the owner of " + folder.string());
    return {};
}

}  // namespace

BuildScratch::~BuildScratch() {
    remove_build_tree(root_);
}

Result<void> BuildScratch::give(const fs::path& path, unsigned mode) const {
    if (chmod(path.c_str(), mode) != 0) return base::from_errno(errno, "change " + path.string());
    if (owner_ < 0) return {};
    const auto id = static_cast<uid_t>(owner_);
    if (lchown(path.c_str(), id, id) != 0)
        return base::from_errno(errno, "change the owner of " + path.string());
    return {};
}

Result<void> BuildScratch::copy(const fs::path& from, const fs::path& to) const {
    struct stat info {};
    if (lstat(from.c_str(), &info) != 0) return base::from_errno(errno, "read " + from.string());
    std::error_code ec;
    if (S_ISDIR(info.st_mode)) {
        fs::create_directories(to, ec);
        if (ec) return failed(ec, "make " + to.string());
        for (fs::directory_iterator entries(from, ec); !ec && entries != fs::directory_iterator();
             entries.increment(ec)) {
            auto copied = copy(entries->path(), to / entries->path().filename());
            if (copied.has_error()) return copied;
        }
        if (ec) return failed(ec, "read " + from.string());
        return give(to, 0755);
    }
    if (!S_ISREG(info.st_mode)) return {};
    fs::copy_file(from, to, ec);
    if (ec) return failed(ec, "copy " + from.string());
    return give(to, (info.st_mode & 0111) != 0 ? 0755 : 0644);
}

Result<void> BuildScratch::create(const fs::path& source, const fs::path& home) {
    std::error_code ec;
    for (const char* part : {"", "src", "home", "tmp"}) {
        const fs::path folder = *part == '\0' ? root_ : root_ / part;
        fs::create_directories(folder, ec);
        if (ec) return failed(ec, "make " + folder.string());
        if (auto given = give(folder, 0700); given.has_error()) return given;
    }
    const bool single = fs::is_regular_file(source, ec);
    auto copied = copy(source, single ? root_ / "src" / source.filename() : root_ / "src");
    if (copied.has_error() || home.empty()) return copied;
    return copy(home, root_ / "home");
}

Result<BuildCache> build_cache(const fs::path& caches, const std::string& environment, long first) {
    BuildCache cache;
    cache.owner = first;
    if (caches.empty()) return cache;
    std::error_code ec;
    fs::create_directories(caches, ec);
    if (ec) return failed(ec, "make " + caches.string());
    // Searchable, not listable, as the instances' folder is.
    if (chmod(caches.c_str(), 0711) != 0)
        return base::from_errno(errno, "change " + caches.string());
    cache.folder = caches / environment;
    const bool known = fs::is_directory(cache.folder, ec);
    if (!known) fs::create_directory(cache.folder, ec);
    if (ec) return failed(ec, "make " + cache.folder.string());
    if (chmod(cache.folder.c_str(), 0700) != 0)
        return base::from_errno(errno, "change " + cache.folder.string());
    if (first < 0) return cache;
    const auto present = owner_of(cache.folder);
    if (known && present && *present >= first && *present < first + kMostEnvironments) {
        cache.owner = *present;
        return cache;
    }
    std::set<long> taken;
    for (fs::directory_iterator entries(caches, ec); !ec && entries != fs::directory_iterator();
         entries.increment(ec)) {
        if (const auto owner = owner_of(entries->path())) taken.insert(*owner);
    }
    while (taken.contains(cache.owner)) ++cache.owner;
    if (auto given = give_tree(cache.folder, cache.owner); given.has_error()) return given.error();
    return cache;
}

void remove_build_tree(const fs::path& path) {
    std::error_code ec;
    fs::remove_all(path, ec);
    if (!ec) return;
    // Module caches are read-only folders, which only root removes as they are.
    for (fs::recursive_directory_iterator entries(path, ec);
         !ec && entries != fs::recursive_directory_iterator(); entries.increment(ec)) {
        struct stat info {};
        if (lstat(entries->path().c_str(), &info) == 0 && S_ISDIR(info.st_mode))
            (void)chmod(entries->path().c_str(), 0700);
    }
    fs::remove_all(path, ec);
}

}  // namespace hearth::backend
