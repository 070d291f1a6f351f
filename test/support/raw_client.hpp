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
#include "support/wire.hpp"

namespace hearth::test {

/// A connection to where something listens.
class RawClient : public Wire {
 public:
    explicit RawClient(const http::Endpoint& endpoint) : Wire(connect(endpoint)) {}
    explicit RawClient(int connected_fd) : Wire(connected_fd) {}

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

 private:
    static int connect(const http::Endpoint& endpoint) {
        const bool local = endpoint.type == http::Endpoint::Type::unix_socket;
        const int fd = ::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = -1;
        if (local) {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            std::strncpy(address.sun_path, endpoint.host.c_str(), sizeof address.sun_path - 1);
            rc = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
        } else {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(endpoint.port);
            ::inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
            rc = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        if (rc != 0)
            throw std::runtime_error("connect to " + endpoint.to_string() + ": " +
                                     std::strerror(errno));
        return fd;
    }
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
