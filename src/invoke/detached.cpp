#include "invoke/detached.hpp"

#include "hearth/base/ids.hpp"
#include "hearth/http/problem.hpp"
#include "invoke/call_headers.hpp"
#include "invoke/limits.hpp"

namespace hearth::invoke {
namespace {

using Steady = std::chrono::steady_clock;

// Detached calls are few beside a gateway's: one part of the cache serves them on every shard.
constexpr std::size_t kCachePart = 0;

/// One call while it runs.
struct DetachedRun {
    Parts& parts;
    DetachedCall call;
    std::shared_ptr<const executor::FunctionInfo> info;
    std::shared_ptr<const CallKnown> known;
    Limits limits;
    http::HeaderList own;
    http::DirectRequest request;
    http::DirectAnswer received;
    CallAnswer answer;

    DetachedRun(Parts& p, DetachedCall c) : parts(p), call(std::move(c)) {}
    void prepare(Steady::time_point began);
    Task<void> attempts();
    Task<executor::Lease> place();
    void fail(Failure failure);
    void finish(Steady::time_point began);
};

void DetachedRun::prepare(Steady::time_point began) {
    if (call.request_id.empty()) call.request_id = base::new_uuid();
    answer.request_id = call.request_id;
    info = parts.executor.info(call.function);
    if (!info) {
        fail({404, Error(Errc::not_found, "the function does not exist any more", {}, "executor"),
              true});
        return;
    }
    known = parts.cache.known(kCachePart, call.function, info->metadata);
    limits = limits_of(info->spec, call.deadline, began);
    add_request_id(call.request_id, own);
    if (!call.headers.has("traceparent")) own.add("traceparent", new_traceparent());
    request.method = call.method;
    request.target = call.target;
    request.headers = {&own, &known->headers, &call.headers};
    request.body = call.body;
    request.deadline = limits.whole;
    request.idle_timeout = limits.idle;
    request.keep_body = call.keep_body;
}

/// An empty lease, with the failure set, when none is had.
Task<executor::Lease> DetachedRun::place() {
    auto lease = parts.executor.try_acquire(call.function);
    if (lease) co_return lease;
    auto waited = co_await parts.executor.acquire(call.function, limits.wait);
    if (waited) co_return std::move(*waited);
    fail(lease_failure(waited.error()));
    co_return executor::Lease();
}

Task<void> DetachedRun::attempts() {
    auto& report = answer.report;
    const int most = call.retry ? kMostAttempts : 1;
    bool again = true;
    while (again && report.attempts < most) {
        ++report.attempts;
        auto lease = co_await place();
        if (!lease) co_return;
        report.instance = lease.instance_name();
        report.cold = report.cold || lease.timings().cold;
        parts.executor.attribute(lease, call.request_id);
        const auto result = co_await parts.forwarder.send(lease.upstream(), request, received);
        if (!result.error) {
            answer.error.reset();
            answer.status = result.status;
            answer.headers = std::move(received.head.headers);
            answer.body = std::move(received.body);
            answer.truncated = received.truncated;
            co_return;
        }
        auto verdict =
            co_await parts.settle(*info, call.method, limits.allowed, std::move(lease), result);
        fail(std::move(verdict.failure));
        again = verdict.again && !limits.whole.passed();
    }
}

void DetachedRun::fail(Failure failure) {
    answer.status = failure.status;
    answer.error = std::move(failure.error);
}

void DetachedRun::finish(Steady::time_point began) {
    auto& report = answer.report;
    report.total = Steady::now() - began;
    report.status = answer.status;
    report.component = answer.error ? answer.error->component : std::string();
    if (!info) return;
    http::RequestHead head;
    head.method = call.method;
    head.target = call.target;
    std::string text;
    parts.record(*info, *known, head, call.request_id, report, text);
}

}  // namespace

Task<CallAnswer> run_detached(Parts& parts, DetachedCall call) {
    const bool threw = co_await aio::net::this_coro::throw_if_cancelled();
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const auto began = Steady::now();
    DetachedRun run(parts, std::move(call));
    run.prepare(began);
    if (run.info) co_await run.attempts();
    run.finish(began);
    co_await aio::net::this_coro::throw_if_cancelled(threw);
    co_return std::move(run.answer);
}

}  // namespace hearth::invoke
