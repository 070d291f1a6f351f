#pragma once

#include <optional>

#include "api/context.hpp"

namespace hearth::api {

/// Who sends a request: the bearer of a token or, where there is no Authorization header, the owner
/// of the admin page's cookie. A cookie counts only for requests of the page itself; what changes
/// something or runs a function must also show the session's secret in X-Hearth-Csrf, and name this
/// server in Origin. Errors: unauthenticated, exhausted, forbidden.
Result<Access> identify(Context& context, const Request& request);

}  // namespace hearth::api
