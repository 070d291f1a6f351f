#pragma once

#include "hearth/aio/task.hpp"
#include "http/address.hpp"
#include "http/stream.hpp"

namespace hearth::http {

/// Opens `stream` and connects it. Errors: unavailable (refused, unreachable, no descriptor, not
/// done by `by`); the message names `endpoint`.
Task<Result<void>> connect_stream(Stream& stream, const Endpoint& endpoint, SteadyTime by);

}  // namespace hearth::http
