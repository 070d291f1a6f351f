#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace hearth::backend {

/// How bubblewrap can be used on this machine.
struct SandboxSupport {
    bool works = false;
    bool user_namespace = false;  ///< it needs one (the daemon is not root)
    std::string program;          ///< path of bwrap
    std::string obstacle;         ///< unless it works: what stands in the way and the remedy
};

/// What one process is to see of the machine.
struct SandboxView {
    struct Bind {
        std::filesystem::path from;
        std::filesystem::path to;
        bool writable = false;
    };
    std::string hostname;
    std::vector<std::filesystem::path> read_only;  ///< shown at their own paths
    std::vector<Bind> binds;
    std::filesystem::path accounts;  ///< folder with a made-up passwd and group
    bool network = true;
    bool tool_settings = false;  ///< /etc of package managers, which may hold addresses and keys
    /// For a zygote: keeps what it needs to arrange namespaces of its children and, as root, the
    /// machine's process ids.
    bool may_mount = false;
    int info_fd = -1;
};

/// bubblewrap's command line up to and including "--".
std::vector<std::string> sandbox_arguments(const SandboxSupport& support, const SandboxView& view);

/// Where an instance finds its parts inside.
inline constexpr char kSocketInside[] = "/run/hearth/http.sock";
/// Where a zygote sees the instances' folders and control groups; its children detach it.
inline constexpr char kZygoteMount[] = "/run/hearth-zygote";

}  // namespace hearth::backend
