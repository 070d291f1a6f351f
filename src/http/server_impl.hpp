#pragma once

#include <atomic>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "hearth/aio/task_group.hpp"
#include "hearth/http/server.hpp"
#include "http/connection.hpp"
#include "http/deadline_sweep.hpp"

namespace hearth::http {

using Socket = net::basic_stream_socket<net::generic::stream_protocol, aio::Executor>;

/// The part of a server that lives on one shard.
struct ServerShard {
    ServerShard(aio::Shard& s, std::size_t i)
        : shard(&s), index(i), sweep(s.executor()), poller(s.executor()) {}
    aio::Shard* shard;
    std::size_t index;
    DeadlineSweep sweep;
    Poller poller;
    /// The listening socket, if this shard has one.
    std::unique_ptr<Socket> acceptor;
};

class ServerImpl final : public Server {
 public:
    ServerImpl(aio::Shards& shards, ServerOptions options, Handler handler, telemetry::Logger& log,
               telemetry::Registry& metrics);
    ~ServerImpl() override;

    Result<void> listen();
    Endpoint endpoint() const override { return options_.listen; }
    std::size_t connections() const override { return connections_.load(); }
    std::size_t requests_in_flight() const override { return in_flight_.load(); }
    void begin_drain() override;
    void stop(Deadline deadline) override;

    const ServerOptions& options() const { return options_; }
    const Handler& handler() const { return handler_; }
    telemetry::Logger& log() { return log_; }
    bool draining() const { return draining_.load(std::memory_order_relaxed); }
    bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
    void connection_closed() { connections_.fetch_sub(1); }
    void request_started() {
        in_flight_.fetch_add(1, std::memory_order_relaxed);
        requests_total_.add();
    }
    void request_ended() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
    void request_refused() { refused_total_.add(); }

 private:
    Result<int> open_listener(const Endpoint& endpoint, bool share_port);
    Result<void> place_listener(std::size_t index, int fd, int family);
    Task<void> accept_loop(std::size_t index);
    /// False when descriptors ran out and accepting has to pause.
    bool accept_ready(ServerShard& on);
    void admit(ServerShard& on, int fd, int family, std::string peer);
    Task<void> serve(ServerShard& on, int fd, std::string peer, Connection::Admission admission);
    void close_idle();
    void on_every_shard(const std::function<void(ServerShard&)>& action);

    aio::Shards& all_shards_;
    ServerOptions options_;
    Handler handler_;
    telemetry::Logger& log_;
    telemetry::Counter& requests_total_;
    telemetry::Counter& refused_total_;
    telemetry::Counter& rejected_total_;
    telemetry::Gauge& connections_gauge_;
    std::vector<std::unique_ptr<ServerShard>> shards_;
    std::atomic<std::size_t> connections_{0}, in_flight_{0}, next_shard_{0};
    std::atomic<bool> draining_{false}, stopped_{false};
    /// Given up for a moment when descriptors run out, to take and close what waits in the queue.
    int reserve_fd_ = -1;
    std::mutex reserve_mutex_;
    bool bound_ = false;
    aio::TaskGroup listeners_;
    aio::TaskGroup tasks_;
};

/// Runs an action on a shard's thread and waits for it. Call from a thread that is no shard.
void run_on_shard(aio::Shard& shard, const std::function<void()>& action);

}  // namespace hearth::http
