#pragma once

#include <chrono>
#include <memory>

#include "hearth/aio/shards.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/call_queue.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/http/web_client.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "hearth/trigger/delivery.hpp"
#include "hearth/trigger/topic_publisher.hpp"

namespace hearth::trigger {

struct AsyncOptions {
    int running = 256;                     ///< calls of all functions together that run at once
    std::size_t pending = 100'000;         ///< calls that wait or run; past it: exhausted
    std::uint64_t max_body_bytes = 1u << 20;   ///< of a request; past it: too_large
    std::uint64_t keep_result_bytes = 1u << 20;
    std::chrono::milliseconds keep_succeeded{3'600'000};
    std::chrono::milliseconds keep_failed{7 * 24 * 3'600'000LL};
    std::size_t most_succeeded = 10'000, most_failed = 10'000;
    std::chrono::milliseconds address_timeout{30'000};  ///< of a destination's address
};

/// Makes queued calls: at least once each, with the retries of the function's spec.invocation, and tells destinations.
/// Thread: any shard; stop from a thread that is none.
class AsyncCalls : public catalog::CallDesk {
  public:
    /// `web`, `topics`: for destinations that are addresses and topics; null: those fail.
    static std::unique_ptr<AsyncCalls> make(AsyncOptions options, catalog::Catalog& catalog, catalog::CallQueue& queue,
                                            Deliverer& deliverer, std::shared_ptr<http::WebClient> web,
                                            TopicPublisher* topics, aio::Shards& shards, const base::Clock& clock, telemetry::Logger& log,
                                            telemetry::Registry& metrics);
    /// Reads what waits from the queue and goes on with it. Call once.
    virtual void start() = 0;
    /// From now on await_end() answers at once, so that no client's wait holds up the end of the listeners.
    virtual void begin_drain() = 0;
    /// Begins no more attempts, waits for those under way until the deadline, then breaks them off: they are made again
    /// after the next start. Blocks.
    virtual void stop(Deadline deadline) = 0;
};

}  // namespace hearth::trigger
