#include "http/stream.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>

namespace hearth::http {
namespace {

// One buffer goes without a message header, which the system would have to fetch as well.
ssize_t send_once(int fd, std::span<iovec> parts) {
    constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (parts.size() == 1) return ::send(fd, parts[0].iov_base, parts[0].iov_len, kFlags);
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return ::sendmsg(fd, &message, kFlags);
}

}  // namespace

bool Stream::adopt(int fd) {
    close();
    if (!poller_.add(fd, *this)) {
        ::close(fd);
        return false;
    }
    fd_ = fd;
    readable_ = true;
    ended_ = writable_ = false;
    return true;
}

void Stream::close() {
    if (fd_ < 0) return;
    poller_.remove(fd_, *this);
    ::close(fd_);
    fd_ = -1;
}

void Stream::note_events(std::uint32_t events) {
    const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    ended_ = ended_ || ended;
    readable_ = readable_ || ended || (events & EPOLLIN) != 0;
    writable_ = writable_ || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
}

void Stream::resume_reader() {
    if (!readable_ || !reader_) return;
    auto reader = std::move(*reader_);
    reader_.reset();
    std::move(reader)();
}

void Stream::resume_writer() {
    if (!writable_ || !writer_) return;
    auto writer = std::move(*writer_);
    writer_.reset();
    std::move(writer)();
}

Task<void> Stream::suspend(Waiter& waiter) {
    auto keep = [this, &waiter](auto handler) {
        const auto slot = handler.get_cancellation_slot();
        waiter.emplace(std::move(handler));
        if (!slot.is_connected()) return;
        auto cancelled = slot;
        cancelled.assign([this, &waiter](net::cancellation_type) { wake(waiter); });
    };
    Token token;
    return net::async_initiate<Token, void()>(keep, token);
}

void Stream::wake(Waiter& waiter) {
    if (!waiter) return;
    net::post(executor(), [resume = std::move(*waiter)]() mutable { std::move(resume)(); });
    waiter.reset();
}

void Stream::wake_all() {
    wake(reader_);
    wake(writer_);
}

Task<Io> Stream::receive(char* data, std::size_t size) {
    for (;;) {
        const auto got = try_receive(data, size);
        if (got.fault != Fault::pending) co_return got;
        co_await readable();
    }
}

Io Stream::try_receive(char* data, std::size_t size) {
    if (read_expired_) return Io{Fault::timeout, 0};
    if (!open()) return Io{Fault::broken, 0};
    if (reads_stopped_) return Io{Fault::stopped, 0};
    while (readable_) {
        const auto n = ::recv(fd_, data, size, MSG_DONTWAIT);
        if (n > 0) {
            // What comes after a short read is reported, except an end that was reported before.
            readable_ = ended_ || static_cast<std::size_t>(n) == size;
            return Io{Fault::none, static_cast<std::size_t>(n)};
        }
        if (n == 0) return Io{Fault::eof, 0};
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) return Io{Fault::broken, 0};
        readable_ = ended_ = false;
    }
    return Io{Fault::pending, 0};
}

Fault Stream::try_write(std::string_view bytes) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return try_write(std::span<const iovec>(&part, 1));
}

Fault Stream::try_write(std::span<const iovec> parts) {
    pending_first_ = 0;
    pending_count_ = 0;
    for (const auto& part : parts) {
        if (part.iov_len > 0) pending_[pending_count_++] = part;
    }
    return send_pending();
}

Fault Stream::send_pending() {
    while (pending_first_ < pending_count_) {
        if (write_expired_) return Fault::timeout;
        const auto n = send_once(
            fd_, std::span(pending_).subspan(pending_first_, pending_count_ - pending_first_));
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? Fault::pending : Fault::broken;
        }
        written_ += static_cast<std::uint64_t>(n);
        auto left = static_cast<std::size_t>(n);
        while (pending_first_ < pending_count_ && left >= pending_[pending_first_].iov_len) {
            left -= pending_[pending_first_].iov_len;
            ++pending_first_;
        }
        if (left > 0) {
            auto& part = pending_[pending_first_];
            part.iov_base = static_cast<char*>(part.iov_base) + left;
            part.iov_len -= left;
        }
    }
    return Fault::none;
}

Task<Fault> Stream::flush() {
    for (;;) {
        if (!open()) co_return Fault::broken;
        const auto fault = send_pending();
        if (fault != Fault::pending) co_return fault;
        auto by = write_limit;
        if (write_patience != std::chrono::steady_clock::duration::max()) {
            by = std::min(by, std::chrono::steady_clock::now() + write_patience);
        }
        const auto waited = co_await wait_writable(by);
        if (waited != Fault::none) co_return waited;
    }
}

Task<Fault> Stream::wait_writable(SteadyTime by) {
    writable_ = false;
    if (open()) poller_.watch_writes(fd_, *this, true);
    write_by = by;
    while (open() && !writable_ && !write_expired_) co_await suspend(writer_);
    write_by = SteadyTime::max();
    if (open()) poller_.watch_writes(fd_, *this, false);
    if (write_expired_) co_return Fault::timeout;
    co_return open() ? Fault::none : Fault::broken;
}

Task<Fault> Stream::write(std::string_view bytes) {
    auto fault = try_write(bytes);
    if (fault == Fault::pending) fault = co_await flush();
    co_return fault;
}

void Stream::shutdown_send() {
    if (open()) ::shutdown(fd_, SHUT_WR);
}

void Stream::stop_reads() {
    reads_stopped_ = true;
    wake(reader_);
}

void Stream::expire() {
    read_expired_ = write_expired_ = true;
    wake_all();
}

void Stream::abort() {
    close();
    wake_all();
}

void Stream::reset_on_close() {
    const linger at_once{1, 0};
    if (open()) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Stream::check_deadlines(SteadyTime now) {
    const bool read_late = now >= read_by;
    const bool write_late = now >= write_by;
    if (!read_late && !write_late) return;
    if (read_late) {
        read_expired_ = true;
        read_by = SteadyTime::max();
    }
    if (write_late) {
        write_expired_ = true;
        write_by = SteadyTime::max();
    }
    wake_all();
}

}  // namespace hearth::http
