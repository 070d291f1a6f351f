#include <fcntl.h>
#include <unistd.h>

#include <future>

#include "http/server_impl.hpp"

namespace hearth::http {

void run_on_shard(aio::Shard& shard, const std::function<void()>& action) {
    std::promise<void> done;
    net::post(shard.context(), [&] {
        action();
        done.set_value();
    });
    done.get_future().wait();
}

ServerImpl::ServerImpl(aio::Shards& shards, ServerOptions options, Handler handler,
                       telemetry::Logger& log, telemetry::Registry& metrics)
    : all_shards_(shards),
      options_(std::move(options)),
      handler_(std::move(handler)),
      log_(log),
      requests_total_(metrics.counter("hearth_http_requests_total", "Requests given to a handler.",
                                      {{"server", options_.name}})),
      refused_total_(
          metrics.counter("hearth_http_refused_total",
                          "Requests refused before routing as malformed, too large or too slow.",
                          {{"server", options_.name}})),
      rejected_total_(metrics.counter("hearth_http_rejected_connections_total",
                                      "Connections turned away past the limit.",
                                      {{"server", options_.name}})),
      connections_gauge_(metrics.gauge("hearth_http_connections",
                                       "Connections open at the last accept.",
                                       {{"server", options_.name}})),
      listeners_(log),
      tasks_(log) {
    reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (std::size_t i = 0; i < shards.size(); ++i) {
        shards_.push_back(std::make_unique<ServerShard>(shards.at(i), i));
    }
}

ServerImpl::~ServerImpl() {
    stop(Deadline::after(std::chrono::seconds(0)));
    if (reserve_fd_ >= 0) ::close(reserve_fd_);
}

Result<std::unique_ptr<Server>> Server::start(aio::Shards& shards, ServerOptions options,
                                              Handler handler, telemetry::Logger& log,
                                              telemetry::Registry& metrics) {
    auto server =
        std::make_unique<ServerImpl>(shards, std::move(options), std::move(handler), log, metrics);
    if (auto listening = server->listen(); !listening) return listening.error();
    return std::unique_ptr<Server>(std::move(server));
}

void ServerImpl::on_every_shard(const std::function<void(ServerShard&)>& action) {
    for (auto& shard : shards_) {
        run_on_shard(*shard->shard, [&] { action(*shard); });
    }
}

void ServerImpl::begin_drain() {
    draining_ = true;
}

void ServerImpl::close_idle() {
    for (auto& owned : shards_) {
        auto* shard = owned.get();
        net::post(shard->shard->context(), [shard] {
            shard->sweep.for_each(
                [](SweepEntry& entry) { static_cast<Connection&>(entry).close_if_idle(); });
        });
    }
}

void ServerImpl::stop(Deadline deadline) {
    if (stopped_.exchange(true)) return;
    listeners_.cancel();
    on_every_shard([](ServerShard& shard) {
        boost::system::error_code ignored;
        if (shard.acceptor) shard.acceptor->close(ignored);
    });
    listeners_.join_blocking(Deadline::never());
    for (auto& shard : shards_) shard->acceptor.reset();
    if (options_.listen.type == Endpoint::Type::unix_socket && bound_) {
        ::unlink(options_.listen.host.c_str());
    }
    begin_drain();
    close_idle();
    if (!tasks_.join_blocking(deadline)) {
        on_every_shard([](ServerShard& shard) {
            shard.sweep.for_each(
                [](SweepEntry& entry) { static_cast<Connection&>(entry).abort(); });
        });
        tasks_.cancel();
        tasks_.join_blocking(Deadline::never());
    }
    on_every_shard([](ServerShard& shard) {
        shard.sweep.stop();
        shard.poller.stop();
    });
}

}  // namespace hearth::http
