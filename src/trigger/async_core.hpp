#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/catalog/call_queue.hpp"

namespace hearth::trigger {

using catalog::PendingCall;
using catalog::UnixMs;

/// Which of the waiting calls are made when. Pure: time comes in with each event.
///
/// A lane is one function's (or address's) calls. Lanes take turns, so that a flood of one
/// function's calls delays another function's by no more than one call; each lane has a limit of
/// its own and all together have one. Within a lane, calls run in the order in which they became
/// due. Thread: one owner.
class AsyncCore {
 public:
    struct Limits {
        int running = 256;              ///< of all lanes together
        std::size_t pending = 100'000;  ///< calls known; accept() refuses more
    };
    explicit AsyncCore(Limits limits) : limits_(limits) {}

    /// What is to be done now.
    struct Effects {
        std::vector<PendingCall> start;
        std::vector<PendingCall> expired;  ///< too old to be begun; forgotten here
    };

    bool full() const { return waiting_ + running_.size() >= limits_.pending; }
    /// A call waits: accepted, redriven, read at the start, or to be tried again.
    void add(PendingCall call, UnixMs now);
    /// The attempt of a started call has ended.
    void finished(std::int64_t seq);
    /// A waiting call is not to be made. False: it does not wait here.
    bool drop(std::int64_t seq);
    /// `limit`: how many calls of the lane may run at once.
    Effects poll(UnixMs now, const std::function<int(const std::string& lane)>& limit);

    /// When poll() is next worth while; absent: on an event.
    std::optional<UnixMs> next_wake() const;

    std::size_t waiting() const { return waiting_; }
    std::size_t running() const { return running_.size(); }
    /// Due time of the call that has waited longest past it; absent when none is due.
    std::optional<UnixMs> oldest_due() const;

 private:
    struct Lane {
        std::set<std::pair<UnixMs, std::int64_t>> ready;  ///< by due time, then order of acceptance
        int running = 0;
        bool in_turn = false;
    };
    struct Entry {
        PendingCall call;
        bool ready = false;
    };

    void promote(UnixMs now);
    void make_ready(Entry& entry);
    void expire(UnixMs now, Effects& effects);
    void erase(std::int64_t seq);
    void enter_turn(const std::string& name, Lane& lane);

    const Limits limits_;
    std::map<std::string, Lane> lanes_;
    std::deque<std::string> turns_;  ///< lanes with ready calls, next first
    std::unordered_map<std::int64_t, Entry> entries_;
    std::set<std::pair<UnixMs, std::int64_t>> delayed_, expiring_;
    std::unordered_map<std::int64_t, std::string> running_;
    std::size_t waiting_ = 0;
};

}  // namespace hearth::trigger
