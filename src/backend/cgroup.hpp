#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/cgroup_mounts.hpp"
#include "hearth/base/result.hpp"

namespace hearth::backend {

struct CgroupLimits {
    std::uint64_t memory_bytes = 0;    ///< 0: unlimited
    std::uint32_t cpu_millicores = 0;  ///< 0: unlimited
    std::uint32_t processes = 0;       ///< 0: unlimited
};

/// Ends every process in the groups below `parent`, removes them and it.
void remove_cgroup_tree(const std::filesystem::path& parent);

/// The daemon's control groups: a parent `hearth-<pid>-<start time>-<random>` below its own group
/// in each hierarchy, one child per instance. Knows version 1 and 2; what the machine does not
/// grant is simply not there. Thread: any after construction; calls for one name do not overlap.
class CgroupTree {
 public:
    /// Nothing in force.
    CgroupTree() = default;
    static CgroupTree nothing(std::string why);
    /// Finds the hierarchies, removes what dead daemons left, makes the parent and tries each
    /// limit. Blocks.
    static CgroupTree probe();
    /// The same in given places.
    static CgroupTree probe(const CgroupPlaces& places);
    /// Over parents that exist, nothing tried: controller → folder.
    static CgroupTree over(int version, std::map<std::string, std::filesystem::path> parents);

    bool any() const { return version_ != 0; }
    bool has(const std::string& controller) const { return parents_.count(controller) != 0; }
    /// "cgroup v1 (memory, pids, cpu)"; empty when there is none.
    std::string describe() const;
    /// Why there is none, for people.
    const std::string& obstacle() const { return obstacle_; }
    /// The parents, each once.
    std::vector<std::filesystem::path> parents() const;

    Result<void> create(const std::string& name, const CgroupLimits& limits) const;
    /// Zero members of `limits` stay as they are. Errors: invalid_argument when more memory is in
    /// use already.
    Result<void> adjust(const std::string& name, const CgroupLimits& limits) const;
    /// Files an own process id is written to in order to join.
    std::vector<std::filesystem::path> procs_files(const std::string& name) const;
    /// Processes the kernel killed there for want of memory.
    std::uint64_t oom_kills(const std::string& name) const;
    std::optional<std::uint64_t> memory_in_use(const std::string& name) const;
    std::optional<std::uint64_t> cpu_ms(const std::string& name) const;
    std::vector<pid_t> processes(const std::string& name) const;
    void kill_all(const std::string& name) const;
    /// False while processes are still going; try again.
    bool remove(const std::string& name) const;
    /// Removes the parents with everything below.
    void remove_everything() const;

 private:
    void use_version_2(const std::filesystem::path& base, const std::string& name);
    Result<void> try_out() const;
    std::filesystem::path folder(const std::string& controller, const std::string& name) const;

    int version_ = 0;
    std::map<std::string, std::filesystem::path> parents_;  ///< controller → parent folder
    std::string obstacle_;
};

}  // namespace hearth::backend
