#include "runner/build_process.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "runner/fd.hpp"

namespace hearth::runner {
namespace {

/// Processes that were killed are gone, and their ends of the pipe with them, within this time.
constexpr auto kLastOutput = std::chrono::milliseconds(500);

/// The two names under which images have the command that an empty one stands for.
std::string other_place(const std::string& program) {
    if (program == "build") return "/build";
    if (program == "/build") return "build";
    return "";
}

/// Actions and attributes of one spawn, released with it.
class SpawnSettings {
 public:
    SpawnSettings(const std::string& folder, int output) {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
        ::posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
        ::posix_spawnattr_init(&attributes);
        ::posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        sigset_t signals;
        ::sigemptyset(&signals);
        ::posix_spawnattr_setsigmask(&attributes, &signals);
        // What this program ignores its children would go on ignoring.
        for (const int number : {SIGPIPE, SIGXFSZ, SIGCHLD}) ::sigaddset(&signals, number);
        ::posix_spawnattr_setsigdefault(&attributes, &signals);
    }
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

int spawn_command(const BuildProcess::Order& order, int output, pid_t& pid) {
    std::vector<std::string> words = order.words;
    std::vector<std::string> variables;
    for (const auto& [name, value] : order.env) variables.push_back(name + '=' + value);
    std::vector<char*> arguments, environment;
    for (auto& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    const SpawnSettings settings(order.folder, output);
    const auto attempt = [&](const std::string& program) {
        arguments.clear();
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        return ::posix_spawnp(&pid, program.c_str(), &settings.actions, &settings.attributes,
                              arguments.data(), environment.data());
    };
    const int failure = attempt(words.front());
    const std::string other = other_place(words.front());
    return failure == ENOENT && !other.empty() ? attempt(other) : failure;
}

}  // namespace

Result<std::shared_ptr<BuildProcess>> BuildProcess::start(Executor executor, const Order& order) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return from_errno(errno, "make a pipe");
    Fd write(ends[1]);
    const std::shared_ptr<BuildProcess> process(new BuildProcess(executor, ends[0]));
    process->await_end();
    if (const int failure = spawn_command(order, write.get(), process->pid_); failure != 0) {
        process->pid_ = 0;
        return Fault(422, "not_started", ::strerror(failure));
    }
    return process;
}

BuildProcess::BuildProcess(Executor executor, int output)
    : output_(executor, output), ends_(executor, SIGCHLD), limit_(executor) {}

BuildProcess::~BuildProcess() {
    if (ended_ || pid_ <= 0) return;
    kill_all();
    ::waitpid(pid_, nullptr, 0);
}

void BuildProcess::await_end() {
    ends_.async_wait([weak = weak_from_this()](boost::system::error_code ec, int) {
        const auto self = weak.lock();
        if (ec || !self) return;
        self->reap();
        if (!self->ended_) self->await_end();
    });
}

void BuildProcess::reap() {
    // As the container's first process it inherits what the build leaves behind.
    const pid_t which = ::getpid() == 1 ? -1 : pid_;
    int status = 0;
    for (pid_t one = pid_; one > 0;) {
        one = ::waitpid(which, &status, WNOHANG);
        if (one != pid_) continue;
        status_ = status;
        ended_ = true;
        kill_all();
        boost::system::error_code ignored;
        output_.cancel(ignored);
        limit_.cancel();
        if (which != -1) break;
    }
}

void BuildProcess::kill_all() {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
    if (!ended_ && pid_ > 0) ::kill(pid_, SIGKILL);
    // All that is left in this container was started by the build.
    if (::getpid() == 1) ::kill(-1, SIGKILL);
}

Task<std::string_view> BuildProcess::read(Clock::time_point until) {
    while (!closed_ && Clock::now() < until) {
        const bool last = ended_;
        limit_.expires_at(last ? std::min(until, Clock::now() + kLastOutput) : until);
        limit_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            boost::system::error_code ignored;
            if (!ec && self) self->output_.cancel(ignored);
        });
        auto [ec, count] = co_await output_.async_read_some(net::buffer(room_), use_task);
        const bool late = Clock::now() >= limit_.expiry();
        limit_.cancel();
        if (count > 0) co_return std::string_view(room_.data(), count);
        if (ec == net::error::operation_aborted) {
            // A process that got away from its group keeps the pipe open; nobody waits for it.
            closed_ = last && late;
            continue;
        }
        if (ended_) {
            closed_ = true;
            break;
        }
        // It has closed its output and goes on.
        limit_.expires_at(until);
        co_await limit_.async_wait(use_task);
    }
    co_return std::string_view();
}

int oom_kills() {
    for (const char* path :
         {"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}) {
        const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
        char text[512] = {};
        if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) continue;
        const char* at = ::strstr(text, "oom_kill ");
        if (at != nullptr) return ::atoi(at + ::strlen("oom_kill "));
    }
    return -1;
}

}  // namespace hearth::runner
