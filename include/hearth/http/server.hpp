#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/http/endpoint.hpp"
#include "hearth/http/message.hpp"
#include "hearth/http/request_gate.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::http {

struct ServerOptions {
    std::string name;                                     ///< "gateway" or "api": in metrics and logs
    Endpoint listen;                                      ///< port 0 picks one
    GateLimits gate;
    std::chrono::milliseconds header_timeout{10'000};     ///< whole head, not per read
    std::chrono::milliseconds idle_timeout{75'000};       ///< between requests of a connection
    std::chrono::milliseconds body_grace{10'000};         ///< after it a body must come at min_body_rate
    std::uint64_t min_body_rate = 256;                    ///< bytes per second
    std::chrono::milliseconds write_timeout{60'000};      ///< without progress
    std::uint64_t max_body_bytes = 100u << 20;            ///< 413; a handler may lower or raise it per request
    std::size_t max_connections = 10'000;                 ///< past it 503 and close
};

/// One request and the answer to it, on one connection of one shard.
/// Lifetime: valid during the handler's coroutine. Thread: its shard. All buffers are bounded (64 KiB each way).
class Exchange {
  public:
    virtual ~Exchange() = default;
    virtual const RequestHead& request() const = 0;
    virtual std::string_view peer_address() const = 0;     ///< numeric; empty for a unix socket
    virtual std::size_t shard() const = 0;
    virtual std::chrono::steady_clock::time_point received_at() const = 0;

    /// Bytes of the body; 0 at its end. Errors: too_large, deadline_exceeded (too slow), cancelled (client gone),
    /// invalid_argument (bad chunk framing).
    virtual Task<Result<std::size_t>> read_body(std::span<char> into) = 0;
    /// The whole body. Errors as above; too_large past `limit`.
    virtual Task<Result<std::string>> read_body_all(std::uint64_t limit) = 0;
    virtual void set_max_body(std::uint64_t bytes) = 0;
    /// Puts a body that was read whole back, so that a handler which had to check it (a signature) can still forward
    /// it: later reads give these bytes first. Call after read_body_all succeeded, at most once.
    virtual void replay_body(std::string body) = 0;

    /// A complete answer in one write. HEAD answers send the head alone. Content-Length is set here.
    virtual Task<Result<void>> respond(ResponseHead head, std::string body) = 0;
    /// Starts a streamed answer: chunked (close-delimited towards HTTP/1.0) unless `length` is known.
    virtual Task<Result<void>> start_response(ResponseHead head, std::optional<std::uint64_t> length) = 0;
    virtual Task<Result<void>> write_body(std::span<const char> bytes) = 0;
    virtual Task<Result<void>> finish_response() = 0;
    virtual bool response_started() const = 0;
    virtual int response_status() const = 0;               ///< 0 before one is started
    virtual std::uint64_t response_bytes() const = 0;
    /// The connection will not be reused after this exchange.
    virtual void close_after() = 0;
    /// True once the client reset or closed the connection both ways (checked at least twice a second).
    virtual bool client_gone() const = 0;
};

using Handler = std::function<Task<void>(Exchange&)>;

/// Accepts on every given shard (SO_REUSEPORT for TCP), parses, checks with the gate, calls the handler. A handler
/// that returns without an answer, or throws, gives 500. Connections live in the server's own task groups.
class Server {
  public:
    /// Binds at once. Errors: io (address in use, no permission: the message names the address and remedy).
    static Result<std::unique_ptr<Server>> start(aio::Shards& shards, ServerOptions options, Handler handler,
                                                 telemetry::Logger& log, telemetry::Registry& metrics);
    virtual ~Server() = default;
    virtual Endpoint endpoint() const = 0;                 ///< with the port in use
    virtual std::size_t connections() const = 0;
    virtual std::size_t requests_in_flight() const = 0;
    /// From now on answers carry Connection: close. The listener and idle connections stay open: a client that is about
    /// to use one is told with its next answer.
    virtual void begin_drain() = 0;
    /// Closes the listener, waits for requests in flight until the deadline, then cancels the rest. Blocks;
    /// call from a thread that is no shard.
    virtual void stop(Deadline deadline) = 0;
};

}  // namespace hearth::http
