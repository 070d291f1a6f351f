#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "hearth/executor/executor.hpp"
#include "hearth/http/forward.hpp"
#include "hearth/http/server.hpp"

namespace hearth::invoke {

/// One call that is to be made for a client's exchange.
struct Call {
    executor::FunctionSlotPtr function;
    std::string_view request_id;
    std::string target;                       ///< path and query the function sees
    std::optional<Deadline> deadline;         ///< besides the function's own time limit
    std::uint64_t max_body = 100u << 20;
    const http::HeaderList* request_headers = nullptr;   ///< set on the request, e.g. X-Fission-Params-*
    const http::HeaderList* response_headers = nullptr;  ///< set on the answer, e.g. CORS
    bool server_timing = false;
    /// The Authorization header was meant for Hearth itself, as on the API listener: the function must not see it.
    bool drop_authorization = false;
    bool retry = true;                        ///< may be sent again where nothing was sent or the method is idempotent
};

/// What became of it, for metrics and logs.
struct CallReport {
    int status = 0;
    std::string component;    ///< at fault: function, instance, executor, deadline, client…; empty on success
    std::string instance;
    int attempts = 0;
    bool cold = false;
    std::chrono::nanoseconds total{0};
};

/// A call that no client waits for: of a timer, a message, an event, a queue.
struct DetachedCall {
    executor::FunctionSlotPtr function;
    std::string request_id;                   ///< empty: a new one
    std::string method = "POST";
    std::string target = "/";                 ///< path and query the function sees
    http::HeaderList headers;                 ///< sent as they stand; traceparent is made when there is none
    std::string body;
    std::optional<Deadline> deadline;         ///< besides the function's own time limit
    std::uint64_t keep_body = 1u << 20;       ///< bytes of the answer's body that are kept
    bool retry = true;                        ///< as in Call
    DetachedCall() = default;                 // a constructor, so that g++ 12.2 handles it in coroutines
};

/// The function's answer, or why there is none.
struct CallAnswer {
    int status = 0;                           ///< the function's, or what serve() would have answered
    http::HeaderList headers;                 ///< the function's, without those of the connection
    std::string body;
    bool truncated = false;                   ///< the body was longer than keep_body
    std::string request_id;
    /// Set when the function gave no answer; its component is at fault: function, instance, executor, deadline…
    std::optional<Error> error;
    CallReport report;
    CallAnswer() = default;
};

/// Leases an instance, forwards, retries, answers failures. Every failure answer is problem+json with component and
/// request id: 502 function or instance, 503 platform, 504 deadline, 429 capacity, 413 body.
/// Thread: the exchange's shard.
class Invoker {
  public:
    /// `exit_patience`: how long a call whose connection broke waits to be told that its instance has ended, and why.
    static std::unique_ptr<Invoker> make(executor::Executor& executor, http::Forwarder& forwarder,
                                         telemetry::FunctionLog& function_log, telemetry::Logger& log,
                                         telemetry::Registry& metrics,
                                         std::chrono::milliseconds exit_patience = std::chrono::milliseconds(60));
    virtual ~Invoker() = default;
    virtual Task<CallReport> serve(http::Exchange& exchange, const Call& call) = 0;
    /// The same without a client: same leases, same attempts, same failures, same record in the function's log.
    /// Thread: a shard. Cancel: ends soon, with the error `cancelled`; the function may have run.
    virtual Task<CallAnswer> call(DetachedCall call) = 0;
};

/// The request id a request carries (X-Request-Id or X-Fission-Request-ID, 1 to 192 printable ASCII characters), else a new one.
std::string request_id_of(const http::RequestHead& head);

/// Whether a text can be a request's id: 1 to 192 printable ASCII characters without spaces.
bool usable_request_id(std::string_view id);

/// A new W3C trace context: version 00, random ids, sampled.
std::string new_traceparent();

/// Random version-4 UUIDs from bytes fetched for many at once: asking for each costs a request more than its routing.
/// Thread: one owner.
class RequestIds {
  public:
    std::string next();

  private:
    static constexpr std::size_t kEach = 16, kAtOnce = 64;
    std::array<unsigned char, kEach * kAtOnce> bytes_;
    std::size_t used_ = kEach * kAtOnce;
};
/// The same with new ones taken from `ids`.
std::string request_id_of(const http::RequestHead& head, RequestIds& ids);

}  // namespace hearth::invoke
