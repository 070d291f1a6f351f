#include "executor/pool_core.hpp"

#include <algorithm>
#include <cmath>

namespace hearth::executor {

void PoolCore::configure(int base, int max) {
    base_ = std::max(0, base);
    max_ = std::max(base_, max);
}

void PoolCore::retire(PoolEffects& fx) {
    retired_ = true;
    for (const auto& warm : warm_) fx.stops.push_back(warm.instance);
    warm_.clear();
}

void PoolCore::claim(std::uint64_t claim, TimePoint deadline, TimePoint now, InstanceBudget& budget,
                     PoolEffects& fx) {
    used_ = true;
    rate_ = rate(now) + 1.0 / std::chrono::duration<double>(kRateWindow).count();
    rate_at_ = now;
    if (!warm_.empty()) {
        fx.gives.push_back({claim, warm_.back().instance});
        warm_.pop_back();
    } else if (failures_ >= kFailuresToRefuse && now < retry_at_) {
        fx.refusals.push_back({claim, refusal()});
        return;
    } else {
        const auto key = std::pair(deadline, ++next_order_);
        claims_.emplace(key, claim);
        claim_keys_.emplace(claim, key);
    }
    order_starts(now, budget, fx);
}

bool PoolCore::cancel(std::uint64_t claim) {
    const auto it = claim_keys_.find(claim);
    if (it == claim_keys_.end()) return false;
    claims_.erase(it->second);
    claim_keys_.erase(it);
    return true;
}

void PoolCore::give_back(std::uint64_t instance, TimePoint now, InstanceBudget& budget,
                         PoolEffects& fx) {
    // It was no demand after all: at a restart every waiting request claims until what is there is
    // known, and the pool would grow by that.
    rate_ = std::max(0.0, rate(now) - 1.0 / std::chrono::duration<double>(kRateWindow).count());
    rate_at_ = now;
    put(instance, now, fx);
    order_starts(now, budget, fx);
}

void PoolCore::adopt(std::uint64_t instance, TimePoint now, InstanceBudget& budget,
                     PoolEffects& fx) {
    const auto known = std::any_of(warm_.begin(), warm_.end(),
                                   [&](const Warm& warm) { return warm.instance == instance; });
    if (known) return;
    put(instance, now, fx);
    order_starts(now, budget, fx);
}

void PoolCore::refuse_all(const Error& why, PoolEffects& fx) {
    last_error_ = why;
    refuse_claims(refusal(), fx);
}

void PoolCore::started(std::uint64_t start, std::uint64_t instance, TimePoint now,
                       InstanceBudget& budget, PoolEffects& fx) {
    if (starts_.erase(start) == 0) return;
    --budget.starting;
    failures_ = 0;
    last_error_.reset();
    retry_at_ = {};
    put(instance, now, fx);
    order_starts(now, budget, fx);
}

void PoolCore::start_failed(std::uint64_t start, const Error& error, TimePoint now,
                            InstanceBudget& budget, PoolEffects& fx) {
    if (starts_.erase(start) == 0) return;
    --budget.starting;
    budget.gone();
    last_error_ = error;
    // Starts that were ordered before the last failure was known are one attempt with it.
    if (start <= attempt_) return order_starts(now, budget, fx);
    attempt_ = next_start_;
    ++failures_;
    const auto doubled = kFirstBackoff * (std::int64_t{1} << std::min(failures_ - 1, 20));
    retry_at_ =
        std::max(retry_at_, now + std::min<std::chrono::milliseconds>(doubled, kMaxBackoff));
    // What cannot run here at all does not get better by waiting.
    if (error.code == Errc::unsupported) failures_ = std::max(failures_, kFailuresToRefuse);
    if (failures_ >= kFailuresToRefuse) refuse_claims(refusal(), fx);
    order_starts(now, budget, fx);
}

bool PoolCore::died(std::uint64_t instance, TimePoint now, InstanceBudget& budget,
                    PoolEffects& fx) {
    const auto it = std::find_if(warm_.begin(), warm_.end(),
                                 [&](const Warm& warm) { return warm.instance == instance; });
    if (it == warm_.end()) return false;
    warm_.erase(it);
    order_starts(now, budget, fx);
    return true;
}

void PoolCore::tick(TimePoint now, InstanceBudget& budget, PoolEffects& fx) {
    while (!claims_.empty() && claims_.begin()->first.first <= now) {
        const auto claim = claims_.begin()->second;
        Error late(Errc::deadline_exceeded,
                   "no instance of environment " + environment_ + " started within the time limit",
                   {}, "executor");
        if (last_error_) late.detail = last_error_->message;
        fx.refusals.push_back({claim, std::move(late)});
        claim_keys_.erase(claim);
        claims_.erase(claims_.begin());
    }
    const auto wanted = static_cast<std::size_t>(target(now));
    while (warm_.size() > wanted && now - warm_.front().since >= kShrinkAge) {
        fx.stops.push_back(warm_.front().instance);
        warm_.pop_front();
    }
    order_starts(now, budget, fx);
}

void PoolCore::refuse_lacking(std::size_t count, PoolEffects& fx) {
    for (; count > 0 && !claims_.empty(); --count) {
        const auto last = std::prev(claims_.end());
        fx.refusals.push_back(
            {last->second, Error(Errc::exhausted,
                                 "the daemon's limit of instances (executor.maxInstances) is "
                                 "reached and none of them is idle; try again later",
                                 {}, "executor")});
        claim_keys_.erase(last->second);
        claims_.erase(last);
    }
}

std::optional<std::uint64_t> PoolCore::evict(PoolEffects& fx) {
    if (warm_.empty()) return std::nullopt;
    const auto instance = warm_.front().instance;
    warm_.pop_front();
    fx.stops.push_back(instance);
    return instance;
}

double PoolCore::rate(TimePoint now) const {
    const std::chrono::duration<double> since = now - rate_at_;
    if (rate_ == 0 || since.count() <= 0) return rate_;
    return rate_ * std::exp(-since.count() / std::chrono::duration<double>(kRateWindow).count());
}

int PoolCore::target(TimePoint now) const {
    if (retired_ || !used_ || base_ == 0) return 0;
    const double extra =
        std::floor(rate(now) * std::chrono::duration<double>(kLead).count() + 1e-9);
    return std::min(max_, base_ + static_cast<int>(std::min(extra, 1e6)));
}

void PoolCore::order_starts(TimePoint now, InstanceBudget& budget, PoolEffects& fx) {
    if (now < retry_at_) return;
    // After a failure one start at a time finds out whether it is over.
    const auto at_once = failures_ > 0 ? std::size_t{1} : budget.parallel_starts;
    const auto wanted = static_cast<std::size_t>(target(now));
    const auto need = claims_.size() + (wanted > warm_.size() ? wanted - warm_.size() : 0);
    while (starts_.size() < need && starts_.size() < at_once && budget.start_room() > 0) {
        if (budget.room() == 0) break;
        ++budget.used;
        ++budget.starting;
        starts_.insert(++next_start_);
        fx.starts.push_back(next_start_);
    }
    if (budget.room() == 0 && claims_.size() > starts_.size())
        fx.lacking = claims_.size() - starts_.size();
}

void PoolCore::put(std::uint64_t instance, TimePoint now, PoolEffects& fx) {
    if (!claims_.empty()) {
        const auto first = claims_.begin();
        fx.gives.push_back({first->second, instance});
        claim_keys_.erase(first->second);
        claims_.erase(first);
        return;
    }
    if (target(now) == 0) {
        fx.stops.push_back(instance);
        return;
    }
    warm_.push_back({instance, now});
}

void PoolCore::refuse_claims(const Error& error, PoolEffects& fx) {
    for (const auto& [key, claim] : claims_) fx.refusals.push_back({claim, error});
    claims_.clear();
    claim_keys_.clear();
}

Error PoolCore::refusal() const {
    const auto& why = *last_error_;
    return Error(Errc::unavailable,
                 "environment " + environment_ + " cannot start an instance: " + why.message,
                 why.detail, "executor");
}

}  // namespace hearth::executor
