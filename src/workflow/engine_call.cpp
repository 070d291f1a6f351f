#include <charconv>

#include "hearth/base/failpoint.hpp"
#include "hearth/base/ids.hpp"
#include "workflow/detail.hpp"
#include "workflow/engine.hpp"
#include "workflow/outcome.hpp"

namespace hearth::workflow {
namespace {

using catalog::RunPhase;

constexpr std::chrono::milliseconds kRetryStore{1'000};
/// Workflows in workflows; each holds its run in memory.
constexpr int kMostDepth = 8;

class InvokingCaller final : public StepCaller {
 public:
    InvokingCaller(executor::Executor& executor, invoke::Invoker& invoker)
        : executor_(executor), invoker_(invoker) {}

    Task<invoke::CallAnswer> call(std::string ns, std::string function,
                                  invoke::DetachedCall call) override {
        call.function = executor_.find(ns, function);
        if (call.function) co_return co_await invoker_.call(std::move(call));
        invoke::CallAnswer answer;
        answer.status = 404;
        answer.error.emplace(Errc::not_found, "there is no Function " + ns + "/" + function, "",
                             "executor");
        co_return answer;
    }

 private:
    executor::Executor& executor_;
    invoke::Invoker& invoker_;
};

Failure permanent(std::string cause) {
    return Failure{std::string(kPermanentError), std::string(kPermanentError), std::move(cause),
                   true};
}

/// Step and attempt of a child's key, "RUN/STEP/ATTEMPT".
bool read_key(std::string_view key, std::int64_t& step, int& attempt) {
    const auto last = key.rfind('/');
    if (last == std::string_view::npos) return false;
    const auto before = key.rfind('/', last - 1);
    if (before == std::string_view::npos) return false;
    const auto* end = key.data() + key.size();
    return std::from_chars(key.data() + before + 1, key.data() + last, step).ec == std::errc() &&
           std::from_chars(key.data() + last + 1, end, attempt).ec == std::errc();
}

}  // namespace

std::unique_ptr<StepCaller> StepCaller::make(executor::Executor& executor,
                                             invoke::Invoker& invoker) {
    return std::make_unique<InvokingCaller>(executor, invoker);
}

Entry Engine::with_value(Event event, std::string text, std::uint64_t outside_from) const {
    Entry entry;
    entry.event = std::move(event);
    if (text.size() < outside_from) {
        entry.event.value = Value(std::move(text));
        return entry;
    }
    auto& value = entry.event.value;
    value.text.clear();
    value.digest = base::sha256_hex(text);
    value.bytes = text.size();
    entry.values.emplace_back(value.digest, std::move(text));
    return entry;
}

Task<Result<std::string>> Engine::text_of(std::int64_t seq, Value value) {
    if (!value.outside()) co_return std::move(value.text);
    auto journal = &journal_;
    auto work = [journal, seq, digest = value.digest] { return journal->value(seq, digest); };
    co_return co_await pool_.run(std::move(work));
}

/// One attempt at a step: the call, and what it means.
Task<void> Engine::attempt(ActiveRunPtr run, StepCall call) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    invoke::CallAnswer answer;
    auto input = co_await text_of(run->row.seq, call.input);
    if (input) {
        auto made = call_of(run->row.id, call.step, call.attempt, call.branch, call.token,
                            std::move(*input));
        const auto callback = call.state->callback;
        const auto limit =
            call.state->timeout && !callback ? *call.state->timeout : options_.step_timeout;
        made.deadline = Deadline::after(limit);
        made.keep_body = options_.value_bytes;
        answer = co_await caller_.call(run->row.ns, call.state->function, std::move(made));
    } else {
        answer.error = input.error();
    }
    [[maybe_unused]] const auto hit = base::failpoint("workflow.after_call");
    metrics_.attempts.add();
    {
        std::lock_guard lock(mutex_);
        --calling_;
    }
    // It is made again after the next start.
    if (answer.error && answer.error->code == Errc::cancelled && stopping()) co_return;
    auto outcome = outcome_of(answer, options_.value_bytes);
    Event event;
    event.type = Event::Type::answered;
    event.step = call.step;
    event.attempt = call.attempt;
    event.failure = std::move(outcome.failure);
    if (event.failure) outcome.text = "null";
    post(run, with_value(std::move(event), std::move(outcome.text), options_.outside_from));
    pump();
}

void Engine::child_ended(const ActiveRunPtr& parent, std::int64_t step, int attempt,
                         std::optional<Failure> failure, std::string text) {
    Event event;
    event.type = Event::Type::child_ended;
    event.step = step;
    event.attempt = attempt;
    event.failure = std::move(failure);
    post(parent, with_value(std::move(event), std::move(text), options_.outside_from));
}

/// Starts the run that is a step, or finds the one that was started before a restart.
Task<void> Engine::run_child(ActiveRunPtr run, StepChild child) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    if (run->row.depth + 1 > kMostDepth) {
        child_ended(
            run, child.step, child.attempt,
            permanent("workflows are nested more than " + std::to_string(kMostDepth) + " deep"),
            "null");
        co_return;
    }
    for (;;) {
        auto input = co_await text_of(run->row.seq, child.input);
        Result<catalog::AcceptedRun> accepted = catalog::AcceptedRun();
        if (input) {
            catalog::NewRun fresh;
            fresh.row.origin = "WorkflowRun/" + run->row.id;
            fresh.row.parent = run->row.id;
            fresh.row.depth = run->row.depth + 1;
            fresh.row.idempotency_key = child_key(run->row.id, child.step, child.attempt);
            catalog::RunStart start;
            start.ns = run->row.ns;
            start.workflow = child.workflow;
            start.input = std::move(*input);
            accepted = co_await begin(std::move(fresh), start);
        } else {
            accepted = input.error();
        }
        if (accepted) {
            const auto& row = accepted->row;
            {
                std::lock_guard lock(mutex_);
                run->children[child.step] = row.id;
            }
            if (!accepted->existing || row.phase == RunPhase::running) co_return;
            if (child.again && row.phase != RunPhase::succeeded) {
                auto again = co_await redrive(row.id);
                if (again || again.error().code == Errc::conflict) co_return;
            } else {
                auto detail = co_await describe(row.id, false);
                if (detail) {
                    std::optional<Failure> failure;
                    if (row.phase != RunPhase::succeeded)
                        failure = Failure{row.error_type.empty() ? "Cancelled" : row.error_type,
                                          std::string(kFunctionError), row.cause, false};
                    auto text = failure ? std::string("null") : std::move(detail->output);
                    child_ended(run, child.step, child.attempt, std::move(failure),
                                std::move(text));
                    co_return;
                }
            }
        } else if (accepted.error().code == Errc::not_found) {
            child_ended(run, child.step, child.attempt, permanent(accepted.error().message),
                        "null");
            co_return;
        }
        if (stopping()) co_return;
        // The journal is full or away, or too many runs have not ended.
        const auto later = Deadline::after(kRetryStore);
        if (!co_await aio::sleep_until(later)) co_return;
    }
}

Task<void> Engine::tell_parent(catalog::RunRow row, std::optional<Failure> failure, Value output) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto parent = active(row.parent);
    std::int64_t step = 0;
    int attempt = 0;
    if (!parent || !read_key(row.idempotency_key, step, attempt)) co_return;
    std::string text = "null";
    if (!failure) {
        auto read = co_await text_of(row.seq, std::move(output));
        if (read)
            text = std::move(*read);
        else
            failure = permanent("its output cannot be read: " + read.error().message);
    }
    child_ended(parent, step, attempt, std::move(failure), std::move(text));
}

Task<void> Engine::cancel_child(std::string id) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto done = co_await cancel(id);
    if (done.has_error() && done.error().code != Errc::conflict && !stopping())
        log_.log(telemetry::Level::warn, "workflow", "a sub-workflow could not be cancelled",
                 {{"run", id}, {telemetry::kErr, done.error().message}});
}

}  // namespace hearth::workflow
