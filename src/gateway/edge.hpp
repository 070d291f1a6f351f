#pragma once

#include <string>
#include <string_view>

#include "gateway/gateway_metrics.hpp"
#include "gateway/route_table.hpp"
#include "hearth/base/error.hpp"
#include "hearth/http/message.hpp"
#include "hearth/http/server.hpp"

namespace hearth::gateway {

/// An answer the gateway gives by itself.
struct EdgeAnswer {
    EdgeAnswer(Outcome o, http::ResponseHead h, std::string b)
        : outcome(o), head(std::move(h)), body(std::move(b)) {}
    Outcome outcome;
    http::ResponseHead head;
    std::string body;
};

/// A problem document of the gateway's own.
EdgeAnswer refuse(Outcome outcome, Error error, std::string_view request_id);
EdgeAnswer no_route(const http::RequestHead& head, std::string_view path,
                    std::string_view request_id);
EdgeAnswer no_method(const http::RequestHead& head, std::string_view path, Methods allowed,
                     std::string_view request_id);
EdgeAnswer no_function(const Route& route, std::string_view request_id);
EdgeAnswer too_large(std::uint64_t limit, std::string_view request_id);
EdgeAnswer unauthenticated(const Route& route, Error error, std::string_view request_id);

/// Whether canonical_path() would return just this: letters, digits and marks that are never
/// encoded. Spares a copy.
bool is_plain_path(std::string_view path);

/// X-Fission-Params-NAME for each parameter and X-Fission-Full-Url. A value that no header can
/// carry decoded stays encoded.
void add_route_headers(const Route& route, std::string_view path, std::string_view query,
                       http::HeaderList& out, std::string& scratch);

/// Path and query for the function.
std::string function_target(const Route& route, std::string_view path,
                            const http::RequestHead& head);

}  // namespace hearth::gateway
