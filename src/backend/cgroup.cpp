#include "backend/cgroup.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "backend/cgroup_mounts.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCpuPeriodUs = 100'000;
constexpr char kCore[] = "core";

std::string parent_name() {
    return fmt::format("hearth-{}-{}-{}", getpid(), process_start_time(getpid()),
                       base::random_hex(3));
}

std::vector<pid_t> pids_in(const fs::path& folder) {
    std::vector<pid_t> pids;
    std::istringstream text(read_small_file(folder / "cgroup.procs"));
    for (pid_t pid; text >> pid;) pids.push_back(pid);
    return pids;
}

/// Control groups are removed with rmdir; their files are no files.
bool remove_group(const fs::path& folder) {
    return rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

void kill_in(const fs::path& folder) {
    if (write_small_file(folder / "cgroup.kill", "1")) return;
    for (const pid_t pid : pids_in(folder)) kill(pid, SIGKILL);
}

/// Groups whose daemon is gone: its pid is free or belongs to a process with another start time.
void remove_stale(const fs::path& base) {
    std::error_code ec;
    std::vector<fs::path> stale;
    for (const auto& entry : fs::directory_iterator(base, ec)) {
        long pid = 0;
        unsigned long long start = 0;
        const std::string name = entry.path().filename().string();
        if (std::sscanf(name.c_str(), "hearth-%ld-%llu", &pid, &start) != 2) continue;
        if (process_start_time(pid) != start) stale.push_back(entry.path());
    }
    for (const auto& folder : stale) remove_cgroup_tree(folder);
}

/// A version 2 group hands controllers on only when no process sits in it, the root excepted. A
/// daemon alone in its group (a systemd unit with Delegate=yes) moves itself into a leaf.
bool hand_on_controllers(const fs::path& base) {
    const auto enable = [&] {
        bool memory = write_small_file(base / "cgroup.subtree_control", "+memory");
        bool pids = write_small_file(base / "cgroup.subtree_control", "+pids");
        write_small_file(base / "cgroup.subtree_control", "+cpu");
        return memory || pids;
    };
    if (enable()) return true;
    const auto here = pids_in(base);
    if (here.size() != 1 || here.front() != getpid()) return false;
    const fs::path leaf = base / "hearth-daemon";
    if (mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return false;
    return write_small_file(leaf / "cgroup.procs", "0") && enable();
}

std::uint64_t number_after(const std::string& text, std::string_view key) {
    std::istringstream lines(text);
    std::string name;
    std::uint64_t value = 0;
    while (lines >> name >> value) {
        if (name == key) return value;
    }
    return 0;
}

}  // namespace

void remove_cgroup_tree(const fs::path& parent) {
    std::error_code ec;
    std::vector<fs::path> children;
    for (const auto& entry : fs::directory_iterator(parent, ec)) {
        if (entry.is_directory(ec)) children.push_back(entry.path());
    }
    for (const auto& child : children) {
        kill_in(child);
        // Killed processes leave their group once the kernel has taken them apart.
        for (int tries = 0; tries < 200 && !remove_group(child); ++tries) usleep(1000);
    }
    remove_group(parent);
}

CgroupTree CgroupTree::nothing(std::string why) {
    CgroupTree tree;
    tree.obstacle_ = std::move(why);
    return tree;
}

CgroupTree CgroupTree::over(int version, std::map<std::string, fs::path> parents) {
    CgroupTree tree;
    tree.version_ = version;
    tree.parents_ = std::move(parents);
    return tree;
}

CgroupTree CgroupTree::probe() {
    return probe(find_cgroup_places());
}

void CgroupTree::use_version_2(const fs::path& base, const std::string& name) {
    remove_stale(base);
    const fs::path parent = base / name;
    const std::string offered = read_small_file(base / "cgroup.controllers");
    if (offered.find("memory") != std::string::npos && !hand_on_controllers(base)) {
        obstacle_ = fmt::format("cannot hand controllers on in {}: {}", base.string(),
                                std::strerror(errno));
        return;
    }
    if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) {
        obstacle_ = fmt::format("cannot make {}: {}", parent.string(), std::strerror(errno));
        return;
    }
    version_ = 2;
    // Without any controller a group still holds its processes together until they are ended.
    parents_[kCore] = parent;
    for (const char* controller : {"memory", "pids", "cpu"}) {
        if (write_small_file(parent / "cgroup.subtree_control", fmt::format("+{}", controller)))
            parents_[controller] = parent;
    }
}

CgroupTree CgroupTree::probe(const CgroupPlaces& places) {
    CgroupTree tree;
    const std::string name = parent_name();
    for (const char* controller : {"memory", "pids", "cpu", "cpuacct"}) {
        const auto place = places.v1.find(controller);
        if (place == places.v1.end()) continue;
        remove_stale(place->second);
        const fs::path parent = place->second / name;
        if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) {
            tree.obstacle_ =
                fmt::format("cannot make {}: {}", parent.string(), std::strerror(errno));
            continue;
        }
        tree.version_ = 1;
        tree.parents_[controller] = parent;
    }
    if (tree.version_ == 0 && !places.v2.empty()) tree.use_version_2(places.v2, name);
    if (auto tried = tree.try_out(); tried.has_error()) {
        tree.remove_everything();
        tree.version_ = 0;
        tree.parents_.clear();
        tree.obstacle_ = tried.error().message;
    }
    if (!tree.any() && tree.obstacle_.empty())
        tree.obstacle_ = "no control group file system is mounted";
    return tree;
}

