#pragma once

#include <functional>
#include <string>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/http/endpoint.hpp"

namespace hearth::backend {

/// Waits until something answers at `endpoint`: any HTTP answer to GET /healthz, or a connection
/// that is accepted and then does not speak HTTP. `alive` false ends the wait. Errors: unavailable
/// (not alive), deadline_exceeded.
Task<Result<void>> wait_until_answers(http::Endpoint endpoint, std::function<bool()> alive,
                                      Deadline deadline);

/// The request that makes a runtime load code; version 1 of Fission's contract has no body.
struct Specialization {
    http::Endpoint endpoint;
    int version = 3;
    std::string file_path;  ///< as the runtime sees it
    std::string function_name;
    model::Metadata function;
    bool send_env = false;
    std::map<std::string, std::string> env;
    Specialization() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};
/// Errors: function_failed with the runtime's own text as detail (at most 64 KiB); else as
/// http::fetch.
Task<Result<void>> specialize(Specialization specialization, Deadline deadline);

}  // namespace hearth::backend
