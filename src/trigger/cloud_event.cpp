#include "hearth/trigger/cloud_event.hpp"

#include "hearth/base/ids.hpp"
#include "hearth/http/cloud_event.hpp"

namespace hearth::trigger {

std::string event_header_value(std::string_view attribute) {
    return http::encode_attribute(attribute);
}

void add_event_headers(Event& event, http::HeaderList& headers) {
    if (event.id.empty()) event.id = base::new_uuid();
    if (!event.time) event.time = base::SystemClock().wall();
    headers.set("ce-specversion", "1.0");
    headers.set("ce-id", event_header_value(event.id));
    headers.set("ce-source", event_header_value(event.source));
    headers.set("ce-type", event_header_value(event.type));
    headers.set("ce-time", base::to_rfc3339(*event.time));
    if (!event.subject.empty()) headers.set("ce-subject", event_header_value(event.subject));
}

}  // namespace hearth::trigger
