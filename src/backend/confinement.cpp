#include "backend/confinement.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include <fmt/format.h>

#include "backend/cgroup_mounts.hpp"
#include "backend/spawn.hpp"
#include "backend/system_call_filter.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr auto kProbeLimit = std::chrono::seconds(5);
constexpr char kInstallRemedy[] = "install the package bubblewrap (apt-get install bubblewrap)";

/// User ids nobody else hands out: above those of containers (systemd's end at 1879048191) and of
/// /etc/subuid. Inside a container with few ids, the upper part of the usual 65,536.
constexpr long kFirstUids[] = {1'900'000'000, 40'000};
constexpr long kUids = 20'000;

bool ids_exist(const char* map_file, long first) {
    std::ifstream map(map_file);
    for (long inside, outside, count; map >> inside >> outside >> count;) {
        if (first >= inside && first + kUids <= inside + count) return true;
    }
    return false;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

std::string find_bwrap() {
    auto found = resolve_command({"bwrap"}, {}, {});
    return found ? found->argv.front() : "";
}

Result<Finished> run_order(const Confinement& confinement, const LaunchOrder& order) {
    SpawnRequest request;
    request.executable = fmt::format("/proc/self/fd/{}", kSelfExeFd);
    request.arguments = launch_arguments(confinement, order);
    auto variables = make_variables_file({});
    if (!variables) return variables.error();
    request.descriptors = {{confinement.self_exe.get(), kSelfExeFd},
                           {variables->get(), kVariablesFd}};
    return run_to_end(std::move(request), kProbeLimit);
}

/// Runs `command` confined as an instance is; empty when it worked, else what went wrong.
std::string try_command(const Confinement& confinement, std::vector<std::string> command, long uid,
                        const std::string& cgroup = "") {
    LaunchOrder order;
    order.name = cgroup.empty() ? "probe" : cgroup;
    auto resolved = resolve_command(command, {}, confinement.hidden);
    if (!resolved) return resolved.error().message;
    order.command = std::move(*resolved);
    order.uid = uid;
    order.in_cgroup = !cgroup.empty();
    order.die_with_daemon = false;
    auto finished = run_order(confinement, order);
    if (!finished) return finished.error().message;
    if (finished->exit_code == 0) return "";
    if (finished->output.empty()) return fmt::format("exit code {}", finished->exit_code);
    return first_line(finished->output);
}

void probe_users(Confinement& confinement) {
    if (geteuid() != 0) {
        confinement.user_obstacle = "the daemon does not run as root";
        return;
    }
    if (confinement.sandbox.works && confinement.sandbox.user_namespace) {
        confinement.user_obstacle = "the sandbox needs a user namespace here, which holds one user";
        return;
    }
    for (const long first : kFirstUids) {
        if (!ids_exist("/proc/self/uid_map", first) || !ids_exist("/proc/self/gid_map", first))
            continue;
        // Without a sandbox the instance walks the machine's own folders to its socket.
        std::vector<std::string> command{"true"};
        if (!confinement.sandbox.works) command = {"test", "-x", confinement.instances.string()};
        const std::string fault = try_command(confinement, command, first);
        if (fault.empty()) {
            confinement.first_uid = first;
            confinement.user_obstacle.clear();
            return;
        }
        confinement.user_obstacle =
            confinement.sandbox.works
                ? fault
                : fmt::format("user {} cannot reach {}: make the folders above it searchable",
                              first, confinement.instances.string());
    }
    if (confinement.user_obstacle.empty())
        confinement.user_obstacle = "no free user ids in this container";
}

void probe_sandbox(Confinement& confinement) {
    SandboxSupport& support = confinement.sandbox;
    support.program = find_bwrap();
    if (support.program.empty()) {
        support.obstacle = std::string("bubblewrap is not installed: ") + kInstallRemedy;
        return;
    }
    support.works = true;  // launch_arguments builds the sandboxed form
    for (const bool user_namespace : {false, true}) {
        if (!user_namespace && geteuid() != 0) continue;
        support.user_namespace = user_namespace;
        const std::string fault = try_command(confinement, {"true"}, -1);
        if (fault.empty()) return;
        support.obstacle = fmt::format(
            "bubblewrap does not work here ({}): allow user namespaces (sysctl "
            "kernel.unprivileged_userns_clone=1, "
            "in a container --cap-add SYS_ADMIN and an unconfined seccomp profile)",
            fault);
    }
    support.works = false;
}

void probe_cgroups(Confinement& confinement) {
    confinement.cgroups = CgroupTree::probe();
    if (!confinement.cgroups.any()) return;
    std::string fault;
    if (auto made = confinement.cgroups.create("probe", {}); made.has_error())
        fault = made.error().message;
    if (fault.empty()) fault = try_command(confinement, {"true"}, -1, "probe");
    for (int tries = 0; tries < 100 && !confinement.cgroups.remove("probe"); ++tries) usleep(1000);
    if (fault.empty()) return;
    confinement.cgroups.remove_everything();
    confinement.cgroups = CgroupTree::nothing(fault);
}

void probe_filter(Confinement& confinement) {
    if (auto program = export_system_call_filter()) {
        confinement.filter = base::base64_encode(*program);
    } else {
        confinement.filter_obstacle = program.error().message;
    }
}

Result<void> write_accounts(const fs::path& folder) {
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) return base::from_errno(ec.value(), "make the folder " + folder.string());
    std::ofstream(folder / "passwd") << "root:x:0:0:root:/:/usr/sbin/nologin\n"
                                        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
    std::ofstream(folder / "group") << "root:x:0:\nnogroup:x:65534:\n";
    for (const char* name : {"passwd", "group"}) {
        if (chmod((folder / name).c_str(), 0444) != 0) {
            return base::from_errno(errno, "write " + (folder / name).string());
        }
    }
    return {};
}

}  // namespace

