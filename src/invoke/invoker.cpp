#include "hearth/invoke/invoker.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "hearth/aio/one_shot.hpp"
#include "hearth/http/cookie.hpp"
#include "hearth/http/problem.hpp"
#include "invoke/call_headers.hpp"
#include "invoke/call_series.hpp"
#include "invoke/detached.hpp"
#include "invoke/failure.hpp"
#include "invoke/limits.hpp"

namespace hearth::invoke {
namespace {

using Steady = std::chrono::steady_clock;

// How soon a client that leaves gives its place in the queue back; the server notices it as often.
constexpr std::chrono::milliseconds kLeaveLook{100};

/// One call while it runs.
struct Run {
    http::Exchange& exchange;
    const Call& call;
    std::shared_ptr<const executor::FunctionInfo> info;
    std::shared_ptr<const CallKnown> known;
    CallScratchPtr scratch;
    http::ForwardPlan plan;
    Limits limits;
    AnswerHeaders hook;
    CallReport report;
    std::optional<Failure> failure;

    Run(http::Exchange& e, const Call& c) : exchange(e), call(c), hook(c) {}
};

/// Ends when the client has left, or when it is cancelled.
Task<void> until_client_left(http::Exchange& exchange) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    do {
        const auto look = Deadline::after(kLeaveLook);
        const bool on = co_await aio::sleep_until(look);
        if (!on) co_return;
    } while (!exchange.client_gone());
}

Task<Result<executor::Lease>> place_on_instance(executor::Executor& executor,
                                                executor::FunctionSlotPtr function,
                                                Deadline deadline) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    co_return co_await executor.acquire(std::move(function), deadline);
}

class PlainInvoker final : public Invoker {
 public:
    PlainInvoker(executor::Executor& executor, http::Forwarder& forwarder,
                 telemetry::FunctionLog& function_log, telemetry::Logger& log,
                 telemetry::Registry& metrics, std::chrono::milliseconds exit_patience)
        : parts_{executor, forwarder, function_log, log, CallCache(metrics), exit_patience} {}

    Task<CallReport> serve(http::Exchange& exchange, const Call& call) override;
    Task<CallAnswer> call(DetachedCall call) override {
        return run_detached(parts_, std::move(call));
    }

 private:
    bool prepare(Run& run, Steady::time_point began);
    Task<executor::Lease> wait_for_lease(Run& run);
    Task<bool> settle(Run& run, executor::Lease lease, const http::ForwardResult& result);
    Task<void> answer_failure(Run& run);
    void finish(Run& run, Steady::time_point began);

    Parts parts_;
};

// One coroutine for all of a call that goes well, because each one more costs as much as the lease.
Task<CallReport> PlainInvoker::serve(http::Exchange& exchange, const Call& call) {
    const auto began = Steady::now();
    Run run(exchange, call);
    run.info = parts_.executor.info(call.function);
    const int most = call.retry ? kMostAttempts : 1;
    bool again = prepare(run, began);
    while (again && run.report.attempts < most) {
        ++run.report.attempts;
        auto lease = parts_.executor.try_acquire(call.function);
        if (!lease) lease = co_await wait_for_lease(run);
        if (!lease) break;
        run.report.instance = lease.instance_name();
        run.report.cold = run.report.cold || lease.timings().cold;
        run.hook.of_lease(lease.timings());
        parts_.executor.attribute(lease, call.request_id);
        const auto result = co_await parts_.forwarder.forward(exchange, lease.upstream(), run.plan);
        run.report.status = result.status;
        if (!result.error) {
            run.failure.reset();
            break;
        }
        again = co_await settle(run, std::move(lease), result);
    }
    if (run.failure) co_await answer_failure(run);
    finish(run, began);
    co_return std::move(run.report);
}

