#include "hearth/invoke/invoker.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "hearth/aio/one_shot.hpp"
#include "hearth/http/problem.hpp"
#include "invoke/call_headers.hpp"
#include "invoke/call_series.hpp"
#include "invoke/failure.hpp"

namespace hearth::invoke {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kMostAttempts = 3;
// How soon a client that leaves gives its place in the queue back; the server notices it as often.
constexpr std::chrono::milliseconds kLeaveLook{100};
// The exit of a process is told by another thread than the end of its connection, usually within a
// millisecond.
constexpr std::chrono::milliseconds kExitLook{2};

/// One call while it runs.
struct Run {
    http::Exchange& exchange;
    const Call& call;
    std::shared_ptr<const executor::FunctionInfo> info;
    std::shared_ptr<const CallKnown> known;
    CallScratchPtr scratch;
    http::ForwardPlan plan;
    Deadline wait_limit, limit;            ///< for a place on an instance; for the whole exchange
    std::chrono::milliseconds allowed{0};  ///< the function's time as configured, for texts
    std::chrono::milliseconds idle{0};
    AnswerHeaders hook;
    CallReport report;
    std::optional<Failure> failure;

    Run(http::Exchange& e, const Call& c) : exchange(e), call(c), hook(c) {}
};

Deadline after(Steady::time_point began, std::chrono::milliseconds limit) {
    return limit >= Steady::time_point::max() - began ? Deadline::never() : Deadline(began + limit);
}

void set_limits(Run& run, Steady::time_point began) {
    const auto& spec = run.info->spec;
    run.allowed = spec.function_timeout;
    run.wait_limit = after(began, spec.function_timeout);
    run.limit = run.wait_limit;
    if (spec.streaming) {
        run.idle = spec.streaming->idle;
        run.allowed = spec.streaming->max;
        run.limit =
            spec.streaming->max.count() > 0 ? after(began, spec.streaming->max) : Deadline::never();
    }
    if (!run.call.deadline) return;
    if (*run.call.deadline < run.limit) run.allowed = {};
    run.wait_limit = run.wait_limit.sooner(*run.call.deadline);
    run.limit = run.limit.sooner(*run.call.deadline);
}

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
        : executor_(executor),
          forwarder_(forwarder),
          function_log_(function_log),
          log_(log),
          cache_(metrics),
          exit_patience_(exit_patience) {}

    Task<CallReport> serve(http::Exchange& exchange, const Call& call) override;

 private:
    bool prepare(Run& run, Steady::time_point began);
    Task<executor::Lease> wait_for_lease(Run& run);
    Task<bool> settle(Run& run, executor::Lease lease, const http::ForwardResult& result);
    Task<std::optional<std::string>> end_reason(const executor::Lease& lease);
    Task<void> answer_failure(Run& run);
    void finish(Run& run, Steady::time_point began);

    executor::Executor& executor_;
    http::Forwarder& forwarder_;
    telemetry::FunctionLog& function_log_;
    telemetry::Logger& log_;
    CallCache cache_;
    const std::chrono::milliseconds exit_patience_;
};

// One coroutine for all of a call that goes well, because each one more costs as much as the lease.
Task<CallReport> PlainInvoker::serve(http::Exchange& exchange, const Call& call) {
    const auto began = Steady::now();
    Run run(exchange, call);
    run.info = executor_.info(call.function);
    const int most = call.retry ? kMostAttempts : 1;
    bool again = prepare(run, began);
    while (again && run.report.attempts < most) {
        ++run.report.attempts;
        auto lease = executor_.try_acquire(call.function);
        if (!lease) lease = co_await wait_for_lease(run);
        if (!lease) break;
        run.report.instance = lease.instance_name();
        run.report.cold = run.report.cold || lease.timings().cold;
        run.hook.of_lease(lease.timings());
        executor_.attribute(lease, call.request_id);
        const auto result = co_await forwarder_.forward(exchange, lease.upstream(), run.plan);
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
    run.known = cache_.known(exchange.shard(), call.function, run.info->metadata);
    run.scratch = cache_.take_scratch(exchange.shard());
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
    set_limits(run, began);
    exchange.set_max_body(call.max_body);
    add_request_id(call.request_id, run.scratch->headers);
    auto& plan = run.plan;
    plan.target = call.target;
    plan.set_headers = {&run.scratch->headers, &run.known->headers, call.request_headers};
    plan.drop_prefixes = &dropped_prefixes(call);
    plan.deadline = run.limit;
    plan.idle_timeout = run.idle;
    plan.max_request_body = call.max_body;
    plan.hook = &run.hook;
    plan.timed = call.server_timing;
    return true;
}

/// An empty lease, with the failure set, when none is had.
Task<executor::Lease> PlainInvoker::wait_for_lease(Run& run) {
    using namespace aio::net::experimental::awaitable_operators;
    auto left = until_client_left(run.exchange);
    auto place = place_on_instance(executor_, run.call.function, run.wait_limit);
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
    const bool died = !result.client_fault && result.error->code != Errc::cancelled &&
                      result.error->code != Errc::deadline_exceeded;
    std::optional<std::string> reason;
    if (died) reason = co_await end_reason(lease);
    AttemptState state{*run.info, lease.instance_name(), std::move(reason),
                       run.exchange.request().method, run.allowed};
    auto verdict = judge(result, state);
    run.failure = std::move(verdict.failure);
    if (verdict.instance_failed) {
        forwarder_.forget(lease.upstream().id);
        lease.release(executor::LeaseOutcome::instance_failed);
    }
    co_return verdict.again && !run.exchange.response_started() && !run.limit.passed();
}

Task<std::optional<std::string>> PlainInvoker::end_reason(const executor::Lease& lease) {
    const auto last = Deadline::after(exit_patience_);
    while (!last.passed()) {
        if (auto reason = lease.end_reason()) co_return reason;
        const bool on = co_await aio::sleep_until(Deadline::after(kExitLook));
        if (!on) break;
    }
    co_return lease.end_reason();
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
    if (sent.has_error() && log_.enabled(telemetry::Level::debug))
        log_.log(telemetry::Level::debug, "invoke", "a failure could not be told to the client",
                 {{telemetry::kRequestId, std::string(run.call.request_id)},
                  {telemetry::kErr, sent.error().message}});
}

void PlainInvoker::finish(Run& run, Steady::time_point began) {
    run.report.total = Steady::now() - began;
    if (!run.info) return;
    run.known->series->observe(run.report.status, run.report.total);
    auto& text = run.scratch->text;
    append_record(text, run.exchange.request(), run.report);
    telemetry::LogLine line;
    line.time = std::chrono::system_clock::now();
    line.stream = telemetry::LogEntry::Stream::call;
    line.request_id = run.call.request_id;
    line.instance = run.report.instance;
    line.message = text;
    const auto& function = run.info->metadata;
    function_log_.append(function.ns, function.name, line);
    cache_.give_back(run.exchange.shard(), std::move(run.scratch));
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
