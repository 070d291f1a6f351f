#pragma once

#include <chrono>
#include <optional>

#include "hearth/aio/deadline.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::invoke {

/// The time limits of one call.
struct Limits {
    Deadline wait, whole;  ///< for a place on an instance; for all of it
    std::chrono::milliseconds allowed{
        0};  ///< the function's time as configured, for texts; 0: not its own
    std::chrono::milliseconds idle{0};  ///< longest pause of a stream; 0: none
};

/// `deadline`: the caller's own, besides the function's.
Limits limits_of(const model::FunctionSpec& spec, const std::optional<Deadline>& deadline,
                 Deadline::Clock::time_point began);

}  // namespace hearth::invoke
