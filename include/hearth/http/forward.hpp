#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/http/endpoint.hpp"
#include "hearth/http/message.hpp"
#include "hearth/http/server.hpp"

namespace hearth::http {

/// Something requests are forwarded to. `id` is unique for the process's life, so that a reused address
/// never meets a connection of its predecessor.
struct Upstream {
    std::uint64_t id = 0;
    Endpoint endpoint;
    std::string host;   ///< Host of requests to it; empty: the client's
};

/// How far a forwarded request came. Decides whether it may be sent again.
enum class ForwardStage {
    not_connected,    ///< nothing was sent
    request_sent,     ///< some bytes were sent, no byte of an answer came
    response_started, ///< the client has seen part of the answer
    done,
};

struct ForwardResult {
    ForwardStage stage = ForwardStage::not_connected;
    std::optional<Error> error;     ///< absent: done. Codes: unavailable (refused, reset), deadline_exceeded,
                                    ///< cancelled (client gone), too_large (request body), io (bad framing upstream)
    bool client_fault = false;      ///< the error is the client's (gone, bad framing, too slow)
    bool reused_connection = false;
    bool body_consumed = false;     ///< part of the request's body has been read: it cannot be sent again
    int status = 0;
    std::uint64_t request_bytes = 0, response_bytes = 0;
    std::chrono::nanoseconds connect{0};
};

/// Called once when the function's head has arrived, before it goes to the client.
class ResponseHook {
  public:
    virtual ~ResponseHook() = default;
    /// May add headers; `upstream_wait` is from the request's last byte sent to the first byte received.
    virtual void on_response(int status, const HeaderList& from_upstream, std::chrono::nanoseconds connect,
                             std::chrono::nanoseconds upstream_wait, HeaderList& add) = 0;
};

struct ForwardPlan {
    std::string_view target;                 ///< path and query to send
    /// Replace the client's of the same name; lists that are null are skipped.
    std::array<const HeaderList*, 3> set_headers{};
    /// Client headers with this prefix are dropped in any spelling; set_headers are not affected. Several, comma-free.
    const std::vector<std::string>* drop_prefixes = nullptr;
    std::string_view drop_cookie;            ///< a cookie of this name is taken out of the client's Cookie headers; empty: none
    Deadline deadline;                       ///< of the whole exchange
    std::chrono::milliseconds idle_timeout{0}; ///< streaming: longest pause between chunks; 0: none
    std::uint64_t max_request_body = 100u << 20;
    std::size_t max_response_head = 64 * 1024;
    bool allow_websocket = true;
    ResponseHook* hook = nullptr;            ///< may be null
    bool timed = true;                       ///< false: the hook does not use upstream_wait, which is then 0
};

/// A request that no client's exchange stands behind; everything it names must stay valid meanwhile.
struct DirectRequest {
    std::string_view method;
    std::string_view target;                 ///< path and query
    std::string_view host = "localhost";     ///< where the upstream has none
    /// Sent as they stand, a name that an earlier list has left out of a later one; null lists are skipped.
    std::array<const HeaderList*, 3> headers{};
    std::string_view body;
    Deadline deadline;
    std::chrono::milliseconds idle_timeout{0};  ///< longest pause within the answer; 0: none
    std::size_t max_response_head = 64 * 1024;
    std::uint64_t keep_body = 1u << 20;      ///< of the answer; what comes after is read and dropped
};

struct DirectAnswer {
    ResponseHead head;                       ///< without hop-by-hop fields
    std::string body;
    bool truncated = false;                  ///< `body` is not the whole
};

/// Keep-alive connections to upstreams, one pool per shard. Thread: any for forget(); else the exchange's shard.
class Forwarder {
  public:
    struct Options {
        std::size_t idle_per_upstream = 64;
        std::chrono::milliseconds idle_timeout{30'000};
        std::chrono::milliseconds connect_timeout{2'000};
    };
    static std::unique_ptr<Forwarder> make(aio::Shards& shards, Options options, telemetry::Registry& metrics);
    virtual ~Forwarder() = default;

    /// Re-serialises the request from parsed fields, streams both bodies with bounded memory, passes a
    /// websocket through after 101, strips hop-by-hop headers both ways. Sends nothing to the client on an error
    /// before the response started: the caller answers. A request whose kept-alive connection turned out closed
    /// before any byte of an answer is sent once more on a fresh one when no body byte is lost.
    virtual Task<ForwardResult> forward(Exchange& exchange, const Upstream& upstream, const ForwardPlan& plan) = 0;
    /// Sends `request` and reads the whole answer over the same connections and by the same rules as forward().
    /// Errors as there, `cancelled` when the calling coroutine was. Thread: a shard.
    virtual Task<ForwardResult> send(const Upstream& upstream, const DirectRequest& request, DirectAnswer& answer) = 0;
    /// Closes the idle connections of an upstream that is gone.
    virtual void forget(std::uint64_t upstream_id) = 0;
    /// Closes all connections. Blocks; call from a thread that is no shard, before the shards stop.
    virtual void stop() = 0;
};

}  // namespace hearth::http
