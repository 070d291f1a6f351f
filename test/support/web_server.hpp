#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/kube_certificates.hpp"

namespace hearth::test {

/// A web server on loopback that gives each request's head to a function and sends what that gives,
/// byte for byte, then closes; nothing given: it says nothing until it is stopped.
class WebServer {
    using Tcp = boost::asio::ip::tcp;
    using Tls = boost::asio::ssl::stream<Tcp::socket>;

 public:
    using Answer = std::function<std::string(const std::string& head)>;
    enum class Kind { plain, tls };

    explicit WebServer(Kind kind, Answer answer)
        : kind_(kind),
          answer_(std::move(answer)),
          tls_(boost::asio::ssl::context::tls_server),
          acceptor_(io_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
        tls_.use_certificate_chain_file(kube_certificates().server_certificate());
        tls_.use_private_key_file(kube_certificates().server_key(), boost::asio::ssl::context::pem);
        thread_ = std::thread([this] { accept_loop(); });
    }
    ~WebServer() {
        stopping_ = true;
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        thread_.join();
        {
            std::lock_guard lock(mutex_);
            for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
        }
        for (auto& worker : workers_) worker.join();
    }
    WebServer(const WebServer&) = delete;
    WebServer& operator=(const WebServer&) = delete;

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::string url(const std::string& path, const std::string& host = "127.0.0.1") const {
        return (kind_ == Kind::tls ? "https://" : "http://") + host + ":" + std::to_string(port()) +
               path;
    }
    /// What a client has to trust.
    static std::string ca_pem() {
        return KubeCertificates::text(kube_certificates().server_certificate());
    }
    int connections() const { return connections_; }
    std::vector<std::string> heads() const {
        std::lock_guard lock(mutex_);
        return heads_;
    }

    static std::string ok(const std::string& body, const std::string& more = "") {
        return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more +
               "\r\n" + body;
    }
    static std::string redirect(const std::string& location, int status = 302) {
        return "HTTP/1.1 " + std::to_string(status) + " Found\r\nLocation: " + location +
               "\r\nContent-Length: 0\r\n\r\n";
    }

 private:
    void accept_loop() {
        while (!stopping_) {
            boost::system::error_code ec;
            Tcp::socket socket(io_);
            acceptor_.accept(socket, ec);
            if (ec) return;
            ++connections_;
            workers_.emplace_back(
                [this, taken = std::move(socket)]() mutable { serve(std::move(taken)); });
        }
    }

    void serve(Tcp::socket socket) {
        const int fd = socket.native_handle();
        {
            std::lock_guard lock(mutex_);
            open_.push_back(fd);
        }
        Tls stream(std::move(socket), tls_);
        boost::system::error_code ec;
        if (kind_ == Kind::tls) {
            stream.handshake(boost::asio::ssl::stream_base::server, ec);
            if (!ec) talk(stream);
            stream.shutdown(ec);
        } else {
            talk(stream.next_layer());
        }
        std::lock_guard lock(mutex_);
        open_.remove(fd);
    }

    template <class Stream>
    void talk(Stream& stream) {
        boost::system::error_code ec;
        std::string head;
        boost::asio::read_until(stream, boost::asio::dynamic_buffer(head), "\r\n\r\n", ec);
        if (ec) return;
        {
            std::lock_guard lock(mutex_);
            heads_.push_back(head);
        }
        const auto answer = answer_(head);
        if (!answer.empty()) {
            boost::asio::write(stream, boost::asio::buffer(answer), ec);
            return;
        }
        char byte = 0;
        boost::asio::read(stream, boost::asio::buffer(&byte, 1), ec);
    }

    Kind kind_;
    Answer answer_;
    boost::asio::ssl::context tls_;
    boost::asio::io_context io_;
    Tcp::acceptor acceptor_;
    mutable std::mutex mutex_;
    std::vector<std::string> heads_;
    std::list<int> open_;
    std::list<std::thread> workers_;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace hearth::test
