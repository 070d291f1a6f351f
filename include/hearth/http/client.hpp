#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/http/endpoint.hpp"
#include "hearth/http/message.hpp"

namespace hearth::http {

struct ClientRequest {
    std::string method = "GET";
    std::string target = "/";
    std::string host = "localhost";
    HeaderList headers;
    std::string body;
    /// Instead of `body`: gives the next bytes, empty at the end. Sent chunked unless `body_length` is known.
    std::function<Result<std::string>()> body_source;
    std::optional<std::uint64_t> body_length;
    ClientRequest() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};

struct ClientResponse {
    int status = 0;
    HeaderList headers;
    std::string body;
    ClientResponse() = default;
};

/// One request on a fresh connection. `limit` bounds the answer's body. Errors: unavailable (cannot connect; the message
/// names the address), deadline_exceeded, too_large, io.
Task<Result<ClientResponse>> fetch(Endpoint endpoint, ClientRequest request, Deadline deadline,
                                   std::uint64_t limit = 16u << 20);

/// The same with the body handed over piece by piece; `on_head` may return false to stop after the head,
/// `on_data` to stop at once. The response's `body` stays empty.
Task<Result<ClientResponse>> fetch_stream(Endpoint endpoint, ClientRequest request, Deadline deadline,
                                          std::function<bool(const ClientResponse&)> on_head,
                                          std::function<bool(std::string_view)> on_data);

/// Blocking forms for the command line, each on an event loop of its own.
Result<ClientResponse> fetch_blocking(const Endpoint& endpoint, ClientRequest request, Deadline deadline,
                                      std::uint64_t limit = 256u << 20);
Result<ClientResponse> fetch_stream_blocking(const Endpoint& endpoint, ClientRequest request, Deadline deadline,
                                             std::function<bool(const ClientResponse&)> on_head,
                                             std::function<bool(std::string_view)> on_data);

}  // namespace hearth::http
