#pragma once

#include <string>

#include "hearth/catalog/call_queue.hpp"

namespace hearth::test {

inline catalog::NewCall new_call(const std::string& function, const std::string& body = "hi") {
    catalog::NewCall call;
    call.request.ns = "default";
    call.request.function = function;
    call.request.target = "/a?b=c";
    call.request.headers = {{"Content-Type", "text/plain"}, {"X-Odd", "\xff: \xfe"}};
    call.request.body = body;
    call.origin = "HTTPTrigger/default/r";
    call.created = call.due = 1'000;
    call.expires = 90'000;
    return call;
}

inline catalog::CallAttempt attempt(int number, int status, std::string error = "") {
    catalog::CallAttempt made;
    made.number = number;
    made.started = 2'000;
    made.ended = 3'000;
    made.status = status;
    made.error = std::move(error);
    return made;
}

}  // namespace hearth::test
