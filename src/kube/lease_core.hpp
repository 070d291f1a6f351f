#pragma once

#include <boost/json/object.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "hearth/base/clock.hpp"

namespace hearth::kube {

/// What the API server's Lease says.
struct LeaseRecord {
    std::string holder;  ///< empty: nobody
    std::string renew_time, acquire_time;
    std::chrono::milliseconds duration{0};
    std::int64_t transitions = 0;
    std::string resource_version;  ///< empty: there is no Lease yet
};

/// Leader election as a pure state machine: (state, event, now) → what to do next. Times are the
/// own clock's alone.
///
/// Safe because a holder counts from before its renewal is sent and stops after `renew`, while
/// everybody else counts from after he has seen that renewal and waits `duration`; and because a
/// write is bound to the resourceVersion that was read. Who waits looks a little more often than he
/// would have to, so that with the defaults a takeover is done within 17 s.
class LeaseCore {
 public:
    using Time = base::SteadyTime;
    using Span = std::chrono::milliseconds;

    /// `identity` is not empty; duration > renew > retry.
    LeaseCore(std::string identity, Span duration, Span renew, Span retry)
        : identity_(std::move(identity)), duration_(duration), renew_(renew), retry_(retry) {}

    struct Next {
        enum class Do { wait, read, write } what = Do::read;
        Time at{};           ///< wait: until then
        LeaseRecord record;  ///< write: renew_time and acquire_time empty mean "now"
    };
    Next next(Time now) const;

    /// Nothing: there is no Lease.
    void was_read(std::optional<LeaseRecord> present, Time now);
    void read_failed(Time now);
    /// The write that began at `began` succeeded and gave `record`.
    void was_written(LeaseRecord record, Time began, Time now);
    /// `conflict`: the Lease is not as it was read, or not there any more. Otherwise nobody knows
    /// whether it was carried out.
    void write_failed(bool conflict, Time now);

    bool held(Time now) const { return now < held_until_; }
    Time held_until() const { return held_until_; }
    /// Who has it as far as known; empty: nobody.
    std::string holder(Time now) const;

 private:
    Span span_of(const LeaseRecord& record) const { return std::max(duration_, record.duration); }
    bool is_free(Time now) const;

    const std::string identity_;
    const Span duration_, renew_, retry_;
    std::optional<LeaseRecord> seen_;  ///< the newest that is known
    Time seen_at_{};                   ///< when it was first seen so
    bool known_ = false;   ///< seen_, or that there is none, is fresh enough to write upon
    bool absent_ = false;  ///< the last look found no Lease
    Time next_at_ = Time::min();
    Time held_until_ = Time::min();
};

std::optional<LeaseRecord> lease_of(const boost::json::object& object);
/// `now_text` stands for the times that the record leaves empty.
boost::json::object lease_object(const LeaseRecord& record, const std::string& ns,
                                 const std::string& name, const std::string& now_text);
/// MicroTime of Kubernetes: 2026-01-31T12:00:00.000000Z.
std::string micro_time(base::WallTime time);

}  // namespace hearth::kube
