#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::model {

/// When a timer is due, in whole seconds of UTC.
using Slot = std::chrono::sys_seconds;

/// A cron expression in a time zone: five fields, or six with seconds in front, as Fission's timers read them
/// (`*`, `?`, lists, ranges, steps, names of months and weekdays; 7 is Sunday too), one of @yearly … @hourly, or
/// `@every 90s`. With both a day of the month and a weekday restricted, either is enough.
///
/// Where clocks change: a schedule for each hour follows the hours that pass, so it comes in both of two that look alike. One
/// that names hours comes once: at the first of two like times, and for a time that is left out, when the clocks
/// are put forward. Immutable. Thread: any.
class Schedule {
  public:
    /// `zone` is an IANA name; empty: that of the expression's CRON_TZ= or TZ= prefix, else UTC. Errors:
    /// invalid_argument (which field and why; a date that never comes; two zones; an unknown one, or no tzdata here).
    static Result<Schedule> parse(std::string_view cron, std::string_view zone = {});

    /// The first slot after `after`. `anchor` is where @every counts from. Nothing: none within nine years.
    std::optional<Slot> next(Slot after, Slot anchor) const;

    struct Due {
        std::optional<Slot> newest;   ///< the last slot after `after` that is not past `now`
        std::uint64_t count = 0;      ///< slots after `after` up to `now`; counted to kCountLimit
    };
    static constexpr std::uint64_t kCountLimit = 1000;
    Due due(Slot after, Slot now, Slot anchor) const;

    /// True for @every, whose slots follow from the anchor.
    bool counts_from_anchor() const;

  private:
    struct Plan;
    explicit Schedule(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
    std::shared_ptr<const Plan> plan_;
};

/// The next `count` slots after `after`.
std::vector<Slot> next_slots(const Schedule& schedule, Slot after, Slot anchor, std::size_t count);

}  // namespace hearth::model
