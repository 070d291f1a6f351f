#include "executor/function_core.hpp"

#include <algorithm>
#include <stdexcept>

namespace hearth::executor {

void FunctionCore::configure(FunctionPolicy policy, std::uint64_t generation, TimePoint now,
                             FunctionEffects& fx) {
    enter(policy, generation, fx);
    serve(now, 0, fx);
    order_starts(now, fx);
}

void FunctionCore::configure_with(FunctionPolicy policy, std::uint64_t generation, std::uint64_t id,
                                  std::shared_ptr<Lease::Held> held, TimePoint now,
                                  FunctionEffects& fx) {
    enter(policy, generation, fx);
    if (index_.count(id) == 0) add(id, std::move(held), now);
    serve(now, id, fx);
    order_starts(now, fx);
}

void FunctionCore::enter(FunctionPolicy policy, std::uint64_t generation, FunctionEffects& fx) {
    policy_ = policy;
    closed_.reset();
    if (generation != generation_) {
        generation_ = generation;
        broken_.reset();
        hold_until_ = {};
        failures_ = 0;
        idle_failures_ = 0;
        retry_at_ = {};
        drain_all(fx);
    }
    // requestsPerPod may have changed: a place is sorted by the room it has under the new policy.
    std::vector<Places::iterator> all;
    for (auto* list : {&ready_, &full_})
        for (auto it = list->begin(); it != list->end(); ++it) all.push_back(it);
    for (const auto it : all) {
        if (policy_.once_only && it->served > 0)
            leave(it, fx);
        else
            move(it, it->in_flight < capacity() ? Place::State::ready : Place::State::full);
    }
}

void FunctionCore::close(Error reason, FunctionEffects& fx) {
    refuse_all(reason, fx);
    closed_ = std::move(reason);
    drain_all(fx);
}

Place* FunctionCore::try_acquire(TimePoint now) {
    if (ready_.empty()) return nullptr;
    return &take(now);
}

Place& FunctionCore::take(TimePoint now) {
    const auto it = ready_.begin();
    if (it->in_flight >= capacity())
        throw std::logic_error("a full instance stood among the free ones");
    ++it->in_flight;
    ++it->served;
    it->last_used = now;
    if (it->in_flight >= capacity()) move(it, Place::State::full);
    return *it;
}

std::optional<Error> FunctionCore::enqueue(std::uint64_t waiter, TimePoint deadline, TimePoint now,
                                           FunctionEffects& fx) {
    if (closed_) return closed_;
    if (deadline <= now) return expired();
    if (ready_.empty() && broken_ && now < broken_until_ && alone()) return broken_;
    if (waiters_.size() >= policy_.queue_capacity && ready_.empty())
        return Error(Errc::exhausted,
                     "function " + name_ + " has " + std::to_string(waiters_.size()) +
                         " requests waiting, which is the limit of its queue; try again later",
                     {}, "executor");
    const auto key = std::pair(deadline, ++next_order_);
    waiters_.emplace(key, waiter);
    waiter_keys_.emplace(waiter, key);
    serve(now, 0, fx);
    order_starts(now, fx);
    return std::nullopt;
}

bool FunctionCore::cancel(std::uint64_t waiter) {
    const auto it = waiter_keys_.find(waiter);
    if (it == waiter_keys_.end()) return false;
    waiters_.erase(it->second);
    waiter_keys_.erase(it);
    return true;
}

void FunctionCore::release(std::uint64_t id, LeaseOutcome outcome, TimePoint now,
                           FunctionEffects& fx) {
    const auto found = index_.find(id);
    if (found == index_.end()) return;  // it died while it was leased
    const auto it = found->second;
    if (it->in_flight <= 0) throw std::logic_error("a lease was released twice");
    --it->in_flight;
    it->last_used = now;
    if (it->state == Place::State::leaving) {
        if (it->in_flight == 0) {
            stop(it, fx);
            order_starts(now, fx);
        }
        return;
    }
    if (outcome == LeaseOutcome::instance_failed || policy_.once_only) {
        leave(it, fx);
        order_starts(now, fx);
        return;
    }
    if (it->in_flight < capacity()) move(it, Place::State::ready);
    if (!waiters_.empty()) {
        serve(now, 0, fx);
        order_starts(now, fx);
    }
}

void FunctionCore::loaded(std::uint64_t ticket, std::uint64_t id, std::shared_ptr<Lease::Held> held,
                          TimePoint now, FunctionEffects& fx) {
    const auto it = pending_.find(ticket);
    superseded_.erase(ticket);
    if (index_.count(id) != 0) return;  // told twice
    if (it == pending_.end() || closed_ || it->second != generation_) {
        if (it != pending_.end()) pending_.erase(it);
        fx.stops.push_back({id, std::move(held)});
        return;
    }
    pending_.erase(it);
    failures_ = 0;
    idle_failures_ = 0;
    retry_at_ = {};
    broken_.reset();
    add(id, std::move(held), now);
    serve(now, id, fx);
    order_starts(now, fx);
}

bool FunctionCore::adopt(std::uint64_t id, std::shared_ptr<Lease::Held> held, TimePoint now,
                         FunctionEffects& fx) {
    if (index_.count(id) != 0) return true;  // told twice
    const auto leaving = std::count_if(leaving_.begin(), leaving_.end(), [this](const Place& it) {
        return it.generation == generation_;
    });
    const auto there = static_cast<std::ptrdiff_t>(live()) + leaving;
    if (closed_ || there >= policy_.concurrency) return false;
    // A start that was ordered before this instance was known gives its place up.
    if (there + pending() >= policy_.concurrency) {
        const auto start =
            std::find_if(pending_.begin(), pending_.end(),
                         [this](const auto& ticket) { return ticket.second == generation_; });
        superseded_.insert(start->first);
        pending_.erase(start);
    }
    broken_.reset();
    add(id, std::move(held), now);
    serve(now, 0, fx);
    order_starts(now, fx);
    return true;
}

void FunctionCore::start_failed(std::uint64_t ticket, const Error& error, TimePoint now,
                                FunctionEffects& fx) {
    const auto it = pending_.find(ticket);
    superseded_.erase(ticket);
    if (it == pending_.end()) return;
    const bool current = it->second == generation_ && !closed_;
    pending_.erase(it);
    if (!current) return;
    const auto pause = kFirstRetry * (std::int64_t{1} << std::min(idle_failures_++, 10));
    retry_at_ = now + std::min<std::chrono::milliseconds>(pause, kLastRetry);
    if (error.code == Errc::function_failed && live() == 0) {
        // The code itself is at fault, so every start would end alike: nobody waits for the next
        // one.
        broken_ = error;
        broken_until_ = now + kBrokenPause;
        refuse_all(error, fx);
        return;
    }
    ++failures_;
    const bool again = error.code != Errc::exhausted && failures_ < 2;
    if (!again) {
        hold_until_ = now + kHoldPause;
        if (alone()) {
            if (error.code != Errc::exhausted) {
                broken_ = error;
                broken_until_ = now + kBrokenPause;
            }
            refuse_all(error, fx);
        }
    }
    order_starts(now, fx);
}

bool FunctionCore::withdraw(std::uint64_t ticket) {
    const auto it = pending_.find(ticket);
    if (it == pending_.end()) return superseded_.erase(ticket) > 0;
    if (it->second != generation_ || closed_) return false;
    // With nothing that serves, the start goes on even when its request has gone: the next one
    // finds it further.
    if (live() == 0 || pending() <= needed()) return false;
    pending_.erase(it);
    return true;
}

void FunctionCore::died(std::uint64_t id, TimePoint now, FunctionEffects& fx) {
    const auto found = index_.find(id);
    if (found == index_.end()) return;
    const auto it = found->second;
    list_of(*it).erase(it);
    index_.erase(found);
    order_starts(now, fx);
}

void FunctionCore::tick(TimePoint now, FunctionEffects& fx) {
    while (!waiters_.empty() && waiters_.begin()->first.first <= now) {
        fx.refusals.push_back({waiters_.begin()->second, expired()});
        waiter_keys_.erase(waiters_.begin()->second);
        waiters_.erase(waiters_.begin());
    }
    auto removable = static_cast<std::ptrdiff_t>(live()) - policy_.retain;
    for (auto it = ready_.end(); it != ready_.begin() && removable > 0;) {
        --it;
        if (it->in_flight > 0 || now - it->last_used < policy_.idle_timeout) continue;
        const auto next = std::next(it);
        stop(it, fx);
        it = next;
        --removable;
    }
    order_starts(now, fx);
}

std::optional<TimePoint> FunctionCore::oldest_idle() const {
    if (static_cast<std::ptrdiff_t>(live()) <= policy_.retain) return std::nullopt;
    std::optional<TimePoint> oldest;
    for (const auto& place : ready_)
        if (place.in_flight == 0 && (!oldest || place.last_used < *oldest))
            oldest = place.last_used;
    return oldest;
}

bool FunctionCore::evict_idle(FunctionEffects& fx) {
    const auto oldest = oldest_idle();
    if (!oldest) return false;
    const auto it = std::find_if(ready_.begin(), ready_.end(), [&](const Place& place) {
        return place.in_flight == 0 && place.last_used == *oldest;
    });
    stop(it, fx);
    return true;
}

int FunctionCore::in_flight() const {
    int sum = 0;
    for (const auto* list : {&ready_, &full_, &leaving_})
        for (const auto& place : *list) sum += place.in_flight;
    return sum;
}

std::vector<Place> FunctionCore::places() const {
    std::vector<Place> all;
    all.reserve(index_.size());
    for (const auto* list : {&ready_, &full_, &leaving_})
        all.insert(all.end(), list->begin(), list->end());
    return all;
}

void FunctionCore::add(std::uint64_t id, std::shared_ptr<Lease::Held> held, TimePoint now) {
    Place place;
    place.id = id;
    place.generation = generation_;
    place.since = place.last_used = now;
    place.held = std::move(held);
    ready_.push_front(std::move(place));
    index_.emplace(id, ready_.begin());
}

void FunctionCore::serve(TimePoint now, std::uint64_t fresh, FunctionEffects& fx) {
    while (!waiters_.empty() && !ready_.empty()) {
        const auto first = waiters_.begin();
        const auto waiter = first->second;
        const bool late = first->first.first <= now;
        waiter_keys_.erase(waiter);
        waiters_.erase(first);
        if (late) {
            fx.refusals.push_back({waiter, expired()});
            continue;
        }
        const Place& place = take(now);
        fx.grants.push_back({waiter, place.id, place.id == fresh, place.held});
    }
}

void FunctionCore::order_starts(TimePoint now, FunctionEffects& fx) {
    if (closed_ || now < hold_until_) return;
    // The minimum is nobody's hurry: what cannot start is not tried at every event.
    const bool urgent = !waiters_.empty();
    if (!urgent && (policy_.min_instances == 0 || now < retry_at_)) return;
    const auto ordered = pending();
    const auto same = std::count_if(leaving_.begin(), leaving_.end(), [this](const Place& place) {
        return place.generation == generation_;
    });
    auto room = policy_.concurrency - static_cast<std::ptrdiff_t>(live()) - same - ordered;
    // After a failure one start at a time finds out whether it is over, so that broken code makes
    // no storm.
    if (broken_) room = std::min<std::ptrdiff_t>(room, 1 - ordered);
    for (auto n = std::min(needed() - ordered, room); n > 0; --n) {
        pending_.emplace(++next_ticket_, generation_);
        fx.starts.push_back({next_ticket_, generation_});
    }
}

std::ptrdiff_t FunctionCore::needed() const {
    const auto per_instance = static_cast<std::size_t>(capacity());
    const auto asked =
        static_cast<std::ptrdiff_t>((waiters_.size() + per_instance - 1) / per_instance);
    return std::max(asked, policy_.min_instances - static_cast<std::ptrdiff_t>(live()));
}

std::ptrdiff_t FunctionCore::pending() const {
    return std::count_if(pending_.begin(), pending_.end(),
                         [this](const auto& ticket) { return ticket.second == generation_; });
}

void FunctionCore::refuse_all(const Error& error, FunctionEffects& fx) {
    for (const auto& [key, waiter] : waiters_) fx.refusals.push_back({waiter, error});
    waiters_.clear();
    waiter_keys_.clear();
}

void FunctionCore::drain_all(FunctionEffects& fx) {
    while (!ready_.empty()) leave(ready_.begin(), fx);
    while (!full_.empty()) leave(full_.begin(), fx);
}

void FunctionCore::stop(Places::iterator it, FunctionEffects& fx) {
    fx.stops.push_back({it->id, std::move(it->held)});
    index_.erase(it->id);
    list_of(*it).erase(it);
}

void FunctionCore::leave(Places::iterator it, FunctionEffects& fx) {
    if (it->in_flight == 0) return stop(it, fx);
    move(it, Place::State::leaving);
}

FunctionCore::Places& FunctionCore::list_of(const Place& place) {
    switch (place.state) {
        case Place::State::ready:
            return ready_;
        case Place::State::full:
            return full_;
        case Place::State::leaving:
            break;
    }
    return leaving_;
}

void FunctionCore::move(Places::iterator it, Place::State to) {
    auto& from = list_of(*it);
    it->state = to;
    auto& into = list_of(*it);
    into.splice(into.begin(), from, it);
}

std::size_t FunctionCore::live() const {
    return ready_.size() + full_.size();
}

bool FunctionCore::alone() const {
    return live() == 0 &&
           std::none_of(pending_.begin(), pending_.end(),
                        [this](const auto& ticket) { return ticket.second == generation_; });
}

Error FunctionCore::expired() const {
    return Error(Errc::deadline_exceeded,
                 "no instance of function " + name_ + " became free before the request's deadline",
                 {}, "executor");
}

}  // namespace hearth::executor
