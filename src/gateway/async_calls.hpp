#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/edge.hpp"
#include "hearth/catalog/call_queue.hpp"

namespace hearth::gateway {

/// Below it, results of accepted calls are fetched: kCallPath + id.
inline constexpr std::string_view kCallPath = "/_hearth/calls/";

/// Whether a client asks not to wait: `X-Hearth-Async: true`, `Prefer: respond-async` (RFC 7240) or
/// Fission's `X-Fission-Invoke-Mode: async`.
bool asks_for_async(const http::HeaderList& headers);

struct AsyncWishes {
    std::string idempotency_key;
    std::int64_t delay_ms = 0;
};
/// Idempotency-Key (or X-Fission-Dedup-Key) and X-Hearth-Delay. Errors: invalid_argument.
Result<AsyncWishes> async_wishes(const http::HeaderList& headers);

/// The client's headers without what belongs to the connection, to the platform or to the client's
/// own identity (Authorization, Cookie, API keys), which is not kept at rest; then `ours`.
catalog::CallHeaders kept_headers(const http::HeaderList& client, const http::HeaderList& ours,
                                  std::string_view request_id);

/// 202 with the id and where the result will be.
EdgeAnswer accepted_answer(const catalog::AcceptedCall& accepted, const http::HeaderList& asked);

/// Whether a path names a call's result, and its id.
std::optional<std::string> call_id_of(std::string_view path);
/// `wait` of the query, 0 s to 60 s. Errors: invalid_argument.
Result<std::chrono::milliseconds> wait_of(std::string_view query);

/// The function's answer of a call that has ended; 202 while it has not.
EdgeAnswer result_answer(const catalog::CallRecord& record, std::string_view request_id);

}  // namespace hearth::gateway
