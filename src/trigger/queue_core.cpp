#include "trigger/queue_core.hpp"

#include <algorithm>

namespace hearth::trigger {

using std::chrono::milliseconds;
using Next = Verdict::Next;

bool QueueCore::add(std::int64_t offset, std::uint64_t lane) {
    if (newest_ && offset <= *newest_) return false;
    newest_ = offset;
    entries_.push_back({offset});
    ++unfinished_;
    auto& waiting = lanes_[lane];
    waiting.push_back(offset);
    if (waiting.size() == 1 && !busy_.contains(lane)) ready_.push_back(lane);
    return true;
}

std::optional<Unit> QueueCore::start(Time now) {
    if (const auto first = calls_due_.begin(); first != calls_due_.end() && first->first <= now) {
        Work& work = work_.at(first->second);
        calls_due_.erase(first);
        work.stage = Stage::calling;
        ++under_way_;
        return work.unit;
    }
    if (ready_.empty()) return std::nullopt;
    const std::uint64_t lane = ready_.front();
    ready_.pop_front();
    auto& waiting = lanes_.at(lane);
    Work work;
    work.lane = lane;
    work.unit.id = next_id_++;
    work.unit.attempt = 1;
    const auto taken = static_cast<std::ptrdiff_t>(
        std::min(std::max<std::size_t>(policy_.batch, 1), waiting.size()));
    work.unit.offsets.assign(waiting.begin(), waiting.begin() + taken);
    waiting.erase(waiting.begin(), waiting.begin() + taken);
    if (lane != 0)
        busy_.insert(lane);
    else if (!waiting.empty())
        ready_.push_back(lane);
    if (waiting.empty()) lanes_.erase(lane);
    ++under_way_;
    const Unit unit = work.unit;
    work_.emplace(unit.id, std::move(work));
    return unit;
}

milliseconds QueueCore::pause(int times, double draw) const {
    milliseconds delay = policy_.first_delay;
    for (int i = 1; i < times && delay < policy_.longest_delay; ++i) delay *= 2;
    delay = std::min(delay, std::max(policy_.longest_delay, policy_.first_delay));
    // Half of it is left to chance, so that what failed together does not come back together.
    return milliseconds(
        static_cast<std::int64_t>(static_cast<double>(delay.count()) * (0.5 + draw / 2)));
}

Verdict QueueCore::wait(Work& work, Stage stage, int times, Time now, double draw) {
    work.stage = stage;
    work.due = now + pause(times, draw);
    const bool call = stage == Stage::call_waits;
    (call ? calls_due_ : publications_due_).emplace(work.due, work.unit.id);
    return {call ? Next::again_later : Next::publish_later, work.unit};
}

Verdict QueueCore::give_up(Work& work) {
    if (!policy_.has_error_topic) return finish(work.unit.id, Next::dropped);
    work.stage = Stage::erring;
    work.to_error = true;
    work.stalls = 0;
    ++under_way_;
    return {Next::publish_error, work.unit};
}

Verdict QueueCore::called(std::uint64_t id, CallOutcome outcome, Time now, double draw) {
    const auto found = work_.find(id);
    if (found == work_.end() || found->second.stage != Stage::calling) return {};
    Work& work = found->second;
    --under_way_;
    switch (outcome) {
        case CallOutcome::success:
            if (!policy_.respond) return finish(id, Next::settled);
            work.stage = Stage::responding;
            work.stalls = 0;
            ++under_way_;
            return {Next::publish_response, work.unit};
        case CallOutcome::withheld:
            return wait(work, Stage::call_waits, ++work.stalls, now, draw);
        case CallOutcome::failed:
            break;
    }
    if (work.unit.attempt > policy_.max_retries) return give_up(work);
    work.stalls = 0;
    return wait(work, Stage::call_waits, work.unit.attempt++, now, draw);
}

Verdict QueueCore::published(std::uint64_t id, PublishOutcome outcome, Time now, double draw) {
    const auto found = work_.find(id);
    if (found == work_.end()) return {};
    Work& work = found->second;
    if (work.stage != Stage::responding && work.stage != Stage::erring) return {};
    --under_way_;
    if (outcome == PublishOutcome::done) return finish(id, Next::settled);
    // An answer that no topic takes is the function's failure; a message that the error topic does
    // not take has to wait until somebody makes it, because the only other way is to lose it.
    if (outcome == PublishOutcome::refused && work.stage == Stage::responding) return give_up(work);
    return wait(work, Stage::publish_waits, ++work.stalls, now, draw);
}

std::vector<Verdict> QueueCore::publications_due(Time now) {
    std::vector<Verdict> due;
    while (!publications_due_.empty() && publications_due_.begin()->first <= now) {
        Work& work = work_.at(publications_due_.begin()->second);
        publications_due_.erase(publications_due_.begin());
        work.stage = work.to_error ? Stage::erring : Stage::responding;
        ++under_way_;
        due.push_back({work.to_error ? Next::publish_error : Next::publish_response, work.unit});
    }
    return due;
}

Verdict QueueCore::finish(std::uint64_t id, Next next) {
    const auto found = work_.find(id);
    Verdict verdict{next, std::move(found->second.unit)};
    const std::uint64_t lane = found->second.lane;
    work_.erase(found);
    for (const auto offset : verdict.unit.offsets) mark_done(offset);
    while (!entries_.empty() && entries_.front().done) {
        position_ = entries_.front().offset + 1;
        entries_.pop_front();
    }
    if (lane != 0) {
        busy_.erase(lane);
        if (lanes_.contains(lane)) ready_.push_back(lane);
    }
    return verdict;
}

void QueueCore::mark_done(std::int64_t offset) {
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), offset,
                                     [](const Entry& e, std::int64_t o) { return e.offset < o; });
    at->done = true;
    --unfinished_;
}

std::optional<QueueCore::Time> QueueCore::next_due() const {
    std::optional<Time> due;
    if (!calls_due_.empty()) due = calls_due_.begin()->first;
    if (!publications_due_.empty() && (!due || publications_due_.begin()->first < *due))
        due = publications_due_.begin()->first;
    return due;
}

}  // namespace hearth::trigger
