#include "trigger/async_core.hpp"

#include <algorithm>

namespace hearth::trigger {

void AsyncCore::enter_turn(const std::string& name, Lane& lane) {
    if (lane.in_turn) return;
    lane.in_turn = true;
    turns_.push_back(name);
}

void AsyncCore::make_ready(Entry& entry) {
    entry.ready = true;
    auto& lane = lanes_[entry.call.lane];
    lane.ready.emplace(entry.call.due, entry.call.seq);
    enter_turn(entry.call.lane, lane);
}

void AsyncCore::add(PendingCall call, UnixMs now) {
    const auto seq = call.seq;
    if (entries_.contains(seq) || running_.contains(seq)) return;
    auto& entry = entries_[seq];
    entry.call = std::move(call);
    ++waiting_;
    expiring_.emplace(entry.call.expires, seq);
    if (entry.call.due <= now) {
        make_ready(entry);
    } else {
        delayed_.emplace(entry.call.due, seq);
    }
}

void AsyncCore::erase(std::int64_t seq) {
    const auto found = entries_.find(seq);
    auto& entry = found->second;
    if (entry.ready) {
        lanes_[entry.call.lane].ready.erase({entry.call.due, seq});
    } else {
        delayed_.erase({entry.call.due, seq});
    }
    expiring_.erase({entry.call.expires, seq});
    entries_.erase(found);
    --waiting_;
}

void AsyncCore::finished(std::int64_t seq) {
    const auto found = running_.find(seq);
    if (found == running_.end()) return;
    auto& lane = lanes_[found->second];
    --lane.running;
    if (!lane.ready.empty()) enter_turn(found->second, lane);
    if (lane.ready.empty() && lane.running == 0 && !lane.in_turn) lanes_.erase(found->second);
    running_.erase(found);
}

bool AsyncCore::drop(std::int64_t seq) {
    if (!entries_.contains(seq)) return false;
    erase(seq);
    return true;
}

void AsyncCore::promote(UnixMs now) {
    while (!delayed_.empty() && delayed_.begin()->first <= now) {
        const auto seq = delayed_.begin()->second;
        delayed_.erase(delayed_.begin());
        make_ready(entries_.at(seq));
    }
}

void AsyncCore::expire(UnixMs now, Effects& effects) {
    while (!expiring_.empty() && expiring_.begin()->first <= now) {
        const auto seq = expiring_.begin()->second;
        effects.expired.push_back(entries_.at(seq).call);
        erase(seq);
    }
}

AsyncCore::Effects AsyncCore::poll(UnixMs now,
                                   const std::function<int(const std::string& lane)>& limit) {
    Effects effects;
    expire(now, effects);
    promote(now);
    std::size_t idle_turns = 0;
    while (!turns_.empty() && idle_turns < turns_.size() &&
           running_.size() < static_cast<std::size_t>(limits_.running)) {
        auto name = std::move(turns_.front());
        turns_.pop_front();
        auto& lane = lanes_[name];
        if (lane.ready.empty()) {
            lane.in_turn = false;
            if (lane.running == 0) lanes_.erase(name);
            continue;
        }
        if (lane.running >= limit(name)) {
            // Its turn comes again when one of its calls has ended; a limit that is raised
            // meanwhile is seen then as well.
            if (lane.running > 0) {
                lane.in_turn = false;
                continue;
            }
            ++idle_turns;
            turns_.push_back(std::move(name));
            continue;
        }
        idle_turns = 0;
        const auto seq = lane.ready.begin()->second;
        effects.start.push_back(entries_.at(seq).call);
        erase(seq);
        ++lane.running;
        running_.emplace(seq, name);
        turns_.push_back(std::move(name));
    }
    return effects;
}

std::optional<UnixMs> AsyncCore::next_wake() const {
    std::optional<UnixMs> wake;
    if (!delayed_.empty()) wake = delayed_.begin()->first;
    if (!expiring_.empty())
        wake = std::min(wake.value_or(expiring_.begin()->first), expiring_.begin()->first);
    return wake;
}

std::optional<UnixMs> AsyncCore::oldest_due() const {
    std::optional<UnixMs> oldest;
    for (const auto& [name, lane] : lanes_) {
        if (lane.ready.empty()) continue;
        const auto due = lane.ready.begin()->first;
        oldest = std::min(oldest.value_or(due), due);
    }
    return oldest;
}

}  // namespace hearth::trigger
