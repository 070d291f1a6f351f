#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "backend/guard.hpp"
#include "backend/system_call_filter.hpp"
#include "hearth/backend/process_backend.hpp"

extern char** environ;

namespace hearth::backend {
namespace {

constexpr int kFailed = 126;

struct Options {
    pid_t parent = 0;
    std::vector<std::string> cgroup_files;
    std::vector<std::pair<int, rlim_t>> rlimits;
    long uid = -1;
    std::string folder;
    std::string guard;
    std::string oom_score;
    int variables_fd = -1;
    int keep_fd = -1;
    int lifeline_fd = -1;
    bool last_stage = false;
    bool filter = false;
    std::string settings;
    char** command = nullptr;
};

int fail(const char* what) {
    std::fprintf(stderr, "hearth exec-instance: cannot %s: %s\n", what, std::strerror(errno));
    return kFailed;
}

int limit_number(std::string_view name) {
    if (name == "NOFILE") return RLIMIT_NOFILE;
    if (name == "NPROC") return RLIMIT_NPROC;
    if (name == "DATA") return RLIMIT_DATA;
    if (name == "CORE") return RLIMIT_CORE;
    return -1;
}

bool parse_rlimit(std::string_view text, Options& options) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return false;
    const int number = limit_number(text.substr(0, equals));
    if (number < 0) return false;
    options.rlimits.emplace_back(number, std::strtoull(text.data() + equals + 1, nullptr, 10));
    return true;
}

bool parse(int argc, char** argv, Options& options) {
    for (int i = 0; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "exec-instance" || i == 0) continue;
        if (name == "--last") {
            options.last_stage = true;
            continue;
        }
        if (name == "--filter") {
            options.filter = true;
            continue;
        }
        if (name == "--") {
            options.command = argv + i + 1;
            return i + 1 < argc;
        }
        if (i + 1 >= argc) return false;
        const char* value = argv[++i];
        if (name == "--parent") {
            options.parent = std::atoi(value);
        } else if (name == "--cgroup") {
            options.cgroup_files.emplace_back(value);
        } else if (name == "--rlimit") {
            if (!parse_rlimit(value, options)) return false;
        } else if (name == "--uid") {
            options.uid = std::atol(value);
        } else if (name == "--chdir") {
            options.folder = value;
        } else if (name == "--oom-score") {
            options.oom_score = value;
        } else if (name == "--variables-fd") {
            options.variables_fd = std::atoi(value);
        } else if (name == "--guard") {
            options.guard = value;
        } else if (name == "--settings") {
            options.settings = value;
        } else if (name == "--lifeline") {
            options.lifeline_fd = std::atoi(value);
        } else if (name == "--keep-fd") {
            options.keep_fd = std::atoi(value);
        } else {
            return false;
        }
    }
    return !options.guard.empty();
}

bool write_file(const char* path, std::string_view text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int reason = errno;
    close(fd);
    errno = reason;
    return written;
}

/// The signal is lost when the user changes, and nobody sends it when the parent went before it was
/// asked for.
bool die_with_parent(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
    if (parent != 0 && getppid() != parent) _exit(kFailed);
    return true;
}

bool daemon_is_gone(int lifeline) {
    pollfd wait{lifeline, POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
}

int become_user(long uid) {
    const auto id = static_cast<uid_t>(uid);
    if (setgroups(0, nullptr) != 0) return fail("drop supplementary groups");
    if (setresgid(id, id, id) != 0) return fail("set the group id");
    if (setresuid(id, id, id) != 0) return fail("set the user id");
    return 0;
}

/// Reads the variables and keeps their text alive for exec.
bool read_variables(int fd, std::string& text, std::vector<char*>& list) {
    char buffer[4096];
    if (lseek(fd, 0, SEEK_SET) != 0) return false;
    for (;;) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0) return false;
        if (n == 0) break;
        text.append(buffer, static_cast<std::size_t>(n));
    }
    for (std::size_t at = 0; at < text.size(); at += std::strlen(text.data() + at) + 1) {
        list.push_back(text.data() + at);
    }
    list.push_back(nullptr);
    return true;
}

void close_others(int keep) {
    const auto first = static_cast<unsigned>(STDERR_FILENO + 1);
    if (keep < 0) {
        close_range(first, ~0u, 0);
        return;
    }
    const auto kept = static_cast<unsigned>(keep);
    if (kept > first) close_range(first, kept - 1, 0);
    close_range(kept + 1, ~0u, 0);
}

/// What has to happen just before the runtime's own code runs: user, limits, variables,
/// descriptors.
int last_stage(const Options& options) {
    std::string text;
    std::vector<char*> variables;
    if (options.variables_fd >= 0 && !read_variables(options.variables_fd, text, variables)) {
        return fail("read the environment variables");
    }
    for (const auto& [number, value] : options.rlimits) {
        rlimit limit{value, value};
        rlimit present{};
        // An unprivileged daemon cannot raise its own hard limit.
        if (getrlimit(static_cast<__rlimit_resource>(number), &present) == 0 && geteuid() != 0 &&
            value > present.rlim_max) {
            limit = {present.rlim_max, present.rlim_max};
        }
        if (setrlimit(static_cast<__rlimit_resource>(number), &limit) != 0)
            return fail("set a resource limit");
    }
    if (options.uid >= 0) {
        if (const int code = become_user(options.uid); code != 0) return code;
        if (!die_with_parent(options.parent)) return fail("ask for the parent-death signal");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail("set no_new_privs");
    if (options.filter) {
        if (auto denied = deny_dangerous_calls(); denied.has_error()) {
            std::fprintf(stderr, "hearth exec-instance: cannot %s\n",
                         denied.error().message.c_str());
            return kFailed;
        }
    }
    // By now the sandbox's own processes end with the daemon; it may have gone before they did.
    if (options.lifeline_fd >= 0 && daemon_is_gone(options.lifeline_fd)) return kFailed;
    close_others(options.keep_fd);
    if (!options.folder.empty() && chdir(options.folder.c_str()) != 0)
        return fail("enter the working folder");
    umask(022);
    execve(options.command[0], options.command,
           options.variables_fd >= 0 ? variables.data() : environ);
    return fail(options.command[0]);
}

}  // namespace

int exec_instance(int argc, char** argv) {
    Options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr, "hearth exec-instance: started by hearth itself, not by people\n");
        return kFailed;
    }
    if (!options.guard.empty())
        return run_guard(options.lifeline_fd, options.guard, options.cgroup_files,
                         options.settings);
    if (options.parent != 0 && !die_with_parent(options.parent)) {
        return fail("ask for the parent-death signal");
    }
    for (const auto& file : options.cgroup_files) {
        if (!write_file(file.c_str(), "0")) return fail(("join " + file).c_str());
    }
    // Raising one's own score needs no right; a refusal only means that it is higher already.
    if (!options.oom_score.empty()) (void)write_file("/proc/self/oom_score_adj", options.oom_score);
    if (options.last_stage) return last_stage(options);
    execv(options.command[0], options.command);
    return fail(options.command[0]);
}

}  // namespace hearth::backend
