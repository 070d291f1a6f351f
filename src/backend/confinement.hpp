#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backend/cgroup.hpp"
#include "backend/instance_folder.hpp"
#include "backend/interpreter.hpp"
#include "backend/sandbox.hpp"
#include "backend/settings_place.hpp"
#include "backend/spawn.hpp"
#include "hearth/backend/process_backend.hpp"
#include "hearth/base/unique_fd.hpp"

namespace hearth::backend {

/// What keeps instances apart on this machine, found out by trying. Immutable after
/// probe_confinement().
struct Confinement {
    base::UniqueFd self_exe;  ///< this program, open, so that an upgrade on disk does not matter
    Pipe lifeline;            ///< its write end goes with the daemon, however that ends
    SandboxSupport sandbox;
    CgroupTree cgroups;
    long first_uid = -1;  ///< -1: instances run as the daemon's user
    std::string user_obstacle;
    std::filesystem::path instances;  ///< RUN/instances
    base::UniqueFd instances_fd;     ///< the same, open: a short name for sockets below a long path
    std::filesystem::path accounts;  ///< RUN/accounts-<random>: made-up passwd and group
    std::filesystem::path hidden;    ///< the daemon's data folder, never shown
    SettingsPlace settings;          ///< without a sandbox there is none: its path is not /secrets
    std::string filter;              ///< system call filter as BPF in base64; empty: there is none
    std::string filter_obstacle;

    /// "bubblewrap, own user, cgroup v1 (memory, pids, cpu)".
    std::string describe() const;
    /// Where the secrets and configs of an instance lie: in memory, or "" for its own folder.
    std::filesystem::path settings_of(const std::string& instance) const {
        return settings.folder.empty() ? settings.folder : settings.folder / instance;
    }
};

/// Blocks for some ten milliseconds: runs bubblewrap, makes a control group, changes user in a
/// child. Errors: unsupported when the options ask for a sandbox that does not work (names the
/// remedy); io.
Result<Confinement> probe_confinement(const ProcessBackendOptions& options);

/// One process to be started.
struct LaunchOrder {
    std::string name;
    ResolvedCommand command;
    InstanceFolder folder;  ///< root empty: none (checks, zygotes)
    long uid = -1;
    std::vector<std::pair<std::string, std::uint64_t>> rlimits;  ///< "NOFILE" → value
    bool in_cgroup = false;                                      ///< a group of that name exists
    bool zygote = false;
    bool network = true;
    bool die_with_daemon = true;  ///< only for what a thread starts that outlives it
    std::vector<SandboxView::Bind>
        binds;                   ///< seen besides; without a sandbox they are where they are
    std::string working_folder;  ///< as the process sees it; empty: /, or the folder's root
    bool tool_settings = false;  ///< shows the machine's settings of package managers
};

/// argv of `exec-instance` with everything behind it. Descriptors kSelfExeFd and kVariablesFd must
/// be given; kLifelineFd when it dies with the daemon; kInfoFd when the sandbox works and the order
/// is no zygote; kZygoteFd for a zygote.
std::vector<std::string> launch_arguments(const Confinement& confinement, const LaunchOrder& order);

}  // namespace hearth::backend
