#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "hearth/http/endpoint.hpp"

namespace hearth::test {

/// A blocking socket that sends exactly the bytes it is told to. Every wait ends after ten seconds
/// at the latest.
class RawClient {
 public:
    explicit RawClient(const http::Endpoint& endpoint) {
        const bool local = endpoint.type == http::Endpoint::Type::unix_socket;
        fd_ = ::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = -1;
        if (local) {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            std::strncpy(address.sun_path, endpoint.host.c_str(), sizeof address.sun_path - 1);
            rc = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
        } else {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(endpoint.port);
            ::inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
            rc = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
            const int on = 1;
            ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        if (rc != 0)
            throw std::runtime_error("connect to " + endpoint.to_string() + ": " +
                                     std::strerror(errno));
    }
    explicit RawClient(int connected_fd) : fd_(connected_fd) {}
    ~RawClient() { close(); }
    RawClient(RawClient&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    /// False when the peer has gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    /// Everything up to and including `mark`; what came so far when the peer ends or nothing comes.
    std::string read_until(std::string_view mark) {
        for (;;) {
            const auto at = buffer_.find(mark);
            if (at != std::string::npos) return take(at + mark.size());
            if (!receive()) return take(buffer_.size());
        }
    }
    std::string read_exactly(std::size_t bytes) {
        while (buffer_.size() < bytes && receive()) {
        }
        return take(std::min(bytes, buffer_.size()));
    }
    /// Everything until the peer ends or resets.
    std::string read_to_end() {
        while (receive()) {
        }
        return take(buffer_.size());
    }
    /// Head and Content-Length body of one response; a chunked one in its wire form.
    std::string read_response() {
        std::string head = read_until("\r\n\r\n");
        const auto length = head.find("Content-Length: ");
        if (length != std::string::npos)
            return head + read_exactly(std::stoul(head.substr(length + 16)));
        if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
            return head + read_until("0\r\n\r\n");
        }
        return head;
    }
    /// True when the peer has ended its side and everything was read.
    bool at_end() { return buffer_.empty() && !receive(); }
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
        if (::poll(&wait, 1, 10'000) <= 0) {
            timed_out_ = true;
            return false;
        }
        char bytes[16384];
        const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
        if (n <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(n));
        return true;
    }
    std::string take(std::size_t n) {
        std::string out = buffer_.substr(0, n);
        buffer_.erase(0, n);
        return out;
    }

    int fd_ = -1;
    std::string buffer_;
    bool timed_out_ = false;
};

/// A listening TCP socket whose connections the test itself answers, byte by byte.
class RawListener {
 public:
    RawListener() {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(fd_, 64) != 0 ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
            throw std::runtime_error(std::string("listen: ") + std::strerror(errno));
        }
        endpoint_.host = "127.0.0.1";
        endpoint_.port = ntohs(address.sin_port);
    }
    ~RawListener() { close(); }
    RawListener(const RawListener&) = delete;
    RawListener& operator=(const RawListener&) = delete;

    const http::Endpoint& endpoint() const { return endpoint_; }
    RawClient accept() {
        pollfd wait{fd_, POLLIN, 0};
        if (::poll(&wait, 1, 10'000) <= 0)
            throw std::runtime_error("nobody connected within ten seconds");
        return RawClient(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
    }
    /// True when a connection waits to be accepted.
    bool pending(int milliseconds) {
        pollfd wait{fd_, POLLIN, 0};
        return ::poll(&wait, 1, milliseconds) > 0;
    }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

 private:
    int fd_ = -1;
    http::Endpoint endpoint_;
};

}  // namespace hearth::test
