#include "backend/cgroup_mounts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

struct Mount {
    std::string root;  ///< which part of the hierarchy is visible there
    std::string point;
    std::string options;
};

/// The own group's folder: its path without the part above the mount's root. Seen from inside a
/// container the path may lie outside of what is mounted; the mount point itself is then the best
/// there is.
fs::path own_folder(const Mount& mount, const std::string& path) {
    std::string below = path;
    if (mount.root != "/" && below.rfind(mount.root, 0) == 0)
        below = below.substr(mount.root.size());
    fs::path folder = mount.point + (below == "/" ? "" : below);
    std::error_code ec;
    return fs::is_directory(folder, ec) ? folder : fs::path(mount.point);
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
    return parts;
}

/// Own path per controller; "" for version 2.
std::map<std::string, std::string> own_paths() {
    std::map<std::string, std::string> paths;
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (controllers.empty()) paths[""] = line.substr(second + 1);
        for (const auto& controller : split(controllers, ','))
            paths[controller] = line.substr(second + 1);
    }
    return paths;
}

}  // namespace

CgroupPlaces find_cgroup_places() {
    CgroupPlaces places;
    const auto paths = own_paths();
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        const auto dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        const auto before = split(line.substr(0, dash), ' ');
        const auto after = split(line.substr(dash + 3), ' ');
        if (before.size() < 5 || after.size() < 3) continue;
        const Mount mount{before[3], before[4], after[2]};
        if (after[0] == "cgroup2") {
            const auto own = paths.find("");
            places.v2 = own_folder(mount, own == paths.end() ? "/" : own->second);
        } else if (after[0] == "cgroup") {
            for (const auto& option : split(mount.options, ',')) {
                const auto own = paths.find(option);
                if (own != paths.end()) places.v1[option] = own_folder(mount, own->second);
            }
        }
    }
    return places;
}

std::string read_small_file(const fs::path& path) {
    std::string text;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0 && text.size() < (1u << 20);) {
        text.append(buffer, static_cast<std::size_t>(n));
    }
    close(fd);
    return text;
}

bool write_small_file(const fs::path& path, const std::string& text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int reason = errno;
    close(fd);
    errno = reason;
    return written;
}

namespace {

/// Numbered field of /proc/<pid>/stat as proc(5) counts them; the process name may hold anything,
/// so counting starts behind it.
unsigned long long stat_field(const std::string& stat, int number) {
    constexpr int kFirstAfterName = 3;
    const auto name_end = stat.rfind(')');
    if (name_end == std::string::npos || name_end + 2 > stat.size()) return 0;
    std::istringstream rest(stat.substr(name_end + 2));
    std::string field;
    for (int i = kFirstAfterName; i <= number; ++i) rest >> field;
    return std::strtoull(field.c_str(), nullptr, 10);
}

}  // namespace

unsigned long long process_start_time(long pid) {
    constexpr int kStartTime = 22;
    return stat_field(read_small_file(fmt::format("/proc/{}/stat", pid)), kStartTime);
}

unsigned long long process_cpu_ms(long pid) {
    constexpr int kUserTime = 14, kSystemTime = 15;
    const std::string stat = read_small_file(fmt::format("/proc/{}/stat", pid));
    const auto ticks = stat_field(stat, kUserTime) + stat_field(stat, kSystemTime);
    return ticks * 1000 / static_cast<unsigned long long>(sysconf(_SC_CLK_TCK));
}

}  // namespace hearth::backend
