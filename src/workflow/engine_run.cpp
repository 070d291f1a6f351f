#include <algorithm>

#include "hearth/base/failpoint.hpp"
#include "workflow/engine.hpp"

namespace hearth::workflow {
namespace {

using catalog::RunPhase;

constexpr std::chrono::milliseconds kRetryStore{1'000};

}  // namespace

std::string JournalValues::load(const std::string& digest) {
    if (const auto found = expected_.find(digest); found != expected_.end()) return found->second;
    auto value = journal_.value(seq_, digest);
    if (!value) throw ValueLost{digest, value.error().message};
    return std::move(*value);
}

void JournalValues::expect(const std::vector<catalog::RunValue>& values) {
    for (const auto& value : values) expected_[value.digest] = value.text;
}

void Engine::post(const ActiveRunPtr& run, Entry entry) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) {
            const Error error(Errc::unavailable, "the daemon is stopping", {}, "workflow");
            if (entry.answer) entry.answer->deliver(Result<void>(error));
            return;
        }
        if (run->dead) {
            const Error error(Errc::unavailable, "the run is being read again; try again", {},
                              "workflow");
            if (entry.answer) entry.answer->deliver(Result<void>(error));
            return;
        }
        run->inbox.push_back(std::move(entry));
        if (run->working) return;
        run->working = true;
    }
    const auto shard = static_cast<std::size_t>(run->row.seq) % shards_.size();
    tasks_.spawn(shards_.at(shard).executor(), "workflow run", work(run));
}

/// The worker of a run, until its inbox is empty: compute, write, then carry out.
Task<void> Engine::work(ActiveRunPtr run) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    for (;;) {
        std::vector<Entry> entries;
        {
            std::lock_guard lock(mutex_);
            if (run->inbox.empty()) {
                run->working = false;
                co_return;
            }
            while (!run->inbox.empty()) {
                entries.push_back(std::move(run->inbox.front()));
                run->inbox.pop_front();
            }
        }
        std::vector<Answer> answers;
        for (const auto& entry : entries)
            if (entry.answer) answers.push_back(entry.answer);
        auto computed = co_await compute(run, std::move(entries));
        if (!computed) {
            give_back(run, answers, computed.error());
            co_return;
        }
        const auto count = static_cast<std::int64_t>(computed->append.events.size());
        if (computed->to_write) {
            auto written = co_await write(run, std::move(computed->append));
            if (written.has_error()) {
                give_back(run, answers, written.error());
                co_return;
            }
        }
        [[maybe_unused]] const auto hit = base::failpoint("workflow.after_append");
        run->values->forget();
        run->next_event += count;
        metrics_.events.add(static_cast<std::uint64_t>(count));
        for (auto& effects : computed->effects) carry_out(run, std::move(effects));
        for (auto& answer : computed->applied) answer->deliver(Result<void>());
        const Error late(Errc::conflict, "run " + run->row.id + " has gone on meanwhile", {},
                         "workflow");
        for (auto& answer : computed->refused) answer->deliver(Result<void>(late));
    }
}

/// What is in memory of the run is of no use: it is read again from its journal.
void Engine::give_back(const ActiveRunPtr& run, const std::vector<Answer>& answers,
                       const Error& error) {
    {
        std::lock_guard lock(mutex_);
        run->dead = true;
        run->inbox.clear();
        for (const auto& wake : run->wakes) wakes_.erase(wake);
        if (const auto found = active_.find(run->row.seq);
            found != active_.end() && found->second == run)
            active_.erase(found);
    }
    for (const auto& answer : answers) answer->deliver(Result<void>(error));
    if (stopping()) return;
    log_.log(telemetry::Level::error, "workflow", "a run is read again from its journal",
             {{"run", run->row.id}, {telemetry::kErr, error.message}});
    tasks_.spawn(shards_.first().executor(), "workflow run", recover_later(run->row));
}

Task<void> Engine::recover_later(catalog::RunRow row) {
    const auto later = Deadline::after(kRetryStore);
    if (co_await aio::sleep_until(later)) co_await recover_one(std::move(row));
}

Task<Result<Engine::Computed>> Engine::compute(ActiveRunPtr run, std::vector<Entry> entries) {
    bool blocks = run->core->may_block();
    for (const auto& entry : entries) blocks = blocks || entry.event.value.outside();
    if (!blocks) co_return compute_now(*run, entries);
    auto shared = std::make_shared<std::vector<Entry>>(std::move(entries));
    auto job = [this, run, shared] { return compute_now(*run, *shared); };
    co_return co_await pool_.run(std::move(job));
}

