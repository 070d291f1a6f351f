#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::model {

/// Seconds of a clock on some wall, told as if it hung in Greenwich.
using WallSeconds = std::chrono::sys_seconds;

/// The fields of a cron expression as sets of bits: bit N stands for the value N.
struct CronFields {
    std::uint64_t seconds = 0, minutes = 0;
    std::uint32_t hours = 0, days = 0, months = 0, weekdays = 0;
    bool any_day = false, any_weekday = false;  ///< written as `*` or `?`

    bool every_hour() const { return hours == (1u << 24) - 1; }
    /// Errors: invalid_argument with field and reason.
    static Result<CronFields> parse(std::string_view text);
    /// The first match after `after`; nothing within nine years. The farthest there can be is the
    /// 29th of February across 2100.
    std::optional<WallSeconds> next(WallSeconds after) const;

 private:
    bool fits(std::chrono::year_month_day date) const;
};

}  // namespace hearth::model
