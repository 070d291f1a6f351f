#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "hearth/model/schedule.hpp"

namespace hearth::trigger {

/// How a call of a timer ended.
struct TimerOutcome {
    bool good = false;
    int status = 0;     ///< of the answer; 0: none
    std::string error;  ///< empty when good
    std::int64_t took_ms = 0;
};

/// What a timer remembers; a row of the ledger.
struct TimerRecord {
    model::Slot slot{};           ///< the last one that is dealt with; the row's mark
    std::int64_t generation = 0;  ///< of the object when it was
    std::optional<model::Slot> last_fire;
    std::optional<TimerOutcome> last;
    std::string trouble;  ///< why the last slot was not fired; empty: it was
    std::uint64_t fired = 0, succeeded = 0, failed = 0;
    std::uint64_t missed = 0;    ///< passed unseen or too late
    std::uint64_t left_out = 0;  ///< by concurrencyPolicy
};

/// The text a ledger row keeps, without the slot.
std::string to_text(const TimerRecord& record);
/// Errors: internal, of a text that is not to_text()'s.
Result<TimerRecord> timer_record(std::int64_t mark, const std::string& text);

}  // namespace hearth::trigger
