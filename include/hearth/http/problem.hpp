#pragma once

#include <boost/json/object.hpp>

#include <string>

#include "hearth/base/error.hpp"
#include "hearth/http/message.hpp"

namespace hearth::http {

/// The one table from error kinds to statuses.
int status_of(Errc code);

/// RFC 9457 problem document with `component`, `requestId`, `code`, and `errors` from `extra` if any.
/// 429 and 503 get Retry-After: 1 unless the head has one.
std::string problem_body(int status, const Error& error, std::string_view request_id,
                         const boost::json::object& extra = {});
/// A head with Content-Type application/problem+json and, for 429 and 503, Retry-After.
ResponseHead problem_head(int status);

}  // namespace hearth::http
