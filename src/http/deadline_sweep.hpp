#pragma once

#include <poll.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/aio/task.hpp"

namespace hearth::http {

namespace net = boost::asio;
using SteadyTime = std::chrono::steady_clock::time_point;
using Timer = net::basic_waitable_timer<std::chrono::steady_clock,
                                        net::wait_traits<std::chrono::steady_clock>, aio::Executor>;

class DeadlineSweep;

/// Something with deadlines, visited by the sweep of its shard. Leaves the sweep when it is
/// destroyed.
class SweepEntry {
 public:
    SweepEntry() = default;
    virtual ~SweepEntry();
    SweepEntry(const SweepEntry&) = delete;
    SweepEntry& operator=(const SweepEntry&) = delete;

    /// May destroy the entry itself, no other one.
    virtual void on_sweep(SteadyTime now) = 0;
    /// The peer of a socket given to watch_hangup() is gone.
    virtual void on_hangup() {}
    /// The peer of such a socket has ended its side, and may or may not still wait for an answer.
    virtual void on_half_close() {}

 private:
    friend class DeadlineSweep;
    DeadlineSweep* sweep_ = nullptr;
    SweepEntry* prev_ = nullptr;
    SweepEntry* next_ = nullptr;
};

/// One timer for all deadlines of a shard, because a timer per operation costs more than the
/// operation's bookkeeping. Deadlines are therefore up to kTick late. Thread: its shard.
class DeadlineSweep {
 public:
    static constexpr auto kTick = std::chrono::milliseconds(100);

    explicit DeadlineSweep(aio::Executor executor);

    void add(SweepEntry& entry);
    void remove(SweepEntry& entry);
    /// The time of the last tick: good enough for limits of seconds, and free.
    SteadyTime now() const { return now_; }
    /// The Date header's value for this second.
    std::string_view http_date() const { return date_; }
    /// From on_sweep(): after the pass one poll() asks for all of them whether the peer is gone.
    void watch_hangup(int fd, SweepEntry& entry);
    /// True in every third pass, when hang-ups are looked for.
    bool checks_hangups() const { return tick_ % 3 == 0; }
    /// Begins to visit entries at every tick. On the shard, as stop() must be.
    void start();
    /// No entry is visited any more; afterwards the sweep may be destroyed from any thread.
    void stop();

    template <class Visit>
    void for_each(Visit visit) {
        for (auto* entry = first_; entry != nullptr;) {
            cursor_ = entry->next_;
            visit(*entry);
            entry = cursor_;
        }
    }

 private:
    void pass();
    void arm();
    void refresh_date();

    Timer timer_;
    /// Tells a tick that is already queued that the sweep has stopped.
    std::shared_ptr<bool> running_ = std::make_shared<bool>(false);
    SweepEntry* first_ = nullptr;
    SweepEntry* cursor_ = nullptr;
    SteadyTime now_;
    std::time_t date_second_ = 0;
    std::string date_;
    unsigned tick_ = 0;
    std::vector<pollfd> polled_;
    std::vector<SweepEntry*> polled_entries_;
};

}  // namespace hearth::http
