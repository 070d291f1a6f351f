#include "trigger/timer_core.hpp"

#include <fmt/format.h>

namespace hearth::trigger {

using model::TimeTriggerSpec;
using std::chrono::seconds;

void TimerCore::schedule(const std::string& uid, Timer& timer, std::optional<Slot> wake) {
    if (timer.wake) order_.erase({*timer.wake, uid});
    timer.wake = wake;
    if (wake) order_.insert({*wake, uid});
}

void TimerCore::put(TimerDefinition definition, std::optional<TimerRecord> kept, Slot now) {
    const std::string uid = definition.uid;
    const auto [place, fresh] = timers_.try_emplace(
        uid, Timer{definition, kept.value_or(TimerRecord{}), {}, {}, {}, false, false});
    Timer& timer = place->second;
    const bool changed = timer.record.generation != definition.generation;
    timer.definition = std::move(definition);
    if (fresh && !kept) {
        timer.record.slot = timer.definition.created;
    } else if (changed) {
        // What the new schedule would have had before it was written is nothing that was missed.
        timer.record.slot = std::max(timer.record.slot, now);
        timer.before.reset();
    }
    timer.record.generation = timer.definition.generation;
    if (changed) timer.dirty = true;
    const bool asleep = timer.definition.spec.suspend;
    // Due or not, the next step looks: what has passed since the record's slot may be worth a call.
    const auto next = timer.definition.schedule.next(timer.record.slot, timer.definition.created);
    const bool ahead = timer.record.slot > now + kWrongClock;
    schedule(uid, timer, asleep ? std::nullopt : ahead ? std::optional(now) : next);
}

void TimerCore::remove(const std::string& uid) {
    const auto place = timers_.find(uid);
    if (place == timers_.end()) return;
    schedule(uid, place->second, std::nullopt);
    timers_.erase(place);
}

/// Whether the slot that is due is not to be fired, and notes why.
bool TimerCore::leaves_out(Timer& timer, Slot newest, Slot now) {
    const auto& spec = timer.definition.spec;
    auto& record = timer.record;
    if (spec.starting_deadline && now - newest > *spec.starting_deadline) {
        ++record.missed;
        record.trouble = fmt::format("the slot was {} s late, more than {} s",
                                     (now - newest).count(), spec.starting_deadline->count());
        return true;
    }
    const bool forbidden =
        spec.concurrency == TimeTriggerSpec::Concurrency::forbid && !timer.runs.empty();
    const bool full =
        spec.concurrency == TimeTriggerSpec::Concurrency::allow && timer.runs.size() >= kMostRuns;
    if (!forbidden && !full) return false;
    ++record.left_out;
    record.trouble = forbidden ? "the call of the slot before still runs (concurrencyPolicy Forbid)"
                               : fmt::format("{} calls of this timer still run", kMostRuns);
    return true;
}

void TimerCore::due(const std::string& uid, Timer& timer, Slot now, Effects& effects) {
    auto& record = timer.record;
    const auto& schedule_of = timer.definition.schedule;
    const Slot anchor = timer.definition.created;
    if (record.slot > now + kWrongClock) {
        record.slot = now;
        timer.mark_is_wrong = true;
        record.trouble = "the clock went back by more than a day; slots count from now";
        timer.dirty = true;
    }
    const auto passed = schedule_of.due(record.slot, now, anchor);
    if (passed.newest) {
        const Slot before = record.slot;
        record.slot = *passed.newest;
        record.missed += passed.count - 1;
        timer.dirty = true;
        if (!leaves_out(timer, *passed.newest, now)) {
            timer.before = before;
            effects.claims.push_back(Claim{uid, *passed.newest, timer.mark_is_wrong});
            // Until the ledger has answered, nothing more of this timer is claimed.
            schedule(uid, timer, std::nullopt);
            return;
        }
    }
    schedule(uid, timer, schedule_of.next(record.slot, anchor));
}

TimerCore::Effects TimerCore::step(Slot now) {
    Effects effects;
    std::vector<std::string> look;
    const bool clock_was_wrong = last_step_ && now + kWrongClock < *last_step_;
    last_step_ = now;
    for (const auto& [wake, uid] : order_) {
        if (wake > now && !clock_was_wrong) break;
        look.push_back(uid);
    }
    for (const auto& uid : look) {
        Timer& timer = timers_.at(uid);
        const auto missed = timer.record.missed, left_out = timer.record.left_out;
        due(uid, timer, now, effects);
        effects.missed += timer.record.missed - missed;
        effects.left_out += timer.record.left_out - left_out;
    }
    return effects;
}

void TimerCore::claimed(const Claim& claim, const Result<bool>& answer, Slot now,
                        Effects& effects) {
    const auto place = timers_.find(claim.uid);
    if (place == timers_.end() || !place->second.before) return;
    Timer& timer = place->second;
    auto& record = timer.record;
    const bool asleep = timer.definition.spec.suspend;
    if (!answer) {
        record.slot = *timer.before;
        record.trouble = "the slot cannot be recorded: " + answer.error().message;
        timer.before.reset();
        if (!asleep) schedule(claim.uid, timer, now + kClaimRetry);
        return;
    }
    timer.before.reset();
    timer.mark_is_wrong = false;
    if (!asleep)
        schedule(claim.uid, timer,
                 timer.definition.schedule.next(record.slot, timer.definition.created));
    if (!*answer) {
        record.trouble = "another replica has fired the slot";
        return;
    }
    if (timer.definition.spec.concurrency == TimeTriggerSpec::Concurrency::replace) {
        for (const auto run : timer.runs) effects.cancels.push_back(Cancel{run});
    }
    const auto run = ++last_run_;
    timer.runs.insert(run);
    runs_.emplace(run, claim.uid);
    record.last_fire = claim.slot;
    record.trouble.clear();
    ++record.fired;
    timer.dirty = true;
    effects.starts.push_back(Start{claim.uid, run, claim.slot});
}

void TimerCore::finished(std::uint64_t run, TimerOutcome outcome) {
    const auto known = runs_.find(run);
    if (known == runs_.end()) return;
    const auto place = timers_.find(known->second);
    runs_.erase(known);
    if (place == timers_.end()) return;
    Timer& timer = place->second;
    timer.runs.erase(run);
    ++(outcome.good ? timer.record.succeeded : timer.record.failed);
    timer.record.last = std::move(outcome);
    timer.dirty = true;
}

std::optional<Slot> TimerCore::next_step() const {
    return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
}

const TimerDefinition* TimerCore::find(const std::string& uid) const {
    const auto place = timers_.find(uid);
    return place == timers_.end() ? nullptr : &place->second.definition;
}

const TimerRecord* TimerCore::record(const std::string& uid) const {
    const auto place = timers_.find(uid);
    return place == timers_.end() ? nullptr : &place->second.record;
}

std::size_t TimerCore::running(const std::string& uid) const {
    const auto place = timers_.find(uid);
    return place == timers_.end() ? 0 : place->second.runs.size();
}

std::vector<std::string> TimerCore::take_dirty() {
    std::vector<std::string> dirty;
    for (auto& [uid, timer] : timers_) {
        // A claim that is out writes the record itself.
        if (!timer.dirty || timer.before) continue;
        timer.dirty = false;
        dirty.push_back(uid);
    }
    return dirty;
}

}  // namespace hearth::trigger
