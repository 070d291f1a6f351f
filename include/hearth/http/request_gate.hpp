#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/http/message.hpp"

namespace hearth::http {

struct GateLimits {
    std::size_t header_bytes = 32 * 1024;   ///< past it 431
    std::size_t header_count = 100;         ///< past it 431
    std::size_t target_bytes = 8 * 1024;    ///< past it 414
};

struct GateRefusal {
    int status = 400;
    std::string reason;  ///< one sentence naming what is wrong; never echoes bytes of the request
};

/// The strict check of a request head before anything looks at it (RFC 9112; request smuggling corpus in test/http/gate_corpus.txt). Pure.
/// `raw_head` holds the bytes from the request line up to and including the empty line, because a parser hides obs-fold.
std::optional<GateRefusal> check_request(std::string_view raw_head, const RequestHead& head, const GateLimits& limits);

/// One canonical path for routing, authorisation and forwarding: decodes unreserved characters, refuses encoded
/// slashes, backslashes, NUL, and dot segments in any spelling. Errors: invalid_argument.
Result<std::string> canonical_path(std::string_view path);

}  // namespace hearth::http
