#include "backend/zygote.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include "backend/exit_status.hpp"
#include "backend/spawn.hpp"

namespace hearth::backend {
namespace {

namespace net = aio::net;

constexpr std::size_t kLongestPacket = 64 * 1024;
constexpr auto kStartLimit = std::chrono::seconds(20);
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLongestPause = std::chrono::seconds(30);
/// So many failed forks in a row mean that this machine does not let it; then plain starts are
/// quicker.
constexpr unsigned kMostRefusals = 3;
constexpr auto kRefusalPause = std::chrono::minutes(5);

Error no_zygote(std::string message, std::string detail = "") {
    return Error(Errc::unavailable, std::move(message), std::move(detail), "backend");
}

/// One packet with the two descriptors attached. errno on failure, else 0.
int send_packet(int socket, const std::string& text, int out, int err) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    int descriptors[2] = {out, err};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptors);
    std::memcpy(CMSG_DATA(header), descriptors, sizeof descriptors);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

/// One packet and the descriptor that may come with it.
ssize_t receive_packet(int socket, std::string& buffer, base::UniqueFd& descriptor) {
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const cmsghdr* header = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        descriptor.reset(fd);
    }
    return n;
}

}  // namespace

struct Zygote::Process {
    std::string fault;
    pid_t pid = 0;
    base::UniqueFd pidfd, socket, out, err;
};

Zygote::Zygote(aio::Executor loop, JobThread& spawner, const Confinement& confinement,
               telemetry::Logger& log, ZygoteRecipe recipe, ChildEnded child_ended)
    : loop_(loop),
      spawner_(spawner),
      confinement_(confinement),
      log_(log),
      recipe_(std::move(recipe)),
      child_ended_(std::move(child_ended)),
      socket_(loop),
      pidfd_(loop),
      start_timer_(loop) {}

void Zygote::fork(ForkOrder order, std::shared_ptr<ForkAnswer> answer) {
    const auto now = std::chrono::steady_clock::now();
    last_use_ = now;
    if (state_ == State::idle && now >= not_before_) start();
    if (state_ == State::idle || state_ == State::stopped || now < not_before_) {
        answer->deliver(
            no_zygote(fmt::format("the zygote of {} is being restarted", recipe_.name)));
        return;
    }
    Waiting waiting{std::move(order), std::move(answer)};
    if (state_ == State::starting) {
        waiting_.push_back(std::move(waiting));
    } else {
        send(std::move(waiting));
    }
}

void Zygote::start() {
    state_ = State::starting;
    auto self = shared_from_this();
    auto job = [self] {
        auto process = std::make_shared<Process>();
        int ends[2] = {-1, -1};
        auto out = make_pipe();
        auto err = make_pipe();
        auto variables = make_variables_file(self->recipe_.env);
        if (!out || !err || !variables ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
            process->fault = "no more descriptors";
        } else {
            process->socket.reset(ends[0]);
            base::UniqueFd theirs(ends[1]);
            LaunchOrder order;
            order.name = "zygote-" + self->recipe_.name;
            order.command = self->recipe_.command;
            order.zygote = true;
            order.network = self->recipe_.network;
            order.rlimits = {{"CORE", 0}};
            SpawnRequest request;
            request.executable = fmt::format("/proc/self/fd/{}", kSelfExeFd);
            request.arguments = launch_arguments(self->confinement_, order);
            request.descriptors = {{out->write.get(), STDOUT_FILENO},
                                   {err->write.get(), STDERR_FILENO},
                                   {theirs.get(), kZygoteFd},
                                   {self->confinement_.self_exe.get(), kSelfExeFd},
                                   {variables->get(), kVariablesFd},
                                   {self->confinement_.lifeline.read.get(), kLifelineFd}};
            auto spawned = spawn(request);
            if (!spawned) {
                process->fault = spawned.error().message;
            } else {
                process->pid = spawned->pid;
                process->pidfd = std::move(spawned->pidfd);
                process->out = std::move(out->read);
                process->err = std::move(err->read);
            }
        }
        net::post(self->loop_, [self, process] { self->started(process); });
    };
    if (!spawner_.post(job)) state_ = State::stopped;
}

void Zygote::started(std::shared_ptr<Process> process) {
    if (!process->fault.empty()) return died(process->fault);
    auto self = shared_from_this();
    pid_ = process->pid;
    boost::system::error_code ignored;
    output_ = std::make_shared<OutputReader>(loop_, [self](OutputLine line) {
        self->log_.log(telemetry::Level::debug, "backend", line.message,
                       {{telemetry::kInstance, "zygote-" + self->recipe_.name}});
    });
    output_->start(std::move(process->out), std::move(process->err));
    fcntl(process->socket.get(), F_SETFL, O_NONBLOCK);
    socket_.assign(process->socket.release(), ignored);
    pidfd_.assign(process->pidfd.release(), ignored);
    if (state_ == State::stopped) return kill_process();
    start_timer_.expires_after(kStartLimit);
    start_timer_.async_wait([self](boost::system::error_code ec) {
        if (!ec && self->state_ == State::starting) self->died("it was not ready in time");
    });
    read_packets();
}

void Zygote::read_packets() {
    auto self = shared_from_this();
    socket_.async_wait(Descriptor::wait_read, [self](boost::system::error_code ec) {
        if (ec || !self->socket_.is_open()) return;
        std::string buffer(kLongestPacket, '\0');
        for (;;) {
            base::UniqueFd pidfd;
            const ssize_t n = receive_packet(self->socket_.native_handle(), buffer, pidfd);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
            if (n <= 0) return self->died("it ended");
            const std::string_view packet(buffer.data(), static_cast<std::size_t>(n));
            self->take_packet(packet, std::move(pidfd));
        }
        if (self->socket_.is_open()) self->read_packets();
    });
}

