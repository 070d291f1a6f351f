#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/error.hpp"
#include "hearth/executor/executor.hpp"

namespace hearth::executor {

using TimePoint = base::SteadyTime;

/// What a function's resource says about its instances.
struct FunctionPolicy {
    int requests_per_pod = 1;
    int concurrency = 500;   ///< most instances of one generation
    int retain = 0;          ///< instances the reaper leaves alone
    int min_instances = 0;   ///< started without a request and kept; never above `concurrency`
    bool once_only = false;  ///< an instance serves one request and is stopped
    std::chrono::milliseconds idle_timeout{120'000};
    std::size_t queue_capacity = 1000;
};

/// One instance as the function's core sees it.
struct Place {
    std::uint64_t id = 0;
    std::uint64_t generation = 0;
    int in_flight = 0;
    std::uint64_t served = 0;
    TimePoint since, last_used;
    enum class State {
        ready,
        full,
        leaving
    } state = State::ready;             ///< leaving: stopped after its last lease
    std::shared_ptr<Lease::Held> held;  ///< the driver's record; opaque here
};

/// What the driver has to do after an event. Empty (and without allocation) on the hot path.
struct FunctionEffects {
    struct Grant {
        std::uint64_t waiter, id;
        bool fresh;  ///< from an instance that has just been loaded
        std::shared_ptr<Lease::Held> held;
    };
    struct Refusal {
        std::uint64_t waiter;
        Error error;
    };
    struct Start {
        std::uint64_t ticket, generation;
    };
    struct Stop {
        std::uint64_t id;
        std::shared_ptr<Lease::Held> held;
    };
    std::vector<Grant> grants;
    std::vector<Refusal> refusals;
    std::vector<Start> starts;
    std::vector<Stop> stops;
    bool empty() const {
        return grants.empty() && refusals.empty() && starts.empty() && stops.empty();
    }
};

/// Instances, leases and the wait queue of one function: a pure state machine, (state, event, now)
/// → (state, effects).
///
/// Invariants after each event: in_flight of a place never exceeds what it was granted under
/// requestsPerPod; while somebody waits no place of the present generation is free; instances and
/// starts of one generation together never exceed `concurrency`; at most ceil(waiting /
/// requestsPerPod) starts, or those min_instances lacks, are ordered at a time; each waiter is
/// granted or refused exactly once unless it is cancelled. Events that are late or come twice
/// change nothing. Thread: none of its own; the driver calls it under the function's lock.
class FunctionCore {
 public:
    /// How long a load error is served again before code is loaded anew.
    static constexpr std::chrono::milliseconds kBrokenPause{1000};
    /// Starts for min_instances that failed are tried again after this, doubled each time.
    static constexpr std::chrono::milliseconds kFirstRetry{1000}, kLastRetry{60'000};
    /// How long no start is ordered after the platform refused one while others still serve.
    static constexpr std::chrono::milliseconds kHoldPause{200};

    explicit FunctionCore(std::string name) : name_(std::move(name)) {}

    /// The function has this policy and generation from now on. Another generation drains the
    /// instances before it.
    void configure(FunctionPolicy policy, std::uint64_t generation, TimePoint now,
                   FunctionEffects& fx);
    /// The same with a first instance that was loaded ahead under that generation, before any start
    /// is ordered.
    void configure_with(FunctionPolicy policy, std::uint64_t generation, std::uint64_t id,
                        std::shared_ptr<Lease::Held> held, TimePoint now, FunctionEffects& fx);
    /// Nothing is served any more: waiters and later requests get `reason`, instances drain.
    void close(Error reason, FunctionEffects& fx);

    /// A free place, most recently used first, or null. The pointer is good until the next event.
    Place* try_acquire(TimePoint now);
    /// Puts a request into the queue (or grants it at once). Returns why not, if it cannot wait.
    std::optional<Error> enqueue(std::uint64_t waiter, TimePoint deadline, TimePoint now,
                                 FunctionEffects& fx);
    /// The waiter went away by itself. False when it was no longer waiting.
    bool cancel(std::uint64_t waiter);
    void release(std::uint64_t id, LeaseOutcome outcome, TimePoint now, FunctionEffects& fx);

    /// An ordered start has become an instance with the code loaded.
    void loaded(std::uint64_t ticket, std::uint64_t id, std::shared_ptr<Lease::Held> held,
                TimePoint now, FunctionEffects& fx);
    /// An instance of the present generation that was found loaded, not ordered. Where concurrency
    /// leaves no room beside the starts that are ordered, it takes the place of one. False: it is
    /// not wanted (closed, or as many are there as may be) and is the caller's to stop.
    bool adopt(std::uint64_t id, std::shared_ptr<Lease::Held> held, TimePoint now,
               FunctionEffects& fx);
    /// An ordered start came to nothing.
    void start_failed(std::uint64_t ticket, const Error& error, TimePoint now, FunctionEffects& fx);
    /// Takes an ordered start back when it has become superfluous: others serve, and those who wait
    /// need fewer starts than are ordered. False: it is still wanted.
    bool withdraw(std::uint64_t ticket);
    /// The instance has ended by itself.
    void died(std::uint64_t id, TimePoint now, FunctionEffects& fx);
    /// Expires waiters, reaps idle instances, resumes held starts.
    void tick(TimePoint now, FunctionEffects& fx);

    /// Since when its longest idle instance that may be taken away is idle.
    std::optional<TimePoint> oldest_idle() const;
    /// Takes that instance away to make room for another function. False when there is none.
    bool evict_idle(FunctionEffects& fx);

    std::size_t waiting() const { return waiters_.size(); }
    std::size_t instances() const { return index_.size(); }
    std::size_t starting() const { return pending_.size(); }
    /// Starts under way whose place a found instance has taken.
    std::size_t superseded() const { return superseded_.size(); }
    int in_flight() const;
    /// Whether tick() has anything to look after.
    bool active() const {
        return !index_.empty() || !waiters_.empty() || !pending_.empty() ||
               (policy_.min_instances > 0 && !closed_);
    }
    std::vector<Place> places() const;
    const FunctionPolicy& policy() const { return policy_; }
    std::uint64_t generation() const { return generation_; }

 private:
    using Places = std::list<Place>;

    int capacity() const { return policy_.once_only ? 1 : std::max(1, policy_.requests_per_pod); }
    Place& take(TimePoint now);
    void enter(FunctionPolicy policy, std::uint64_t generation, FunctionEffects& fx);
    void add(std::uint64_t id, std::shared_ptr<Lease::Held> held, TimePoint now);
    void serve(TimePoint now, std::uint64_t fresh, FunctionEffects& fx);
    std::ptrdiff_t needed() const;
    std::ptrdiff_t pending() const;
    void order_starts(TimePoint now, FunctionEffects& fx);
    void refuse_all(const Error& error, FunctionEffects& fx);
    void drain_all(FunctionEffects& fx);
    void stop(Places::iterator it, FunctionEffects& fx);
    void leave(Places::iterator it, FunctionEffects& fx);
    Places& list_of(const Place& place);
    void move(Places::iterator it, Place::State to);
    std::size_t live() const;
    bool alone() const;
    Error expired() const;

    std::string name_;
    FunctionPolicy policy_;
    std::uint64_t generation_ = 0;
    std::optional<Error> closed_;
    // Places with room, most recently used first; places without; places that take no more.
    Places ready_, full_, leaving_;
    std::unordered_map<std::uint64_t, Places::iterator> index_;
    std::map<std::pair<TimePoint, std::uint64_t>, std::uint64_t>
        waiters_;  // (deadline, order) → waiter
    std::unordered_map<std::uint64_t, std::pair<TimePoint, std::uint64_t>> waiter_keys_;
    std::map<std::uint64_t, std::uint64_t> pending_;  // ticket → generation
    std::set<std::uint64_t> superseded_;              // tickets whose place a found instance took
    std::uint64_t next_ticket_ = 0, next_order_ = 0;
    std::optional<Error> broken_;
    TimePoint broken_until_{}, hold_until_{};
    int failures_ = 0;
    TimePoint retry_at_{};  ///< of starts that nobody waits for
    int idle_failures_ = 0;
};

}  // namespace hearth::executor
