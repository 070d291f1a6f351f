#pragma once

#include <map>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/http/message.hpp"

namespace hearth::http {

/// An event as CloudEvents 1.0 has it.
struct CloudEvent {
    /// By name, values as text: specversion, id, source and type are always there; datacontenttype is `data_type`.
    std::map<std::string, std::string> attributes;
    std::string data_type;  ///< media type of `data`; may be empty
    std::string data;
    CloudEvent() = default;
};

/// Reads a message of the HTTP protocol binding 1.0.2, in binary or structured mode (JSON event format).
/// Errors: invalid_argument naming the attribute; unsupported for batches and other event formats.
Result<CloudEvent> read_cloud_event(const HeaderList& headers, std::string_view body);

/// Sets ce-* and Content-Type of the binary mode; the body is `data`.
void set_binary_headers(const CloudEvent& event, HeaderList& headers);
/// The body of the structured mode, whose Content-Type is kStructuredEvent.
std::string structured_body(const CloudEvent& event);
inline constexpr std::string_view kStructuredEvent = "application/cloudevents+json; charset=utf-8";

/// A header's value for an attribute: all but printable ASCII, the space, '"' and '%' are percent-encoded.
std::string encode_attribute(std::string_view value);

}  // namespace hearth::http
