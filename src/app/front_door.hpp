#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/http/endpoint.hpp"
#include "hearth/http/forward.hpp"
#include "hearth/http/relay.hpp"
#include "hearth/http/server.hpp"

namespace hearth::app {

/// Where a request goes that reaches this replica: to its own modules while it leads, else to the
/// replica that leads. While none does (the leader has just gone), the request waits, so that a
/// change of leaders costs time and no answer. One per listener. Thread: handle() on the exchange's
/// shard, the rest any.
class FrontDoor {
 public:
    struct Options {
        std::size_t most_held = 1000;                ///< requests waiting for a leader; past it 503
        std::chrono::milliseconds patience{30'000};  ///< longest wait for one
        std::chrono::milliseconds look{20};  ///< how often a waiting request looks for a leader
        bool reads_only_when_fenced =
            false;  ///< fence() refuses methods other than GET, HEAD and OPTIONS
    };
    /// `relay`: how the leader is told whose a request is that comes through another replica.
    FrontDoor(http::Forwarder& forwarder, http::Relay relay, Options options)
        : forwarder_(forwarder), relay_(std::move(relay)), options_(options) {}

    /// The own modules answer from now on, for the life of the process. Call once.
    void lead(http::Handler handler);
    /// Another replica leads, at this address; nothing: nobody is known to.
    void follow(std::optional<http::Endpoint> leader);
    /// While `on`, this replica no longer knows that it alone leads: what changes nothing is
    /// answered, the rest refused.
    void fence(bool on) { fenced_.store(on, std::memory_order_relaxed); }
    Task<void> handle(http::Exchange& exchange);
    /// Whether a request that arrives now will be answered: by this replica, by the leader, or by
    /// the one to come.
    bool open() const;

 private:
    enum class Step { done, again };

    std::optional<http::Upstream> leader() const;
    Task<void> lead_on(const http::Handler& own, http::Exchange& exchange);
    /// Health and readiness of a replica that does not lead. False: something else was asked.
    Task<bool> answer_probe(http::Exchange& exchange);
    Task<Step> pass_on(http::Exchange& exchange, http::Upstream leader);
    Task<void> refuse(http::Exchange& exchange, int status, Error error);

    http::Forwarder& forwarder_;
    const http::Relay relay_;
    const Options options_;
    // Set once and never freed while requests run, so that the leader's requests take no lock here.
    std::unique_ptr<const http::Handler> own_;
    std::atomic<const http::Handler*> leading_{nullptr};
    std::atomic<bool> fenced_{false};
    std::atomic<std::size_t> held_{0};
    mutable std::mutex mutex_;
    std::optional<http::Upstream> leader_;
    std::uint64_t next_id_ = 0;
    std::chrono::steady_clock::time_point last_led_{};  ///< when there was a leader last
};

}  // namespace hearth::app
