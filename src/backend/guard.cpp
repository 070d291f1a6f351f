#include "backend/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <fmt/format.h>

#include "backend/cgroup.hpp"
#include "backend/cgroup_mounts.hpp"
#include "backend/confinement.hpp"
#include "backend/spawn.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr auto kPause = std::chrono::milliseconds(20);
/// Processes on their way from the daemon to bubblewrap may appear a moment later.
constexpr int kCleanScans = 10;
constexpr int kMostScans = 200;

/// bubblewrap itself, or exec-instance about to become it.
bool starts_sandbox(const std::string& command_line) {
    const std::string program = command_line.substr(0, command_line.find('\0'));
    if (fs::path(program).filename() == "bwrap") return true;
    const auto second = program.size() + 1;
    return command_line.compare(std::min(second, command_line.size()), 13, "exec-instance") == 0;
}

/// Ends them; how many there were.
int end_sandboxes(const std::string& accounts) {
    int found = 0;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator("/proc", ec)) {
        const long pid = std::strtol(entry.path().filename().c_str(), nullptr, 10);
        if (pid <= 0 || pid == getpid()) continue;
        const std::string command_line = read_small_file(entry.path() / "cmdline");
        if (command_line.find(accounts) == std::string::npos || !starts_sandbox(command_line))
            continue;
        if (kill(static_cast<pid_t>(pid), SIGKILL) == 0) ++found;
    }
    return found;
}

}  // namespace

Result<Guard> Guard::start(const Confinement& confinement) {
    base::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return base::from_errno(errno, "open /dev/null");
    SpawnRequest request;
    request.executable = fmt::format("/proc/self/fd/{}", kSelfExeFd);
    request.arguments = {"hearth",     "exec-instance",
                         "--guard",    confinement.accounts.string(),
                         "--lifeline", std::to_string(kLifelineFd)};
    for (const auto& parent : confinement.cgroups.parents()) {
        request.arguments.push_back("--cgroup");
        request.arguments.push_back(parent.string());
    }
    if (!confinement.settings.folder.empty()) {
        request.arguments.push_back("--settings");
        request.arguments.push_back(confinement.settings.folder.string());
    }
    request.descriptors = {{null.get(), STDOUT_FILENO},
                           {null.get(), STDERR_FILENO},
                           {confinement.lifeline.read.get(), kLifelineFd},
                           {confinement.self_exe.get(), kSelfExeFd}};
    auto spawned = spawn(request);
    if (!spawned) return spawned.error();
    return Guard(spawned->pid);
}

Guard::~Guard() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

int run_guard(int lifeline, const std::string& accounts,
              const std::vector<std::string>& cgroup_parents, const std::string& settings) {
    pollfd wait{lifeline, POLLIN, 0};
    while (poll(&wait, 1, -1) != 1) {
        if (errno != EINTR) return 1;
    }
    for (const auto& parent : cgroup_parents) remove_cgroup_tree(parent);
    int clean = 0;
    for (int scan = 0; scan < kMostScans && clean < kCleanScans; ++scan) {
        clean = end_sandboxes(accounts) == 0 ? clean + 1 : 0;
        std::this_thread::sleep_for(kPause);
    }
    for (const auto& parent : cgroup_parents) remove_cgroup_tree(parent);
    remove_settings_place(settings);
    return 0;
}

}  // namespace hearth::backend
