#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "hearth/aio/shards.hpp"
#include "hearth/http/forward.hpp"
#include "hearth/http/server.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::test {

/// Event loops, a forwarder and any number of servers on loopback, ended in the right order.
class HttpFixture {
 public:
    explicit HttpFixture(std::size_t shard_count = 1)
        : log(telemetry::Level::error, telemetry::Logger::Format::text), shards(shard_count) {}
    ~HttpFixture() { stop(); }

    http::Server& serve(http::Handler handler) { return serve(std::move(handler), options()); }
    http::Server& serve(http::Handler handler, http::ServerOptions with) {
        auto server =
            http::Server::start(shards, std::move(with), std::move(handler), log, metrics);
        if (!server) throw std::runtime_error(server.error().message);
        servers_.push_back(std::move(*server));
        return *servers_.back();
    }
    http::Forwarder& forwarder(http::Forwarder::Options with = {}) {
        if (!forwarder_) forwarder_ = http::Forwarder::make(shards, with, metrics);
        return *forwarder_;
    }
    static http::ServerOptions options() {
        http::ServerOptions o;
        o.name = "test";
        o.listen.host = "127.0.0.1";
        return o;
    }
    /// The front server first, because it uses what was started before it.
    void stop() {
        while (!servers_.empty()) {
            servers_.back()->stop(Deadline::after(std::chrono::seconds(1)));
            servers_.pop_back();
        }
        if (forwarder_) forwarder_->stop();
        forwarder_.reset();
    }

    telemetry::Logger log;
    telemetry::Registry metrics;
    aio::Shards shards;

 private:
    std::unique_ptr<http::Forwarder> forwarder_;
    std::vector<std::unique_ptr<http::Server>> servers_;
};

}  // namespace hearth::test
