#pragma once

#include <optional>
#include <string>

#include "hearth/base/error.hpp"
#include "hearth/executor/executor.hpp"
#include "hearth/http/forward.hpp"

namespace hearth::invoke {

/// Of one call, the first included.
inline constexpr int kMostAttempts = 3;

/// How a call that got no answer from its function ends: the status, and an error whose `component`
/// is at fault.
struct Failure {
    int status = 500;
    Error error;
    bool answer = true;  ///< false: the client is gone, nobody is told
};

/// No place on an instance was had.
Failure lease_failure(const Error& error);

/// What is to become of a forward that failed.
struct Verdict {
    Failure failure;
    bool again = false;            ///< another instance may be tried
    bool instance_failed = false;  ///< take it out
};

struct AttemptState {
    const executor::FunctionInfo& function;
    std::string_view instance;
    std::optional<std::string> end_reason;  ///< of the instance, if it has ended
    std::string_view method;
    std::chrono::milliseconds limit{0};  ///< the time the function had, for the text; 0: not known
};

/// Pure. Sent again only where nothing was sent, or where the method is idempotent, no byte of an
/// answer came and no byte of the body is lost.
Verdict judge(const http::ForwardResult& result, const AttemptState& state);

/// RFC 9110 section 9.2.2, of the methods that a client may send again unasked.
bool idempotent(std::string_view method);

}  // namespace hearth::invoke
