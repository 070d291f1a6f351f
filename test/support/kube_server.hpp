#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hearth/kube/access.hpp"
#include "support/kube_certificates.hpp"
#include "support/kube_exchange.hpp"

namespace hearth::test {

/// An API server that plays a script: every request is handed to a function on a thread of its
/// connection, which writes what it likes, waits, or breaks off.
class KubeServer {
    using Tcp = boost::asio::ip::tcp;
    using Tls = KubeStream;

 public:
    using Handler = std::function<void(const KubeRequest&, KubeReply&)>;

    explicit KubeServer(Handler handler, std::uint16_t port = 0)
        : handler_(std::move(handler)),
          tls_(boost::asio::ssl::context::tls_server),
          acceptor_(io_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), port)) {
        const auto& made = kube_certificates();
        tls_.use_certificate_chain_file(made.server_certificate());
        tls_.use_private_key_file(made.server_key(), boost::asio::ssl::context::pem);
        tls_.load_verify_file(made.client_certificate());
        tls_.set_verify_mode(boost::asio::ssl::verify_peer);
        const unsigned char id[] = "kube";
        SSL_CTX_set_session_id_context(tls_.native_handle(), id, sizeof id);
        thread_ = std::thread([this] { accept_loop(); });
    }
    ~KubeServer() { stop(); }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    kube::Access access() const {
        kube::Access access;
        access.host = "127.0.0.1";
        access.port = port();
        access.ca_pem = kube_certificates().text(kube_certificates().server_certificate());
        access.token = "first-token";
        access.source = "test";
        return access;
    }
    std::vector<KubeRequest> requests() const {
        std::lock_guard lock(mutex_);
        return requests_;
    }
    /// Blocks until so many requests have come; false after five seconds.
    bool wait_for_requests(std::size_t count) const {
        std::unique_lock lock(mutex_);
        return arrived_.wait_for(lock, std::chrono::seconds(5),
                                 [&] { return requests_.size() >= count; });
    }
    int connections() const { return connections_; }
    /// Resets what is open, as a killed server does.
    void cut_all() {
        std::lock_guard lock(mutex_);
        for (auto& one : open_) ::shutdown(one, SHUT_RDWR);
    }
    void stop() {
        if (stopping_.exchange(true)) return;
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        thread_.join();
        cut_all();
        for (auto& worker : workers_) worker.join();
    }

 private:
    void accept_loop() {
        while (!stopping_) {
            boost::system::error_code ec;
            Tcp::socket socket(io_);
            acceptor_.accept(socket, ec);
            if (ec) return;
            const int number = ++connections_;
            workers_.emplace_back([this, number, taken = std::move(socket)]() mutable {
                serve(number, std::move(taken));
            });
        }
    }

    void serve(int number, Tcp::socket socket) {
        const int fd = socket.native_handle();
        {
            std::lock_guard lock(mutex_);
            open_.push_back(fd);
        }
        {
            Tls stream(std::move(socket), tls_);
            boost::system::error_code ec;
            stream.handshake(boost::asio::ssl::stream_base::server, ec);
            std::string input;
            KubeRequest request;
            request.connection = number;
            while (!ec && !stopping_ && read_kube_request(stream, input, request)) {
                {
                    std::lock_guard lock(mutex_);
                    requests_.push_back(request);
                }
                arrived_.notify_all();
                KubeReply reply(stream);
                handler_(request, reply);
                if (reply.dropped()) break;
            }
            std::lock_guard lock(mutex_);
            open_.remove(fd);
        }
    }

    Handler handler_;
    boost::asio::ssl::context tls_;
    boost::asio::io_context io_;
    Tcp::acceptor acceptor_;
    mutable std::mutex mutex_;
    mutable std::condition_variable arrived_;
    std::vector<KubeRequest> requests_;
    std::list<int> open_;
    std::list<std::thread> workers_;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace hearth::test
