#pragma once

#include "hearth/catalog/call_queue.hpp"
#include "hearth/model/invocation.hpp"
#include "hearth/trigger/delivery.hpp"

namespace hearth::trigger {

/// What becomes of a call after an attempt.
struct Decision {
    catalog::CallState state = catalog::CallState::waiting;
    catalog::UnixMs due = 0;  ///< waiting: when it is tried again; else `now`
    std::string reason;       ///< failed: as in CallRecord::reason
    std::string message;
};

/// Pure. `attempt` counts from the last redrive, 1 for the first. `random` is in [0, 1): the pause
/// is a random part of its longest, "full jitter". A Retry-After of the answer is kept to when it
/// is longer. A retry that could not begin before `expires` is not waited for.
Decision decide(const model::Invocation& policy, const invoke::CallAnswer& answer, int attempt,
                catalog::UnixMs now, catalog::UnixMs expires, double random);

/// The longest pause before attempt `next` (2 for the first repetition).
std::chrono::milliseconds longest_pause(const model::Invocation& policy, int next);

}  // namespace hearth::trigger
