#pragma once

#include <boost/json/object.hpp>

#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "trigger/timer_core.hpp"

namespace hearth::trigger {

/// "2027-01-31T12:00:00Z".
std::string slot_text(Slot slot);
/// The timer an object describes. Errors: internal, of one that check() did not accept.
Result<TimerDefinition> timer_definition(const model::Resource& timer);
/// What `status` says; `record` may be null. Pure.
boost::json::object timer_status(const TimerDefinition& timer, const TimerRecord* record,
                                 std::size_t running, bool function_found, Slot now);

/// One of `status.conditions`.
boost::json::object condition(std::string_view type, bool holds, std::string_view reason,
                              std::string_view message = {});

}  // namespace hearth::trigger
