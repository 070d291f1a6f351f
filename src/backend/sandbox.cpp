#include "backend/sandbox.hpp"

#include <algorithm>

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

/// What programs need of /etc; nothing that names people, keys or services of the machine.
constexpr const char* kEtc[] = {
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "ssl/certs",
    "ssl/openssl.cnf",
    "ca-certificates",
    "ca-certificates.conf",
    "pki",
    "resolv.conf",
    "hosts",
    "nsswitch.conf",
    "host.conf",
    "gai.conf",
    "localtime",
    "timezone",
    "mime.types",
    "services",
    "protocols",
    "perl",
    "php",
    "java",
    "jvm",
    "fonts",
    "magic",
};
/// What a build needs besides.
constexpr const char* kToolEtc[] = {"pip.conf", "npmrc", "gitconfig", "maven", "gemrc", "mono"};
/// Version-numbered folders of language packages: python3.11, java-17-openjdk, php8…
constexpr const char* kEtcPrefixes[] = {"python3", "java-", "ruby", "node", "dotnet"};

using Arguments = std::vector<std::string>;

void add(Arguments& arguments, std::initializer_list<std::string> words) {
    arguments.insert(arguments.end(), words);
}

/// bubblewrap makes missing parents of a mount point for its own user alone; the instance has
/// another one.
void add_parents(Arguments& arguments, const fs::path& path) {
    fs::path parent;
    for (const auto& part : path.parent_path()) {
        parent /= part;
        const bool made =
            std::find(arguments.begin(), arguments.end(), parent.string()) != arguments.end();
        if (parent == "/" || made) continue;
        add(arguments, {"--perms", "0755", "--dir", parent.string()});
    }
}

void add_etc(Arguments& arguments, const char* name) {
    std::error_code ec;
    const fs::path path = fs::path("/etc") / name;
    if (!fs::exists(path, ec)) return;
    add_parents(arguments, path);
    add(arguments, {"--ro-bind", path.string(), path.string()});
}

void add_system(Arguments& arguments, bool tool_settings) {
    std::error_code ec;
    add(arguments, {"--ro-bind", "/usr", "/usr"});
    for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt"}) {
        const fs::path path = fs::path("/") / name;
        if (fs::is_symlink(path, ec)) {
            add(arguments, {"--symlink", fs::read_symlink(path, ec).string(), path.string()});
        } else if (fs::is_directory(path, ec)) {
            add(arguments, {"--ro-bind", path.string(), path.string()});
        }
    }
    add(arguments, {"--perms", "0755", "--dir", "/etc"});
    for (const char* name : kEtc) add_etc(arguments, name);
    if (tool_settings) {
        for (const char* name : kToolEtc) add_etc(arguments, name);
    }
    for (const auto& entry : fs::directory_iterator("/etc", ec)) {
        const std::string name = entry.path().filename().string();
        for (const char* prefix : kEtcPrefixes) {
            if (name.rfind(prefix, 0) == 0) {
                add(arguments, {"--ro-bind", entry.path().string(), entry.path().string()});
            }
        }
    }
}

void add_privileges(Arguments& arguments, const SandboxSupport& support, const SandboxView& view) {
    if (support.user_namespace) add(arguments, {"--unshare-user"});
    add(arguments, {"--cap-drop", "ALL"});
    if (view.may_mount) {
        for (const char* capability :
             {"CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL", "CAP_CHOWN",
              "CAP_DAC_OVERRIDE", "CAP_SYS_RESOURCE"}) {
            add(arguments, {"--cap-add", capability});
        }
        return;
    }
    // For the last stage, which changes to the instance's own user; that ends both.
    if (!support.user_namespace)
        add(arguments, {"--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"});
}

}  // namespace

std::vector<std::string> sandbox_arguments(const SandboxSupport& support, const SandboxView& view) {
    Arguments arguments{support.program, "--die-with-parent", "--new-session", "--unshare-ipc",
                        "--unshare-uts"};
    add_privileges(arguments, support, view);
    // In a user namespace its children's pid namespaces take one that belongs to it.
    if (!view.may_mount || support.user_namespace) add(arguments, {"--unshare-pid"});
    if (!view.may_mount) add(arguments, {"--unshare-cgroup-try"});
    if (!view.network) add(arguments, {"--unshare-net"});
    if (!view.hostname.empty()) add(arguments, {"--hostname", view.hostname});
    add_system(arguments, view.tool_settings);
    add(arguments, {"--proc", "/proc", "--dev", "/dev"});
    for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm"}) {
        add_parents(arguments, folder);
        add(arguments, {"--perms", "1777", "--tmpfs", folder});
    }
    add(arguments, {"--perms", "0755", "--dir", "/run"});
    if (!view.accounts.empty()) {
        for (const char* name : {"passwd", "group"}) {
            add(arguments,
                {"--ro-bind", (view.accounts / name).string(), std::string("/etc/") + name});
        }
    }
    if (view.may_mount) {
        add_parents(arguments, kZygoteMount);
        add(arguments, {"--perms", "0755", "--tmpfs", kZygoteMount});
    }
    for (const auto& path : view.read_only) {
        add_parents(arguments, path);
        add(arguments, {"--ro-bind", path.string(), path.string()});
    }
    for (const auto& bind : view.binds) {
        add_parents(arguments, bind.to);
        add(arguments,
            {bind.writable ? "--bind" : "--ro-bind", bind.from.string(), bind.to.string()});
    }
    if (view.may_mount) {
        for (const char* folder : {"/userfunc", "/secrets", "/configs", "/run/hearth"}) {
            add(arguments, {"--perms", "0755", "--dir", folder});
        }
    } else {
        add(arguments, {"--remount-ro", "/"});
    }
    if (view.info_fd >= 0) add(arguments, {"--info-fd", std::to_string(view.info_fd)});
    add(arguments, {"--"});
    return arguments;
}

}  // namespace hearth::backend
