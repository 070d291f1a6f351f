#pragma once

#include <optional>
#include <string>

#include "api/context.hpp"

namespace hearth::api {

/// Loads the code of every function the plan makes or changes into an instance. A refusal names the
/// function; the language's own trace goes to `trace`.
Task<std::optional<Refusal>> try_functions(Context& context, const Plan& plan, const Intent& intent,
                                           std::string& trace);

}  // namespace hearth::api