Result<Engine::Computed> Engine::compute_now(ActiveRun& run, std::vector<Entry>& entries) {
    Computed out;
    auto& core = *run.core;
    out.append.seq = run.row.seq;
    out.append.first = run.next_event;
    const auto at = now();
    try {
        for (auto& entry : entries) {
            auto& event = entry.event;
            // A clock that was put back must not make a time that came uncome.
            if (!entry.written) event.at = std::max(at, event.at);
            if (!entry.token.empty()) event.step = core.step_of(entry.token);
            run.values->expect(entry.values);
            auto made = core.apply(event);
            run.values->expect(made.values);
            if (entry.answer) (made.applied ? out.applied : out.refused).push_back(entry.answer);
            if (!made.applied) continue;
            for (auto* values : {&entry.values, &made.values}) {
                if (entry.written && values == &entry.values) continue;
                for (auto& value : *values) out.append.values.push_back(std::move(value));
            }
            if (!entry.written) out.append.events.push_back(encode(event));
            out.effects.push_back(std::move(made));
        }
    } catch (const ValueLost& lost) {
        return Error(Errc::io, "value " + lost.digest + " cannot be read: " + lost.why, {},
                     "workflow");
    }
    out.append.phase = core.phase();
    out.append.ended = core.ended();
    out.append.error_type = core.error_type();
    out.append.cause = core.cause();
    // A run that ended with its first event has nothing new but its end.
    out.to_write = !out.append.events.empty() || !out.append.values.empty() ||
                   (core.phase() != RunPhase::running && !out.effects.empty());
    return out;
}

/// As often as it takes: what happened must not be lost sight of. Errors: cancelled, unavailable
/// when the daemon ends first; conflict, not_found when the journal has another run than the
/// memory.
Task<Result<void>> Engine::write(ActiveRunPtr run, catalog::RunAppend append) {
    for (;;) {
        auto done = co_await journal_.append(append);
        if (done) co_return done;
        const auto code = done.error().code;
        if (code == Errc::cancelled || code == Errc::unavailable || code == Errc::conflict ||
            code == Errc::not_found)
            co_return done;
        log_.log(telemetry::Level::error, "workflow",
                 "an event of a run could not be stored; trying again",
                 {{"run", run->row.id}, {telemetry::kErr, done.error().message}});
        const auto later = Deadline::after(kRetryStore);
        if (!co_await aio::sleep_until(later)) co_return done;
    }
}

void Engine::carry_out(const ActiveRunPtr& run, Effects effects) {
    {
        std::lock_guard lock(mutex_);
        for (auto& call : effects.calls) ready_.push_back({run, std::move(call)});
    }
    add_wakes(run, effects.wakes);
    auto executor = shards_.first().executor();
    for (auto& child : effects.children)
        tasks_.spawn(executor, "sub-workflow", run_child(run, std::move(child)));
    for (const auto step : effects.dropped_children) {
        std::string id;
        {
            std::lock_guard lock(mutex_);
            id = run->children[step];
        }
        if (!id.empty()) tasks_.spawn(executor, "sub-workflow", cancel_child(std::move(id)));
    }
    if (effects.ended) ended(run);
    pump();
}

void Engine::ended(const ActiveRunPtr& run) {
    const bool good = run->core->phase() == RunPhase::succeeded;
    (good ? metrics_.succeeded : metrics_.failed).add();
    if (!good)
        log_.log(telemetry::Level::warn, "workflow", "a run did not succeed",
                 {{"run", run->row.id},
                  {"workflow", run->row.ns + "/" + run->row.workflow},
                  {"phase", std::string(catalog::run_phase_text(run->core->phase()))},
                  {"errorType", run->core->error_type()},
                  {telemetry::kErr, run->core->cause()}});
    {
        std::lock_guard lock(mutex_);
        for (const auto& wake : run->wakes) wakes_.erase(wake);
        run->wakes.clear();
        std::erase_if(ready_, [&](const Ready& one) { return one.run == run; });
        if (const auto found = active_.find(run->row.seq);
            found != active_.end() && found->second == run)
            active_.erase(found);
        metrics_.running.set(static_cast<std::int64_t>(active_.size()));
    }
    waiters_.tell(run->row.seq);
    if (run->row.parent.empty()) return;
    std::optional<Failure> failure;
    if (!good) {
        auto type = run->core->error_type();
        if (type.empty()) type = "Cancelled";
        failure = Failure{type, std::string(kFunctionError), run->core->cause(), false};
    }
    tasks_.spawn(shards_.first().executor(), "sub-workflow",
                 tell_parent(run->row, std::move(failure), run->core->output()));
}

/// Starts calls while there are places.
void Engine::pump() {
    std::vector<Ready> go;
    std::size_t shard = 0;
    {
        std::lock_guard lock(mutex_);
        while (!stopping_ && !ready_.empty() && calling_ < options_.calls) {
            go.push_back(std::move(ready_.front()));
            ready_.pop_front();
            ++calling_;
        }
        metrics_.calling.set(calling_);
        metrics_.queued.set(static_cast<std::int64_t>(ready_.size()));
        shard = next_shard_;
        next_shard_ += go.size();
    }
    for (auto& one : go)
        tasks_.spawn(shards_.at(shard++ % shards_.size()).executor(), "workflow step",
                     attempt(std::move(one.run), std::move(one.call)));
}

}  // namespace hearth::workflow
