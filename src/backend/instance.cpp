#include "backend/instance.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "backend/cgroup_mounts.hpp"
#include "backend/exit_status.hpp"

namespace hearth::backend {
namespace {

namespace net = aio::net;

constexpr auto kStatusPause = std::chrono::milliseconds(1);
constexpr std::size_t kStatusTries = 50;
constexpr auto kLeftoverPause = std::chrono::milliseconds(1);
constexpr int kLeftoverTries = 3000;

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

telemetry::LogEntry::Stream to_log_stream(OutputLine::Stream stream) {
    return stream == OutputLine::Stream::err ? telemetry::LogEntry::Stream::err
                                             : telemetry::LogEntry::Stream::out;
}

std::string describe_exit(const InstanceExit& exit, std::uint64_t memory_limit) {
    switch (exit.cause) {
        case InstanceExit::Cause::out_of_memory:
            return memory_limit == 0
                       ? std::string("ended: out of memory")
                       : fmt::format("ended: out of memory (limit {} MiB)", memory_limit >> 20);
        case InstanceExit::Cause::signalled:
            return fmt::format("ended by signal {}", exit.code);
        default:
            return fmt::format("ended with exit code {}", exit.code);
    }
}

}  // namespace

ManagedInstance::ManagedInstance(InstanceContext& context, std::uint64_t id, std::string name,
                                 InstanceFolder folder, bool in_cgroup)
    : context_(context),
      id_(id),
      name_(std::move(name)),
      folder_(std::move(folder)),
      in_cgroup_(in_cgroup),
      pidfd_(context.loop),
      info_(context.loop),
      kill_timer_(context.loop) {}

bool ManagedInstance::begin_prepare() {
    std::lock_guard lock(mutex_);
    preparing_ = !given_up_;
    return preparing_;
}

void ManagedInstance::end_prepare() {
    {
        std::lock_guard lock(mutex_);
        preparing_ = false;
        if (!given_up_) return;
    }
    abandon();
}

bool ManagedInstance::begin_launch() {
    std::lock_guard lock(mutex_);
    launching_ = !given_up_;
    return launching_;
}

void ManagedInstance::give_up() {
    bool launched = false;
    {
        std::lock_guard lock(mutex_);
        if (given_up_) return;
        given_up_ = true;
        // end_prepare() sees to the rest: what is being made now cannot be removed yet.
        if (preparing_) return;
        launched = launching_;
    }
    if (launched) {
        terminate(std::chrono::milliseconds(0));
    } else {
        abandon();
    }
}

void ManagedInstance::adopt(StartedProcess process) {
    {
        std::lock_guard lock(mutex_);
        pid_ = process.pid;
        own_child_ = process.own_child;
    }
    auto self = shared_from_this();
    auto held = std::make_shared<StartedProcess>(std::move(process));
    net::post(context_.loop, [self, held] { self->watch(std::move(*held)); });
}

void ManagedInstance::watch(StartedProcess process) {
    auto self = shared_from_this();
    output_ = std::make_shared<OutputReader>(
        context_.loop, [this](OutputLine line) { take_line(std::move(line)); });
    output_->start(std::move(process.out), std::move(process.err));
    boost::system::error_code ignored;
    if (process.info) {
        info_.assign(process.info.release(), ignored);
        read_info();
    }
    pidfd_.assign(process.pidfd.release(), ignored);
    pidfd_.async_wait(Descriptor::wait_read, [self](boost::system::error_code ec) {
        if (!ec) self->process_ended();
    });
    // terminate() may have come before there was anything to signal.
    bool stopping = false;
    std::optional<std::chrono::steady_clock::time_point> kill_at;
    {
        std::lock_guard lock(mutex_);
        stopping = stopping_;
        kill_at = kill_at_;
    }
    if (!stopping) return;
    const auto left = *kill_at - std::chrono::steady_clock::now();
    terminate(std::max(std::chrono::milliseconds(0),
                       std::chrono::duration_cast<std::chrono::milliseconds>(left)));
}

void ManagedInstance::read_info() {
    auto self = shared_from_this();
    info_.async_wait(Descriptor::wait_read, [self](boost::system::error_code ec) {
        if (ec) return;
        char buffer[512];
        const ssize_t n = read(self->info_.native_handle(), buffer, sizeof buffer);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return self->read_info();
        if (n > 0 && self->info_text_.size() < 4096) {
            self->info_text_.append(buffer, static_cast<std::size_t>(n));
            return self->read_info();
        }
        boost::system::error_code ignored;
        self->info_.close(ignored);
        boost::json::error_code bad;
        const auto value = boost::json::parse(self->info_text_, bad);
        if (bad || !value.is_object()) return;
        const auto* child = value.get_object().if_contains("child-pid");
        if (child == nullptr || !child->is_int64()) return;
        bool stopping = false;
        {
            std::lock_guard lock(self->mutex_);
            self->inner_pid_ = static_cast<pid_t>(child->get_int64());
            stopping = self->stopping_;
        }
        if (stopping) self->send_signal(SIGTERM);
    });
}

void ManagedInstance::take_line(OutputLine line) {
    telemetry::LogEntry entry;
    std::string ns, function;
    {
        std::lock_guard lock(mutex_);
        if (function_.empty()) return;
        ns = ns_;
        function = function_;
        entry.request_id = line.from_loader ? std::move(line.request_id) : request_id_;
    }
    entry.time = std::chrono::system_clock::now();
    entry.instance = name_;
    if (!budget_.take(line.message.size() + 1, seconds_now())) return;
    if (const std::size_t dropped = budget_.take_dropped(); dropped > 0) {
        telemetry::LogEntry note;
        note.time = entry.time;
        note.stream = telemetry::LogEntry::Stream::platform;
        note.instance = name_;
        note.message =
            fmt::format("{} lines were dropped: more than 1 MiB of output per second", dropped);
        context_.function_log.append(ns, function, std::move(note));
    }
    entry.stream = to_log_stream(line.stream);
    entry.message = std::move(line.message);
    context_.function_log.append(ns, function, std::move(entry));
}

void ManagedInstance::terminate(std::chrono::milliseconds grace) {
    const auto at = std::chrono::steady_clock::now() + grace;
    bool signal_now = false;
    {
        std::lock_guard lock(mutex_);
        if (gone_) return;
        stopping_ = true;
        if (!kill_at_ || at < *kill_at_) kill_at_ = at;
        signal_now = pid_ != 0;
    }
    if (signal_now) send_signal(grace.count() == 0 ? SIGKILL : SIGTERM);
    auto self = shared_from_this();
    net::post(context_.loop, [self, at] {
        {
            std::lock_guard lock(self->mutex_);
            if (self->gone_ || at > *self->kill_at_) return;
        }
        self->kill_timer_.expires_at(at);
        self->kill_timer_.async_wait([self](boost::system::error_code ec) {
            if (!ec) self->kill_all();
        });
    });
}

void ManagedInstance::send_signal(int number) {
    std::lock_guard lock(mutex_);
    if (over_ || pid_ == 0) return;
    // Inside the sandbox the runtime's group is led by its first process, which itself only heeds
    // SIGKILL.
    if (number == SIGKILL) {
        if (inner_pid_ != 0) kill(inner_pid_, SIGKILL);
        kill(-pid_, SIGKILL);
        kill(pid_, SIGKILL);
        return;
    }
    const bool sandboxed = own_child_ && context_.confinement.sandbox.works;
    if (!sandboxed) {
        if (kill(-pid_, number) != 0) kill(pid_, number);
    } else if (inner_pid_ != 0) {
        kill(-inner_pid_, number);
    }
}

void ManagedInstance::kill_all() {
    send_signal(SIGKILL);
    if (in_cgroup_) context_.confinement.cgroups.kill_all(name_);
}

void ManagedInstance::process_ended() {
    int status = 0;
    bool known = false;
    if (own_child_) {
        {
            // From here on the pid may be given to somebody else.
            std::lock_guard lock(mutex_);
            over_ = true;
        }
        known = waitpid(pid_, &status, 0) == pid_;
        conclude(status, known);
        return;
    }
    {
        std::lock_guard lock(mutex_);
        over_ = true;
        if (reaped_status_) {
            status = *reaped_status_;
            known = true;
        }
    }
    if (!known) {
        if (const auto told = wait_status_of_pidfd(pidfd_.native_handle())) {
            status = *told;
            known = true;
        }
    }
    // The zygote reaps a moment later, and only then the kernel tells.
    if (!known && ++status_tries_ < kStatusTries) {
        auto self = shared_from_this();
        kill_timer_.expires_after(kStatusPause);
        kill_timer_.async_wait([self](boost::system::error_code) { self->process_ended(); });
        return;
    }
    conclude(status, known);
}

InstanceExit ManagedInstance::make_exit(int wait_status, bool status_known) const {
    InstanceExit exit;
    exit.id = id_;
    const bool sandboxed = own_child_ && context_.confinement.sandbox.works;
    const DecodedStatus decoded = decode_wait_status(wait_status, sandboxed);
    exit.code = decoded.code;
    exit.cause = decoded.signalled ? InstanceExit::Cause::signalled : InstanceExit::Cause::exited;
    const bool failed = decoded.signalled || decoded.code != 0 || !status_known;
    if (in_cgroup_ && failed && context_.confinement.cgroups.oom_kills(name_) > 0) {
        exit.cause = InstanceExit::Cause::out_of_memory;
    } else if (stopping_) {
        exit.cause = InstanceExit::Cause::stopped;
    }
    exit.last_output = output_ ? output_->last_output() : "";
    return exit;
}

void ManagedInstance::conclude(int wait_status, bool status_known) {
    kill_timer_.cancel();
    if (output_) output_->drain();
    InstanceExit exit;
    std::vector<std::shared_ptr<aio::OneShot<bool>>> waiters;
    {
        std::lock_guard lock(mutex_);
        exit = make_exit(wait_status, status_known);
        exit_ = exit;
        waiters.swap(end_waiters_);
    }
    report(exit);
    for (auto& waiter : waiters) waiter->deliver(true);
    context_.on_exit(exit);
    boost::system::error_code ignored;
    pidfd_.close(ignored);
    info_.close(ignored);
    auto self = shared_from_this();
    if (!context_.janitor.post([self] { self->clean_up(); })) clean_up();
}

void ManagedInstance::report(const InstanceExit& exit) {
    if (exit.cause == InstanceExit::Cause::stopped) return;
    telemetry::LogEntry entry;
    std::string ns, function;
    {
        std::lock_guard lock(mutex_);
        if (function_.empty()) return;
        ns = ns_;
        function = function_;
        entry.request_id = request_id_;
        entry.message = fmt::format("instance {} {}", name_, describe_exit(exit, memory_limit_));
    }
    entry.time = std::chrono::system_clock::now();
    entry.stream = telemetry::LogEntry::Stream::platform;
    entry.instance = name_;
    context_.function_log.append(ns, function, std::move(entry));
}

void ManagedInstance::abandon() {
    {
        std::lock_guard lock(mutex_);
        if (over_) return;
        over_ = true;
    }
    auto self = shared_from_this();
    if (!context_.janitor.post([self] { self->clean_up(); })) clean_up();
}

void ManagedInstance::clean_up() {
    if (in_cgroup_) {
        context_.confinement.cgroups.kill_all(name_);
        for (int tries = 0; tries < kLeftoverTries && !context_.confinement.cgroups.remove(name_);
             ++tries) {
            std::this_thread::sleep_for(kLeftoverPause);
            context_.confinement.cgroups.kill_all(name_);
        }
    }
    folder_.remove();
    // Whoever still held the pipes is gone with the group; where there is none, their output ends
    // here.
    auto self = shared_from_this();
    net::post(context_.loop, [self] {
        if (!self->output_) return;
        self->output_->drain();
        self->output_->close();
    });
    std::vector<std::shared_ptr<aio::OneShot<bool>>> waiters;
    {
        std::lock_guard lock(mutex_);
        gone_ = true;
        waiters.swap(gone_waiters_);
        waiters.insert(waiters.end(), end_waiters_.begin(), end_waiters_.end());
        end_waiters_.clear();
    }
    context_.on_gone(id_);
    gone_condition_.notify_all();
    for (auto& waiter : waiters) waiter->deliver(true);
}

Task<bool> ManagedInstance::wait_gone(Deadline deadline) {
    auto self = shared_from_this();
    auto executor = co_await net::this_coro::executor;
    auto waiter = std::make_shared<aio::OneShot<bool>>(executor);
    {
        std::lock_guard lock(mutex_);
        if (gone_) co_return true;
        gone_waiters_.push_back(waiter);
    }
    auto gone = co_await waiter->wait(deadline);
    std::lock_guard lock(mutex_);
    std::erase(gone_waiters_, waiter);
    co_return gone.has_value();
}

bool ManagedInstance::wait_gone_blocking(Deadline deadline) {
    std::unique_lock lock(mutex_);
    return gone_condition_.wait_until(lock, deadline.at(), [this] { return gone_; });
}

std::optional<InstanceExit> ManagedInstance::ended() const {
    std::lock_guard lock(mutex_);
    return exit_;
}

Task<std::optional<InstanceExit>> ManagedInstance::wait_ended(Deadline deadline) {
    auto self = shared_from_this();
    auto executor = co_await net::this_coro::executor;
    auto waiter = std::make_shared<aio::OneShot<bool>>(executor);
    {
        std::lock_guard lock(mutex_);
        if (exit_ || gone_) co_return exit_;
        end_waiters_.push_back(waiter);
    }
    co_await waiter->wait(deadline);
    std::lock_guard lock(mutex_);
    std::erase(end_waiters_, waiter);
    co_return exit_;
}

void ManagedInstance::set_function(std::string ns, std::string function) {
    std::lock_guard lock(mutex_);
    ns_ = std::move(ns);
    function_ = std::move(function);
}

void ManagedInstance::attribute(std::string_view request_id) {
    std::lock_guard lock(mutex_);
    request_id_ = request_id;
}

void ManagedInstance::set_memory_limit(std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    memory_limit_ = bytes;
}

void ManagedInstance::note_wait_status(int status) {
    std::lock_guard lock(mutex_);
    reaped_status_ = status;
}

bool ManagedInstance::is_process(pid_t pid) const {
    std::lock_guard lock(mutex_);
    return pid_ == pid && !own_child_;
}

pid_t ManagedInstance::runtime_pid() const {
    std::lock_guard lock(mutex_);
    if (inner_pid_ == 0) return pid_;
    const std::string children =
        read_small_file(fmt::format("/proc/{0}/task/{0}/children", inner_pid_));
    const long child = std::strtol(children.c_str(), nullptr, 10);
    return child > 0 ? static_cast<pid_t>(child) : inner_pid_;
}

std::optional<InstanceUsage> ManagedInstance::usage() const {
    const pid_t pid = runtime_pid();
    if (pid == 0 || ended()) return std::nullopt;
    InstanceUsage usage;
    const CgroupTree& cgroups = context_.confinement.cgroups;
    const auto memory = in_cgroup_ ? cgroups.memory_in_use(name_) : std::nullopt;
    const auto cpu = in_cgroup_ ? cgroups.cpu_ms(name_) : std::nullopt;
    if (memory) {
        usage.rss_bytes = *memory;
    } else {
        std::ifstream statm(fmt::format("/proc/{}/statm", pid));
        std::uint64_t size = 0, resident = 0;
        statm >> size >> resident;
        usage.rss_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
    if (cpu) {
        usage.cpu_ms = *cpu;
    } else {
        usage.cpu_ms = process_cpu_ms(pid);
    }
    return usage;
}

}  // namespace hearth::backend
