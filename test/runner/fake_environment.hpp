#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runner/exchange.hpp"

namespace hearth::test {

/// A language runtime in one thread whose answers the test gives. Its port is taken at once and
/// refuses connections until listen().
class FakeEnvironment {
 public:
    struct Seen {
        std::string head, body;
        /// "POST /specialize"
        std::string line() const { return head.substr(0, head.find(" HTTP/")); }
    };
    /// The whole answer; "" closes the connection without one.
    using Script = std::function<std::string(const Seen&)>;

    explicit FakeEnvironment(Script script) : script_(std::move(script)) {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
            throw std::runtime_error("no port for the environment");
        }
        port_ = ntohs(address.sin_port);
    }
    ~FakeEnvironment() { stop(); }

    void listen() {
        if (::listen(fd_, 64) != 0) throw std::runtime_error("the environment cannot listen");
        thread_ = std::thread([this] { run(); });
    }
    /// As a runtime that ends: nobody listens any more.
    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    unsigned short port() const { return port_; }
    /// The requests so far that are no probes.
    std::vector<Seen> loads() const {
        const std::lock_guard lock(mutex_);
        return loads_;
    }

    static std::string answer(int status, std::string_view body,
                              std::string_view type = "text/plain") {
        return "HTTP/1.1 " + std::to_string(status) +
               " Whatever\r\nContent-Type: " + std::string(type) +
               "\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\nConnection: close\r\n\r\n" + std::string(body);
    }
    /// Answers probes with 200 and loads with `answer`.
    static Script loading(std::string answer) {
        return [answer](const Seen& seen) {
            return seen.line() == "GET /healthz" ? FakeEnvironment::answer(200, "ok") : answer;
        };
    }

 private:
    void run() {
        while (!stopping_) {
            pollfd wait{fd_, POLLIN, 0};
            if (::poll(&wait, 1, 20) <= 0) continue;
            Wire wire(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
            Seen seen;
            std::tie(seen.head, seen.body) = read_message(wire);
            if (seen.head.empty()) continue;  // only looked whether somebody listens
            if (seen.line() != "GET /healthz") {
                const std::lock_guard lock(mutex_);
                loads_.push_back(seen);
            }
            wire.send(script_(seen));
        }
    }

    Script script_;
    int fd_ = -1;
    unsigned short port_ = 0;
    std::atomic<bool> stopping_{false};
    mutable std::mutex mutex_;
    std::vector<Seen> loads_;
    std::thread thread_;
};

}  // namespace hearth::test
