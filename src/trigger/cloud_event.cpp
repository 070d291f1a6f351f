#include "hearth/trigger/cloud_event.hpp"

#include "hearth/base/ids.hpp"

namespace hearth::trigger {

std::string event_header_value(std::string_view attribute) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(attribute.size());
    for (const char c : attribute) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '"' && c != '%') {
            out += c;
            continue;
        }
        out += '%';
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
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
