#include "backend/settings_place.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "hearth-settings-";
constexpr std::uint64_t kLeastRoom = 16u << 20;
constexpr int kTries = 5;

std::string obstacle_of(const fs::path& memory) {
    struct statfs info {};
    if (statfs(memory.c_str(), &info) != 0)
        return fmt::format("{}: {}", memory.string(), std::strerror(errno));
    if (info.f_type != TMPFS_MAGIC) return fmt::format("{} is no tmpfs", memory.string());
    if (static_cast<std::uint64_t>(info.f_bavail) * static_cast<std::uint64_t>(info.f_bsize) <
        kLeastRoom)
        return fmt::format("{} has less than {} MiB left", memory.string(), kLeastRoom >> 20);
    return "";
}

/// Open and ours; a link or another user's folder of such a name is none.
base::UniqueFd open_own(const fs::path& folder) {
    base::UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (fd && (fstat(fd.get(), &info) != 0 || info.st_uid != geteuid())) fd.reset();
    return fd;
}

void remove_abandoned(const fs::path& memory) {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(memory, ec)) {
        if (entry.path().filename().string().rfind(kPrefix, 0) != 0) continue;
        const base::UniqueFd fd = open_own(entry.path());
        if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0) remove_settings_place(entry.path());
    }
}

}  // namespace

SettingsPlace make_settings_place(const fs::path& memory) {
    SettingsPlace place;
    place.obstacle = obstacle_of(memory);
    if (!place.obstacle.empty()) return place;
    remove_abandoned(memory);
    for (int tries = 0; tries < kTries; ++tries) {
        std::string name = (memory / kPrefix).string() + "XXXXXX";
        if (mkdtemp(name.data()) == nullptr) {
            place.obstacle = fmt::format("{}: {}", memory.string(), std::strerror(errno));
            return place;
        }
        base::UniqueFd fd = open_own(name);
        struct stat info {};
        // Another daemon may have found it abandoned before it was locked.
        if (!fd || flock(fd.get(), LOCK_EX) != 0 || fstat(fd.get(), &info) != 0 ||
            info.st_nlink == 0 || !fs::exists(name))
            continue;
        place.folder = name;
        place.lock = std::move(fd);
        return place;
    }
    place.obstacle = fmt::format("no folder of its own in {}", memory.string());
    return place;
}

void remove_settings_place(const fs::path& folder) {
    std::error_code ignored;
    if (!folder.empty()) fs::remove_all(folder, ignored);
}

}  // namespace hearth::backend
