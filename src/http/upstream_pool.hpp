#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/http/forward.hpp"
#include "http/parser.hpp"
#include "http/read_buffer.hpp"
#include "http/stream.hpp"

namespace hearth::http {

class UpstreamPool;

/// A connection to an upstream with the buffers of the exchange on it. Thread: its shard.
class UpstreamConnection final : public SweepEntry {
 public:
    UpstreamConnection(UpstreamPool& pool, std::uint64_t id);
    void on_sweep(SteadyTime now) override;

    Stream stream;
    ReadBuffer in;
    std::string out;      ///< the request's head and what is sent with it
    std::string scratch;  ///< chunks on their way to the client
    ResponseHead head;
    std::optional<ResponseParser> parser;
    const std::uint64_t id;

 private:
    friend class UpstreamPool;
    UpstreamPool& pool_;
    bool idle_ = false;
    SteadyTime idle_until_{};
};

/// The idle upstream connections of one shard. Thread: its shard.
class UpstreamPool {
 public:
    UpstreamPool(aio::Executor executor, const Forwarder::Options& options,
                 telemetry::Counter& forwarded, telemetry::Counter& reused);

    /// The most recently used idle connection that is still silent and open as far as has been
    /// reported, or null. `sure`: for a request that cannot be sent again, the system is asked.
    std::unique_ptr<UpstreamConnection> take(std::uint64_t id, bool sure);
    std::unique_ptr<UpstreamConnection> make(std::uint64_t id);
    void put_back(std::unique_ptr<UpstreamConnection> connection);
    void forget(std::uint64_t id);
    /// One exchange has been forwarded.
    void count(bool reused_connection) {
        forwarded_.add();
        if (reused_connection) reused_.add();
    }
    /// Closes idle connections and breaks off the others; none is made or kept any more.
    void close();
    bool closed() const { return closed_; }
    DeadlineSweep& sweep() { return sweep_; }
    Poller& poller() { return poller_; }
    aio::Executor executor() const { return executor_; }

 private:
    friend class UpstreamConnection;
    void drop(UpstreamConnection& connection);

    aio::Executor executor_;
    const Forwarder::Options& options_;
    telemetry::Counter& forwarded_;
    telemetry::Counter& reused_;
    DeadlineSweep sweep_;
    Poller poller_;
    std::unordered_map<std::uint64_t, std::vector<std::unique_ptr<UpstreamConnection>>> idle_;
    bool closed_ = false;
};

}  // namespace hearth::http