Result<Confinement> probe_confinement(const ProcessBackendOptions& options) {
    using Isolation = ProcessBackendOptions::Isolation;
    Confinement confinement;
    confinement.self_exe.reset(open(options.self_exe.c_str(), O_RDONLY | O_CLOEXEC));
    if (!confinement.self_exe) return base::from_errno(errno, "open " + options.self_exe);
    auto lifeline = make_pipe();
    if (!lifeline) return lifeline.error();
    confinement.lifeline = std::move(*lifeline);
    std::error_code ec;
    const fs::path run = fs::canonical(options.run_folder, ec);
    if (ec) return base::from_errno(ec.value(), "find " + options.run_folder.string());
    confinement.instances = run / "instances";
    confinement.instances_fd.reset(open(confinement.instances.c_str(), O_PATH | O_CLOEXEC));
    if (!confinement.instances_fd)
        return base::from_errno(errno, "open " + confinement.instances.string());
    // Named anew each time: the guard of a killed daemon looks for its own sandboxes only.
    confinement.accounts = run / ("accounts-" + base::random_hex(4));
    confinement.hidden = run.parent_path();
    if (auto written = write_accounts(confinement.accounts); written.has_error())
        return written.error();
    probe_filter(confinement);
    if (options.isolation != Isolation::basic) {
        probe_sandbox(confinement);
    } else {
        confinement.sandbox.obstacle = "switched off by process.isolation: basic";
    }
    if (options.isolation == Isolation::sandbox && !confinement.sandbox.works) {
        return Error(
            Errc::unsupported,
            fmt::format("process.isolation is sandbox, but {}", confinement.sandbox.obstacle), "",
            "backend");
    }
    probe_users(confinement);
    probe_cgroups(confinement);
    if (confinement.sandbox.works) confinement.settings = make_settings_place();
    return confinement;
}

std::string Confinement::describe() const {
    std::string text = sandbox.works ? "bubblewrap" : "no sandbox";
    if (sandbox.works && sandbox.user_namespace) text += " (user namespace)";
    text += first_uid >= 0 ? ", own user" : ", the daemon's user";
    text +=
        ", " + (cgroups.any() ? cgroups.describe() : std::string("resource limits per process"));
    if (!filter.empty()) text += ", system call filter";
    return text;
}

std::vector<std::string> launch_arguments(const Confinement& confinement,
                                          const LaunchOrder& order) {
    std::vector<std::string> words{"hearth", "exec-instance"};
    const auto add = [&words](std::string name, std::string value) {
        words.push_back(std::move(name));
        words.push_back(std::move(value));
    };
    if (order.die_with_daemon) {
        add("--parent", std::to_string(getpid()));
        add("--lifeline", std::to_string(kLifelineFd));
    }
    add("--oom-score", "500");
    if (order.in_cgroup) {
        for (const auto& file : confinement.cgroups.procs_files(order.name))
            add("--cgroup", file.string());
    }
    if (confinement.sandbox.works) {
        SandboxView view;
        view.hostname = order.name;
        view.read_only = order.command.folders;
        view.accounts = confinement.accounts;
        view.network = order.network;
        view.may_mount = order.zygote;
        view.tool_settings = order.tool_settings;
        view.binds = order.binds;
        if (!order.folder.root().empty()) {
            view.info_fd = kInfoFd;
            view.binds = {{order.folder.userfunc(), "/userfunc", false},
                          {order.folder.secrets(), "/secrets", false},
                          {order.folder.configs(), "/configs", false},
                          {order.folder.sock(), "/run/hearth", true}};
        }
        if (order.zygote && !confinement.settings.folder.empty()) {
            view.binds.push_back(
                {confinement.settings.folder, fs::path(kZygoteMount) / "settings", false});
        }
        if (order.zygote) {
            view.binds.push_back(
                {confinement.instances, fs::path(kZygoteMount) / "instances", true});
            int number = 0;
            for (const auto& parent : confinement.cgroups.parents()) {
                view.binds.push_back(
                    {parent, fs::path(kZygoteMount) / fmt::format("cgroup{}", number++), true});
            }
        }
        words.push_back("--");
        auto outer = sandbox_arguments(confinement.sandbox, view);
        words.insert(words.end(), outer.begin(), outer.end());
        words.push_back(fmt::format("/proc/self/fd/{}", kSelfExeFd));
        words.push_back("exec-instance");
    }
    words.push_back("--last");
    if (order.die_with_daemon && confinement.sandbox.works) {
        add("--lifeline", std::to_string(kLifelineFd));
    }
    for (const auto& [name, value] : order.rlimits)
        add("--rlimit", fmt::format("{}={}", name, value));
    if (order.uid >= 0) add("--uid", std::to_string(order.uid));
    add("--variables-fd", std::to_string(kVariablesFd));
    // A zygote mounts for its children, which then deny themselves the same calls.
    if (order.zygote) {
        add("--keep-fd", std::to_string(kZygoteFd));
    } else if (!confinement.filter.empty()) {
        words.push_back("--filter");
    }
    const bool outside = !confinement.sandbox.works && !order.folder.root().empty();
    const std::string folder = outside ? order.folder.root().string() : "/";
    add("--chdir", order.working_folder.empty() ? folder : order.working_folder);
    words.push_back("--");
    words.insert(words.end(), order.command.argv.begin(), order.command.argv.end());
    return words;
}

}  // namespace hearth::backend