Result<void> CgroupTree::try_out() const {
    if (!any()) return {};
    CgroupLimits limits;
    limits.memory_bytes = 64u << 20;
    limits.cpu_millicores = 1000;
    limits.processes = 16;
    if (auto made = create("probe", limits); made.has_error()) return made;
    if (!remove("probe")) return Error(Errc::io, "cannot remove a control group just made");
    return {};
}

std::string CgroupTree::describe() const {
    if (!any()) return "";
    std::string list;
    for (const char* controller : {"memory", "pids", "cpu"}) {
        if (has(controller)) list += (list.empty() ? "" : ", ") + std::string(controller);
    }
    return fmt::format("cgroup v{} ({})", version_, list.empty() ? "processes only" : list);
}

std::vector<fs::path> CgroupTree::parents() const {
    std::set<fs::path> all;
    for (const auto& [controller, parent] : parents_) all.insert(parent);
    return {all.begin(), all.end()};
}

fs::path CgroupTree::folder(const std::string& controller, const std::string& name) const {
    const auto parent = parents_.find(controller);
    return parent == parents_.end() ? fs::path() : parent->second / name;
}

Result<void> CgroupTree::create(const std::string& name, const CgroupLimits& limits) const {
    for (const auto& parent : parents()) {
        const fs::path group = parent / name;
        if (mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) {
            return base::from_errno(errno, "make the control group " + group.string());
        }
    }
    if (version_ == 2 && has("memory")) {
        // One process over the limit takes the whole instance along instead of leaving half of it.
        write_small_file(folder("memory", name) / "memory.oom.group", "1");
        write_small_file(folder("memory", name) / "memory.swap.max", "0");
    }
    return adjust(name, limits);
}

Result<void> CgroupTree::adjust(const std::string& name, const CgroupLimits& limits) const {
    const auto put = [](const fs::path& file, const std::string& text) -> Result<void> {
        if (write_small_file(file, text)) return {};
        return base::from_errno(errno, "write " + file.string());
    };
    if (limits.memory_bytes != 0 && has("memory")) {
        const fs::path group = folder("memory", name);
        const std::string bytes = std::to_string(limits.memory_bytes);
        const fs::path file = group / (version_ == 1 ? "memory.limit_in_bytes" : "memory.max");
        // memory+swap may never be the smaller of the two, so it is lifted out of the way first.
        const fs::path with_swap = group / "memory.memsw.limit_in_bytes";
        if (version_ == 1) write_small_file(with_swap, "-1");
        if (!write_small_file(file, bytes)) {
            if (errno == EBUSY) {
                return Error(
                    Errc::invalid_argument,
                    fmt::format("a memory limit of {} bytes is less than the runtime already uses",
                                limits.memory_bytes));
            }
            return base::from_errno(errno, "write " + file.string());
        }
        if (version_ == 1) write_small_file(with_swap, bytes);
    }
    if (limits.processes != 0 && has("pids")) {
        auto put_pids = put(folder("pids", name) / "pids.max", std::to_string(limits.processes));
        if (put_pids.has_error()) return put_pids;
    }
    if (limits.cpu_millicores != 0 && has("cpu")) {
        const std::uint64_t quota =
            std::max<std::uint64_t>(1000, limits.cpu_millicores * kCpuPeriodUs / 1000);
        const fs::path group = folder("cpu", name);
        if (version_ == 2) return put(group / "cpu.max", fmt::format("{} {}", quota, kCpuPeriodUs));
        write_small_file(group / "cpu.cfs_period_us", std::to_string(kCpuPeriodUs));
        return put(group / "cpu.cfs_quota_us", std::to_string(quota));
    }
    return {};
}

std::vector<fs::path> CgroupTree::procs_files(const std::string& name) const {
    std::vector<fs::path> files;
    for (const auto& parent : parents()) files.push_back(parent / name / "cgroup.procs");
    return files;
}

std::uint64_t CgroupTree::oom_kills(const std::string& name) const {
    if (!has("memory")) return 0;
    const char* file = version_ == 1 ? "memory.oom_control" : "memory.events";
    return number_after(read_small_file(folder("memory", name) / file), "oom_kill");
}

std::optional<std::uint64_t> CgroupTree::memory_in_use(const std::string& name) const {
    if (!has("memory")) return std::nullopt;
    const std::string text = read_small_file(folder("memory", name) / "memory.stat");
    if (text.empty()) return std::nullopt;
    return number_after(text, version_ == 1 ? "total_rss" : "anon");
}

std::optional<std::uint64_t> CgroupTree::cpu_ms(const std::string& name) const {
    if (version_ == 1 && has("cpuacct")) {
        const std::string text = read_small_file(folder("cpuacct", name) / "cpuacct.usage");
        return std::strtoull(text.c_str(), nullptr, 10) / 1'000'000;
    }
    if (version_ == 2 && has("cpu")) {
        return number_after(read_small_file(folder("cpu", name) / "cpu.stat"), "usage_usec") / 1000;
    }
    return std::nullopt;
}

std::vector<pid_t> CgroupTree::processes(const std::string& name) const {
    if (!any()) return {};
    return pids_in(parents_.begin()->second / name);
}

void CgroupTree::kill_all(const std::string& name) const {
    if (any()) kill_in(parents_.begin()->second / name);
}

bool CgroupTree::remove(const std::string& name) const {
    bool gone = true;
    for (const auto& parent : parents()) gone = remove_group(parent / name) && gone;
    return gone;
}

void CgroupTree::remove_everything() const {
    for (const auto& parent : parents()) remove_cgroup_tree(parent);
}

}  // namespace hearth::backend
