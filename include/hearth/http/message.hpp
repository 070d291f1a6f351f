#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::http {

/// Case-insensitive equality of header names (ASCII).
bool same_name(std::string_view a, std::string_view b);

/// Header fields in order of arrival, in one flat buffer that is reused from message to message.
/// Views stay valid until the next non-const call. Thread: one owner.
class HeaderList {
  public:
    struct View {
        std::string_view name;
        std::string_view value;
    };

    /// Appends. False, and nothing added, when the name is no token or the value holds CR, LF or NUL
    /// (Beast would write them out: response splitting).
    bool add(std::string_view name, std::string_view value);
    /// Removes all of that name, then appends.
    bool set(std::string_view name, std::string_view value);
    void remove(std::string_view name);
    /// The first of that name.
    std::optional<std::string_view> find(std::string_view name) const;
    bool has(std::string_view name) const { return find(name).has_value(); }
    std::size_t count(std::string_view name) const;
    std::size_t size() const { return entries_.size(); }
    View at(std::size_t index) const;
    void clear();

  private:
    struct Entry {
        std::uint32_t name_offset, name_length, value_offset, value_length;
    };
    std::string text_;
    std::vector<Entry> entries_;
};

/// A request's head after the gate let it through.
struct RequestHead {
    std::string method;              ///< upper case
    std::string target;              ///< origin form, as received
    int minor_version = 1;           ///< HTTP/1.x
    HeaderList headers;
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool keep_alive = true;
    bool websocket_upgrade = false;  ///< GET with Connection: upgrade and Upgrade: websocket
    bool has_body() const { return chunked || (content_length && *content_length > 0); }

    std::string_view path() const;   ///< target before '?'
    std::string_view query() const;  ///< after '?', or empty
};

struct ResponseHead {
    int status = 200;
    HeaderList headers;
};

/// Reason phrase of a status (RFC 9110 section 15); "Unknown" otherwise.
std::string_view reason_phrase(int status);

/// Percent-decoding of a path segment or query part. Errors: invalid_argument.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
std::string percent_encode(std::string_view text);
/// The first value of a query parameter, decoded.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace hearth::http
