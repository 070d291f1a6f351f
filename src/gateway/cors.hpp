#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/route.hpp"
#include "hearth/http/message.hpp"

namespace hearth::gateway {

/// A browser's question before a cross-origin request (Fetch standard, "CORS-preflight request").
bool is_preflight(const http::RequestHead& head);

/// Answers a preflight for a route into `out`. Returns what is not allowed, or nothing when the
/// request may be made.
std::optional<std::string> answer_preflight(const Route& route, const http::RequestHead& head,
                                            http::HeaderList& out);

/// Headers of the answer to an ordinary request. Refused origins get none: browsers then keep the
/// answer from the page.
void add_cors_headers(const model::CorsConfig& cors, const http::RequestHead& head,
                      http::HeaderList& out);

}  // namespace hearth::gateway
