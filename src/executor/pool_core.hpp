#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/error.hpp"

namespace hearth::executor {

/// What all pools share: how many instances there may be, and how many may be starting at once.
/// Pure.
struct InstanceBudget {
    std::size_t max_instances = 200;
    std::size_t parallel_starts = 8;
    std::size_t used = 0;  ///< started or starting, until the last of the process is gone
    std::size_t starting = 0;
    bool held = false;  ///< nothing is started until it is known what is there already
    std::size_t room() const { return used < max_instances ? max_instances - used : 0; }
    std::size_t start_room() const {
        return starting < parallel_starts && !held ? parallel_starts - starting : 0;
    }
    void gone() {
        if (used > 0) --used;
    }
};

struct PoolEffects {
    struct Give {
        std::uint64_t claim, instance;
    };
    struct Refusal {
        std::uint64_t claim;
        Error error;
    };
    std::vector<Give> gives;
    std::vector<Refusal> refusals;
    std::vector<std::uint64_t> starts;  ///< start numbers
    std::vector<std::uint64_t> stops;   ///< instances
    std::size_t lacking = 0;  ///< claims that can get no instance because the budget is used up
};

/// The generic instances of one environment: a pure state machine, (state, event, now) → (state,
/// effects).
///
/// Claims are served from warm instances, else in order of deadline as starts end. The target of
/// warm ones is the environment's poolsize plus what the recent rate of claims uses up in kLead,
/// never past `max`; poolsize 0 keeps none. Starts that fail back off exponentially with the reason
/// kept; from the third failure on claims get it at once. Thread: none of its own; the driver calls
/// it under the pools' lock.
class PoolCore {
 public:
    using TimePoint = base::SteadyTime;
    static constexpr std::chrono::milliseconds kFirstBackoff{100}, kMaxBackoff{30'000};
    static constexpr std::chrono::seconds kRateWindow{10}, kLead{2}, kShrinkAge{2};
    static constexpr std::chrono::seconds kMemory{60};
    static constexpr int kFailuresToRefuse = 3;

    explicit PoolCore(std::string environment) : environment_(std::move(environment)) {}

    /// `base` warm instances are wanted once the pool is in use, at most `max`. Dedicated pools
    /// have neither.
    void configure(int base, int max);
    /// A function of this environment exists.
    void use() { used_ = true; }
    /// The environment changed or went: nothing is kept warm any more; outstanding claims are still
    /// served.
    void retire(PoolEffects& fx);
    /// The environment is again what it was when this pool was retired.
    void revive() { retired_ = false; }

    /// An instance for code. Gives one at once if one is warm.
    void claim(std::uint64_t claim, TimePoint deadline, TimePoint now, InstanceBudget& budget,
               PoolEffects& fx);
    /// The claimant went away. False when the claim had been answered.
    bool cancel(std::uint64_t claim);
    /// A claimed instance that was not used after all.
    void give_back(std::uint64_t instance, TimePoint now, InstanceBudget& budget, PoolEffects& fx);

    /// A generic instance that was found, not started: it serves a claim, is kept warm, or is
    /// stopped where neither is wanted. Its place in the budget is taken by whoever found it.
    void adopt(std::uint64_t instance, TimePoint now, InstanceBudget& budget, PoolEffects& fx);
    /// Nothing can be started and why: whoever waits is told so at once.
    void refuse_all(const Error& why, PoolEffects& fx);

    void started(std::uint64_t start, std::uint64_t instance, TimePoint now, InstanceBudget& budget,
                 PoolEffects& fx);
    void start_failed(std::uint64_t start, const Error& error, TimePoint now,
                      InstanceBudget& budget, PoolEffects& fx);
    /// A warm instance ended by itself. False when it was none of the warm ones.
    bool died(std::uint64_t instance, TimePoint now, InstanceBudget& budget, PoolEffects& fx);
    /// Refills, shrinks, expires claims. Also to be called for each pool when the budget got room.
    void tick(TimePoint now, InstanceBudget& budget, PoolEffects& fx);
    /// The answer to `lacking`: no room can be made, so that many claims are refused.
    void refuse_lacking(std::size_t count, PoolEffects& fx);
    /// Takes the longest unused warm instance away to make room for another pool's claim.
    std::optional<std::uint64_t> evict(PoolEffects& fx);

    int target(TimePoint now) const;
    std::size_t warm() const { return warm_.size(); }
    std::size_t starting() const { return starts_.size(); }
    std::size_t claims() const { return claims_.size(); }
    double rate(TimePoint now) const;
    const Error* last_error() const { return last_error_ ? &*last_error_ : nullptr; }
    bool retired() const { return retired_; }
    /// Nothing is left of it, not even a failure that the next claim should know of.
    bool over(TimePoint now) const {
        return idle() && (!last_error_ || now >= retry_at_ + kMemory);
    }
    bool idle() const { return warm_.empty() && starts_.empty() && claims_.empty(); }
    struct Warm {
        std::uint64_t instance;
        TimePoint since;
    };
    const std::deque<Warm>& warm_instances() const { return warm_; }

 private:
    void order_starts(TimePoint now, InstanceBudget& budget, PoolEffects& fx);
    void put(std::uint64_t instance, TimePoint now, PoolEffects& fx);
    void refuse_claims(const Error& error, PoolEffects& fx);
    Error refusal() const;

    std::string environment_;
    int base_ = 0, max_ = 0;
    bool used_ = false, retired_ = false;
    std::deque<Warm> warm_;  // oldest first; claims take the newest, whose pages are hot
    std::map<std::pair<TimePoint, std::uint64_t>, std::uint64_t> claims_;
    std::unordered_map<std::uint64_t, std::pair<TimePoint, std::uint64_t>> claim_keys_;
    std::set<std::uint64_t> starts_;
    std::uint64_t next_start_ = 0, next_order_ = 0;
    double rate_ = 0;
    TimePoint rate_at_{};
    int failures_ = 0;
    std::uint64_t attempt_ = 0;  // the newest start ordered when the last failure became known
    TimePoint retry_at_{};
    std::optional<Error> last_error_;
};

}  // namespace hearth::executor
