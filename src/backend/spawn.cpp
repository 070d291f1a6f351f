#include "backend/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace hearth::backend {
namespace {

constexpr std::size_t kKeptOutput = 4096;

/// posix_spawn's file actions and attributes, released on every way out.
struct SpawnSetup {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    SpawnSetup() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSetup() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
};

void set_attributes(posix_spawnattr_t& attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

}  // namespace

Result<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return base::from_errno(errno, "make a pipe");
    Pipe pipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return pipe;
}

Result<base::UniqueFd> make_variables_file(const std::map<std::string, std::string>& variables) {
    base::UniqueFd file(memfd_create("variables", MFD_CLOEXEC));
    if (!file) return base::from_errno(errno, "make a memory file");
    std::string text;
    for (const auto& [name, value] : variables) {
        text += name + "=" + value;
        text.push_back('\0');
    }
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t n = write(file.get(), text.data() + at, text.size() - at);
        if (n <= 0) return base::from_errno(errno, "write a memory file");
        at += static_cast<std::size_t>(n);
    }
    return file;
}

Result<Spawned> spawn(const SpawnRequest& request) {
    SpawnSetup setup;
    set_attributes(setup.attributes);
    posix_spawn_file_actions_addopen(&setup.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    std::vector<base::UniqueFd> held;
    int highest = STDERR_FILENO;
    for (const auto& [from, to] : request.descriptors) {
        // Out of the way first: a descriptor's own number may be one of the targets.
        base::UniqueFd high(fcntl(from, F_DUPFD_CLOEXEC, 64));
        if (!high) return base::from_errno(errno, "duplicate a descriptor");
        posix_spawn_file_actions_adddup2(&setup.actions, high.get(), to);
        highest = std::max(highest, to);
        held.push_back(std::move(high));
    }
    posix_spawn_file_actions_addclosefrom_np(&setup.actions, highest + 1);
    for (int number = STDERR_FILENO + 1; number < highest; ++number) {
        bool given = false;
        for (const auto& pair : request.descriptors) given = given || pair.second == number;
        if (!given) posix_spawn_file_actions_addclose(&setup.actions, number);
    }
    std::vector<char*> argv;
    for (const auto& argument : request.arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char language[] = "LANG=C.UTF-8";
    char* envp[] = {path, language, nullptr};
    pid_t pid = 0;
    const int error = posix_spawn(&pid, request.executable.c_str(), &setup.actions,
                                  &setup.attributes, argv.data(), envp);
    if (error != 0) {
        const Errc code = error == EAGAIN ? Errc::exhausted : Errc::unavailable;
        return Error(code,
                     fmt::format("cannot start {}: {}", request.executable, std::strerror(error)),
                     "", "backend");
    }
    Spawned spawned;
    spawned.pid = pid;
    spawned.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!spawned.pidfd) {
        const int reason = errno;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        return base::from_errno(reason, "open a pidfd");
    }
    return spawned;
}

Result<Finished> run_to_end(SpawnRequest request, std::chrono::milliseconds limit) {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    request.descriptors.emplace_back(pipe->write.get(), STDOUT_FILENO);
    request.descriptors.emplace_back(pipe->write.get(), STDERR_FILENO);
    auto spawned = spawn(request);
    if (!spawned) return spawned.error();
    pipe->write.reset();
    Finished finished;
    const auto until = std::chrono::steady_clock::now() + limit;
    bool ended = false;
    while (!ended) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        pollfd waits[2] = {{spawned->pidfd.get(), POLLIN, 0}, {pipe->read.get(), POLLIN, 0}};
        const nfds_t count = pipe->read ? 2 : 1;
        if (poll(waits, count, static_cast<int>(left.count())) < 0 && errno != EINTR) break;
        ended = (waits[0].revents & POLLIN) != 0;
        if (!pipe->read || (waits[1].revents == 0 && !ended)) continue;
        char buffer[4096];
        for (;;) {
            const ssize_t n = read(pipe->read.get(), buffer, sizeof buffer);
            if (n == 0) pipe->read.reset();
            if (n <= 0) break;
            finished.output.append(buffer, static_cast<std::size_t>(n));
            if (finished.output.size() > kKeptOutput) finished.output.resize(kKeptOutput);
        }
    }
    if (!ended) kill(-spawned->pid, SIGKILL);
    int status = 0;
    waitpid(spawned->pid, &status, 0);
    if (ended) {
        finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return finished;
}

}  // namespace hearth::backend
