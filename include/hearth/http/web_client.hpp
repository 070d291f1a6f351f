#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/http/message.hpp"
#include "hearth/http/web_address.hpp"

namespace hearth::http {

struct WebClientOptions {
    /// Connect to addresses that is_public_address() says no to as well.
    bool private_addresses = false;
    std::string ca_pem;       ///< authorities trusted besides the system's
    std::string user_agent = "hearth";
    int redirects = 5;        ///< that get() follows
    std::chrono::milliseconds connect_timeout{10'000};   ///< of each address, TLS included
    std::chrono::milliseconds silence_timeout{30'000};   ///< longest time without a byte
    /// A name's numeric addresses; runs on the blocking pool. Empty: the system's resolver.
    std::function<Result<std::vector<std::string>>(const std::string& host)> resolve;
};

/// Takes a body piece by piece.
class BodySink {
  public:
    virtual ~BodySink() = default;
    virtual Task<Result<void>> write(std::string_view bytes) = 0;
};

/// Gives a body piece by piece, empty at its end.
class BodySource {
  public:
    virtual ~BodySource() = default;
    virtual Task<Result<std::string>> next() = 0;
};

struct WebRequest {
    std::string method = "GET";
    WebAddress address;
    HeaderList headers;
    std::string body;
    BodySource* source = nullptr;        ///< instead of `body`; not owned
    std::uint64_t source_bytes = 0;      ///< that `source` gives
    WebRequest() = default;  // a constructor, so that g++ 12.2 handles it in coroutines
};

struct WebResponse {
    int status = 0;
    HeaderList headers;
    std::string body;                    ///< at most 64 KiB, where no sink took it
    std::uint64_t bytes = 0;             ///< of the body
    WebAddress address;                  ///< that answered, after redirects
    WebResponse() = default;
};

/// HTTP/1.1 to servers out there, over TLS with verified certificates or in plain text, a fresh connection for each request.
/// An address is looked up once, checked, and the checked address is what is connected to; each redirect is checked anew.
/// Sends no credentials of its own and uses no proxy. Thread: any shard.
class WebClient {
  public:
    /// Errors: invalid_argument (ca_pem holds no certificate).
    static Result<std::unique_ptr<WebClient>> make(WebClientOptions options, aio::BlockingPool& pool);
    virtual ~WebClient() = default;

    /// One request; a redirect is an answer like any other. A 2xx body goes to `sink` (may be null).
    /// Errors: forbidden (an address that may not be connected to), unavailable (cannot be resolved or reached, certificate
    /// not accepted, broke off), deadline_exceeded, too_large (past `limit`), io (no HTTP); those of the sink and source.
    virtual Task<Result<WebResponse>> send(WebRequest request, BodySink* sink, std::uint64_t limit, Deadline deadline) = 0;
    /// GET with redirects followed, from https never to http. Statuses other than 2xx are unavailable.
    virtual Task<Result<WebResponse>> get(WebAddress address, BodySink& sink, std::uint64_t limit, Deadline deadline) = 0;
};

}  // namespace hearth::http
