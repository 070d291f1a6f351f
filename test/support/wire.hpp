#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::test {

/// A blocking socket that sends exactly the bytes it is told to. Every wait ends after ten seconds
/// at the latest.
class Wire {
 public:
    explicit Wire(int connected_fd) : fd_(connected_fd) {}
    explicit Wire(unsigned short port) = delete;  // a port is no descriptor
    ~Wire() { close(); }
    Wire(Wire&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), held_(std::move(other.held_)) {}
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    /// False when the peer has gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    /// Everything up to and including `mark`; what came so far when the peer ends or nothing comes.
    std::string read_until(std::string_view mark) {
        while (held_.find(mark) == std::string::npos && receive()) {
        }
        const auto at = held_.find(mark);
        return take(at == std::string::npos ? held_.size() : at + mark.size());
    }
    std::string read_exactly(std::size_t bytes) {
        while (held_.size() < bytes && receive()) {
        }
        return take(std::min(bytes, held_.size()));
    }
    /// Everything until the peer ends or resets.
    std::string read_to_end() {
        while (receive()) {
        }
        return take(held_.size());
    }
    /// True when the peer has ended its side and everything was read.
    bool at_end() { return held_.empty() && !receive() && !timed_out_; }
    /// Whether the last wait for bytes ended without any.
    bool timed_out() const { return timed_out_; }

    void half_close() { ::shutdown(fd_, SHUT_WR); }
    /// Closes with a reset.
    void reset() {
        const linger hard{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    int fd() const { return fd_; }

 private:
    bool receive() {
        pollfd wait{fd_, POLLIN, 0};
        // The end of a child of this process interrupts calls, in whichever thread.
        int ready = -1;
        do ready = ::poll(&wait, 1, 10'000);
        while (ready < 0 && errno == EINTR);
        timed_out_ = ready <= 0;
        if (timed_out_) return false;
        char bytes[65536];
        ssize_t n = -1;
        do n = ::recv(fd_, bytes, sizeof bytes, 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0) return false;
        held_.append(bytes, static_cast<std::size_t>(n));
        return true;
    }
    std::string take(std::size_t count) {
        std::string out = held_.substr(0, count);
        held_.erase(0, count);
        return out;
    }

    int fd_;
    std::string held_;
    bool timed_out_ = false;
};

}  // namespace hearth::test