void Zygote::take_packet(std::string_view packet, base::UniqueFd pidfd) {
    boost::json::error_code bad;
    const auto value = boost::json::parse(packet, bad);
    if (bad || !value.is_object()) return;
    const auto& object = value.get_object();
    if (object.contains("ready")) {
        if (state_ != State::starting) return;
        state_ = State::ready;
        failures_ = 0;
        start_timer_.cancel();
        auto waiting = std::move(waiting_);
        waiting_.clear();
        for (auto& one : waiting) send(std::move(one));
        return;
    }
    const auto* pid = object.if_contains("pid");
    const bool has_pid = pid != nullptr && pid->is_int64();
    const auto told = has_pid ? static_cast<pid_t>(pid->get_int64()) : 0;
    const auto* name = object.if_contains("name");
    const bool has_name = name != nullptr && name->is_string();
    const std::string who = has_name ? std::string(name->get_string()) : std::string();
    if (const auto* status = object.if_contains("status");
        has_pid && status != nullptr && status->is_int64()) {
        child_ended_({who, told, static_cast<int>(status->get_int64())});
        return;
    }
    const auto found = answers_.find(who);
    if (found == answers_.end()) return;
    auto answer = std::move(found->second);
    answers_.erase(found);
    if (has_pid) {
        refusals_ = 0;
        return answer_fork(*answer, told, std::move(pidfd));
    }
    const auto* error = object.if_contains("error");
    const std::string why =
        error != nullptr && error->is_string() ? std::string(error->get_string()) : "";
    note_refusal(why);
    answer->deliver(
        no_zygote(fmt::format("the zygote of {} could not fork an instance", recipe_.name), why));
}

void Zygote::answer_fork(ForkAnswer& answer, pid_t told, base::UniqueFd pidfd) {
    // A zygote in a pid namespace of its own counts otherwise; the descriptor knows better.
    const bool same_numbers = !confinement_.sandbox.works || !confinement_.sandbox.user_namespace;
    ForkedChild child;
    child.pid = pidfd ? pid_of_pidfd(pidfd.get()) : same_numbers ? told : 0;
    child.pidfd = std::move(pidfd);
    if (!child.pidfd && child.pid > 0)
        child.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
    if (!child.pidfd || child.pid <= 0) {
        answer.deliver(
            Error(Errc::unavailable, "the forked instance ended at once", "", "instance"));
        return;
    }
    // Whoever asked has given up by now: nobody else would end the child.
    const base::UniqueFd own(fcntl(child.pidfd.get(), F_DUPFD_CLOEXEC, 0));
    if (!answer.deliver(std::move(child)))
        syscall(SYS_pidfd_send_signal, own.get(), SIGKILL, nullptr, 0);
}

void Zygote::note_refusal(const std::string& why) {
    if (++refusals_ < kMostRefusals) return;
    refusals_ = 0;
    not_before_ = std::chrono::steady_clock::now() + kRefusalPause;
    log_.log(
        telemetry::Level::warn, "backend",
        fmt::format(
            "the zygote of {} cannot fork here; instances are started without it for {} minutes",
            recipe_.name, kRefusalPause.count()),
        {{telemetry::kErr, why}});
}

void Zygote::send(Waiting waiting) {
    const std::string text = boost::json::serialize(waiting.order.packet);
    const int error = send_packet(socket_.native_handle(), text, waiting.order.out->get(),
                                  waiting.order.err->get());
    if (error != 0) {
        waiting.answer->deliver(no_zygote(fmt::format("the zygote of {} takes no order: {}",
                                                      recipe_.name, std::strerror(error))));
        return;
    }
    answers_[waiting.order.name] = std::move(waiting.answer);
}

void Zygote::fail_all(const Error& error) {
    auto waiting = std::move(waiting_);
    waiting_.clear();
    auto answers = std::move(answers_);
    answers_.clear();
    for (auto& one : waiting) one.answer->deliver(error);
    for (auto& [name, answer] : answers) answer->deliver(error);
}

void Zygote::died(const std::string& why) {
    if (state_ == State::stopped) return;
    if (output_) output_->drain();
    const std::string last = output_ ? output_->last_output() : "";
    kill_process();
    state_ = State::idle;
    const auto pause = std::min<std::chrono::milliseconds>(
        kLongestPause, kFirstPause * (1 << std::min(failures_, 10u)));
    ++failures_;
    not_before_ = std::chrono::steady_clock::now() + pause;
    log_.log(
        telemetry::Level::warn, "backend",
        fmt::format("the zygote of {} is gone ({}); instances are started without one for {} ms",
                    recipe_.name, why, pause.count()),
        {{telemetry::kErr, last}});
    fail_all(no_zygote(fmt::format("the zygote of {} is gone: {}", recipe_.name, why), last));
}

void Zygote::kill_process() {
    boost::system::error_code ignored;
    start_timer_.cancel();
    socket_.close(ignored);
    if (output_) output_->close();
    const pid_t pid = pid_.exchange(0);
    if (pid == 0) return;
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pidfd_.close(ignored);
}

void Zygote::stop() {
    state_ = State::stopped;
    fail_all(no_zygote("the backend is shutting down"));
    kill_process();
}

}  // namespace hearth::backend