/// Makes what every attempt sends. False, with the failure set, when there will be none.
bool PlainInvoker::prepare(Run& run, Steady::time_point began) {
    auto& exchange = run.exchange;
    const auto& call = run.call;
    if (!run.info) {
        run.failure = {
            404, Error(Errc::not_found, "the function does not exist any more", {}, "executor"),
            true};
        return false;
    }
    run.known = parts_.cache.known(exchange.shard(), call.function, run.info->metadata);
    run.scratch = parts_.cache.take_scratch(exchange.shard());
    const auto& length = exchange.request().content_length;
    if (length && *length > call.max_body) {
        run.failure = {413,
                       Error(Errc::too_large,
                             "the request body is larger than the limit of " +
                                 std::to_string(call.max_body) + " bytes",
                             {}, "client"),
                       true};
        exchange.close_after();
        return false;
    }
    run.limits = limits_of(run.info->spec, call.deadline, began);
    exchange.set_max_body(call.max_body);
    add_request_id(call.request_id, run.scratch->headers);
    auto& plan = run.plan;
    plan.target = call.target;
    plan.set_headers = {&run.scratch->headers, &run.known->headers, call.request_headers};
    plan.drop_prefixes = &dropped_prefixes(call);
    plan.drop_cookie = http::kSessionCookie;
    plan.deadline = run.limits.whole;
    plan.idle_timeout = run.limits.idle;
    plan.max_request_body = call.max_body;
    plan.hook = &run.hook;
    plan.timed = call.server_timing;
    return true;
}

/// An empty lease, with the failure set, when none is had.
Task<executor::Lease> PlainInvoker::wait_for_lease(Run& run) {
    using namespace aio::net::experimental::awaitable_operators;
    auto left = until_client_left(run.exchange);
    auto place = place_on_instance(parts_.executor, run.call.function, run.limits.wait);
    auto first = co_await (std::move(left) || std::move(place));
    if (first.index() == 0) {
        Failure gone{499, Error(Errc::cancelled, "the client is gone", {}, "client"), false};
        run.failure = std::move(gone);
        co_return executor::Lease();
    }
    auto& waited = std::get<1>(first);
    if (!waited) {
        run.failure = lease_failure(waited.error());
        co_return executor::Lease();
    }
    if (run.exchange.client_gone()) {
        Failure gone{499, Error(Errc::cancelled, "the client is gone", {}, "client"), false};
        run.failure = std::move(gone);
        co_return executor::Lease();
    }
    co_return std::move(*waited);
}

/// What is to become of a forward that failed. True when another instance may be tried.
Task<bool> PlainInvoker::settle(Run& run, executor::Lease lease,
                                const http::ForwardResult& result) {
    auto verdict = co_await parts_.settle(*run.info, run.exchange.request().method,
                                          run.limits.allowed, std::move(lease), result);
    run.failure = std::move(verdict.failure);
    co_return verdict.again && !run.exchange.response_started() && !run.limits.whole.passed();
}

Task<void> PlainInvoker::answer_failure(Run& run) {
    auto& failure = *run.failure;
    run.report.component = failure.error.component;
    if (run.exchange.response_started()) {
        // The client has part of an answer: all that can be said is that it ends too early.
        run.report.status = run.exchange.response_status();
        run.exchange.close_after();
        co_return;
    }
    run.report.status = failure.status;
    if (!failure.answer) {
        run.exchange.close_after();
        co_return;
    }
    auto head = http::problem_head(failure.status);
    head.headers.set("X-Request-Id", run.call.request_id);
    head.headers.set("X-Fission-Component", failure.error.component);
    if (run.call.response_headers != nullptr)
        for (std::size_t i = 0; i < run.call.response_headers->size(); ++i) {
            const auto [name, value] = run.call.response_headers->at(i);
            head.headers.add(name, value);
        }
    auto body = http::problem_body(failure.status, failure.error, run.call.request_id);
    auto sent = co_await run.exchange.respond(std::move(head), std::move(body));
    if (sent.has_error() && parts_.log.enabled(telemetry::Level::debug))
        parts_.log.log(telemetry::Level::debug, "invoke",
                       "a failure could not be told to the client",
                       {{telemetry::kRequestId, std::string(run.call.request_id)},
                        {telemetry::kErr, sent.error().message}});
}

void PlainInvoker::finish(Run& run, Steady::time_point began) {
    run.report.total = Steady::now() - began;
    if (!run.info) return;
    parts_.record(*run.info, *run.known, run.exchange.request(), run.call.request_id, run.report,
                  run.scratch->text);
    parts_.cache.give_back(run.exchange.shard(), std::move(run.scratch));
}

}  // namespace

std::unique_ptr<Invoker> Invoker::make(executor::Executor& executor, http::Forwarder& forwarder,
                                       telemetry::FunctionLog& function_log, telemetry::Logger& log,
                                       telemetry::Registry& metrics,
                                       std::chrono::milliseconds exit_patience) {
    return std::make_unique<PlainInvoker>(executor, forwarder, function_log, log, metrics,
                                          exit_patience);
}

}  // namespace hearth::invoke
