#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/clock.hpp"
#include "hearth/http/message.hpp"

namespace hearth::trigger {

/// The context attributes of an event, CloudEvents 1.0; what a function is told of why it is called.
struct Event {
    std::string id;       ///< the same over all attempts at one event; empty: a new one
    std::string source;   ///< URI reference, e.g. "/hearth/timetriggers/default/nightly"
    std::string type;     ///< e.g. "hearth.timer.fired"
    std::string subject;  ///< may be empty
    std::optional<base::WallTime> time;  ///< absent: now
    Event() = default;    // a constructor, so that g++ 12.2 handles it in coroutines
};

/// Adds ce-specversion, ce-id, ce-source, ce-type, ce-time and ce-subject (HTTP binding 1.0.2, binary mode; values
/// percent-encoded as its section 3.1.3.2 says). Fills in what the event leaves open.
void add_event_headers(Event& event, http::HeaderList& headers);
/// A header's value for an attribute: everything but printable ASCII, the space, '"' and '%' are percent-encoded.
std::string event_header_value(std::string_view attribute);

}  // namespace hearth::trigger
