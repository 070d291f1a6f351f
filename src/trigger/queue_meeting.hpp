#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "trigger/queue_runner.hpp"

namespace hearth::trigger {

/// Where the runner's thread is met by shards, by the broker's library and by whoever stops it.
/// Outlives the runner for as long as somebody holds it. Thread: any.
struct QueueRunner::Meeting {
    std::mutex mutex;
    std::condition_variable changed;
    bool signal = false, stop = false, reconnect = false;
    std::vector<Completion> completions;

    void wake() {
        {
            std::lock_guard lock(mutex);
            signal = true;
        }
        changed.notify_one();
    }
    void complete(Completion completion) {
        {
            std::lock_guard lock(mutex);
            completions.push_back(std::move(completion));
            signal = true;
        }
        changed.notify_one();
    }
};

/// The right to tell the end of one call; told by its destructor when the call was cut off.
class QueueRunner::Ticket {
 public:
    Ticket(std::shared_ptr<Meeting> meeting, Place place)
        : meeting_(std::move(meeting)), place_(place) {}
    Ticket(Ticket&&) noexcept = default;
    Ticket(const Ticket&) = delete;
    Ticket& operator=(Ticket&&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
        CallEnd end;
        end.reason = "the call was broken off";
        tell(CallOutcome::withheld, std::move(end));
    }
    void tell(CallOutcome outcome, CallEnd end) {
        if (!meeting_) return;
        std::exchange(meeting_, nullptr)->complete({place_, outcome, std::move(end)});
    }

 private:
    std::shared_ptr<Meeting> meeting_;
    Place place_;
};

}  // namespace hearth::trigger
