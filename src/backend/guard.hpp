#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/base/unique_fd.hpp"

namespace hearth::backend {

struct Confinement;

/// A small process that outlives a daemon which is killed, and then ends what no parent-death
/// signal reaches: bubblewrap's child before it has asked for one (it may wait for its dead parent
/// for ever), and children of runtimes that have no pid namespace of their own. It removes the
/// control groups, too. Owner: the backend. Destroying it ends the process without its doing
/// anything.
class Guard {
 public:
    static Result<Guard> start(const Confinement& confinement);
    Guard(Guard&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard();

 private:
    explicit Guard(pid_t pid) : pid_(pid) {}
    pid_t pid_ = 0;
};

/// What the process does: waits for the lifeline's end, then ends every sandbox that shows
/// `accounts` and removes the control groups and the folder `settings`. Returns the exit code.
int run_guard(int lifeline, const std::string& accounts,
              const std::vector<std::string>& cgroup_parents, const std::string& settings);

}  // namespace hearth::backend
