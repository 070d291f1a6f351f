#pragma once

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/raw_client.hpp"

namespace hearth::test {

/// A function's instance whose behaviour is the path of the request; well-behaved and hostile ones.
class ScriptedInstance {
 public:
    /// Called by /die before the connection breaks.
    std::function<void()> die;

    ScriptedInstance() : acceptor_([this] { accept_all(); }) {}
    ~ScriptedInstance() {
        stopping_ = true;
        acceptor_.join();
        {
            std::lock_guard lock(mutex_);
            for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
        }
        for (auto& thread : threads_) thread.join();
    }
    const http::Endpoint& endpoint() const { return listener_.endpoint(); }
    /// From now on connections are refused.
    void refuse() {
        refusing_ = true;
        while (!refused_) std::this_thread::yield();
    }
    int requests() const { return requests_; }
    std::string last_request() {
        std::lock_guard lock(mutex_);
        return last_;
    }

 private:
    void accept_all() {
        while (!stopping_) {
            if (refusing_ && !refused_) {
                listener_.close();
                refused_ = true;
            }
            if (refused_) {
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
                continue;
            }
            if (!listener_.pending(5)) continue;
            auto connection = std::make_shared<RawClient>(listener_.accept());
            std::lock_guard lock(mutex_);
            open_.push_back(connection->fd());
            threads_.emplace_back([this, connection] { talk(*connection); });
        }
    }
    void talk(RawClient& connection) {
        while (true) {
            const auto head = connection.read_until("\r\n\r\n");
            if (!head.ends_with("\r\n\r\n")) break;
            const auto path = head.substr(head.find(' ') + 1,
                                          head.find(' ', head.find(' ') + 1) - head.find(' ') - 1);
            const auto at = head.find("Content-Length: ");
            const auto body = at == std::string::npos
                                  ? ""
                                  : connection.read_exactly(std::stoul(head.substr(at + 16)));
            {
                std::lock_guard lock(mutex_);
                last_ = head + body;
            }
            ++requests_;
            if (!act(connection, path)) break;
        }
        std::lock_guard lock(mutex_);
        std::erase(open_, connection.fd());
        connection.close();
    }
    bool act(RawClient& connection, const std::string& path) {
        static const std::string ok =
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: forged\r\n\r\nok";
        if (path == "/close" || path == "/die") {
            if (path == "/die" && die) die();
            return false;
        }
        if (path == "/garbage") return connection.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), false;
        if (path == "/half")
            return connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), false;
        if (path == "/huge-head")
            return connection.send("HTTP/1.1 200 OK\r\nX-A: " + std::string(1 << 20, 'a') +
                                   "\r\n\r\n"),
                   false;
        if (path == "/bad-length")
            return connection.send("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok"), false;
        if (path == "/twice") return connection.send(ok + ok), true;
        if (path == "/hang") {
            connection.read_to_end();
            return false;
        }
        return connection.send(ok);
    }

    RawListener listener_;
    std::atomic<bool> stopping_{false}, refusing_{false}, refused_{false};
    std::atomic<int> requests_{0};
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
    std::string last_;
    std::thread acceptor_;
};

}  // namespace hearth::test
