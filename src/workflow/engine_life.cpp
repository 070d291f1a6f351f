#include "hearth/base/ids.hpp"
#include "workflow/detail.hpp"
#include "workflow/engine.hpp"

namespace hearth::workflow {
namespace {

using catalog::RunPhase;
using std::chrono::milliseconds;

constexpr milliseconds kLongestNap{60'000}, kRetention{30'000}, kRetryStore{1'000};
constexpr std::size_t kMostSpecs = 1'000;
constexpr std::int64_t kWholeRun = -1;

}  // namespace

void Engine::start() {
    background_.spawn(shards_.first().executor(), "workflow runs", recover());
    background_.spawn(shards_.first().executor(), "workflow timers", keep_time());
    background_.spawn(shards_.first().executor(), "workflow retention", keep_retention());
}

void Engine::begin_drain() {
    waiters_.close();
}

void Engine::stop(Deadline deadline) {
    begin_drain();
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        ready_.clear();
    }
    background_.cancel();
    tasks_.join_blocking(deadline);
    tasks_.cancel();
    constexpr auto kEnd = std::chrono::seconds(5);
    tasks_.join_blocking(Deadline::after(kEnd));
    background_.join_blocking(Deadline::after(kEnd));
}

std::shared_ptr<const model::WorkflowSpec> Engine::spec_of(const std::string& text,
                                                           const std::string& name) {
    const auto digest = base::sha256_hex(text);
    {
        std::lock_guard lock(mutex_);
        if (auto known = specs_[digest].lock()) return known;
    }
    auto spec = spec_of_text(text, name);
    if (!spec) return nullptr;
    std::lock_guard lock(mutex_);
    if (specs_.size() > kMostSpecs)
        std::erase_if(specs_, [](const auto& row) { return row.second.expired(); });
    specs_[digest] = *spec;
    return *spec;
}

/// A run as its journal has it. Errors: those of the journal, internal when it cannot be followed.
Task<Result<ActiveRunPtr>> Engine::load(std::string id) {
    auto log = co_await journal_.read(std::move(id));
    if (!log) co_return log.error();
    auto run = std::make_shared<ActiveRun>();
    run->row = log->row;
    run->values = std::make_unique<JournalValues>(journal_, log->row.seq);
    run->next_event = static_cast<std::int64_t>(log->events.size());
    auto work = [run, log = std::move(*log)]() -> Result<std::vector<catalog::RunValue>> {
        auto made = replay(log, *run->values, nullptr);
        if (!made) return made.error();
        run->spec = std::move(made->spec);
        run->core = std::move(made->core);
        return std::move(made->made_last);
    };
    auto made = co_await pool_.run(std::move(work));
    if (!made) co_return made.error();
    if (!made->empty()) {
        // The daemon ended between an event and the values that it led to.
        run->values->expect(*made);
        catalog::RunAppend append;
        append.seq = run->row.seq;
        append.values = std::move(*made);
        append.phase = run->row.phase;
        append.ended = run->row.ended;
        append.error_type = run->row.error_type;
        append.cause = run->row.cause;
        auto stored = co_await journal_.append(std::move(append));
        if (stored.has_error()) co_return stored.error();
    }
    co_return run;
}

Task<void> Engine::recover() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    for (;;) {
        auto rows = co_await journal_.unfinished();
        if (rows) {
            for (auto& row : *rows) {
                co_await recover_one(std::move(row));
                if (stopping()) co_return;
            }
            co_return;
        }
        log_.log(telemetry::Level::error, "workflow", "runs cannot be read; trying again",
                 {{telemetry::kErr, rows.error().message}});
        const auto later = Deadline::after(kRetryStore);
        if (!co_await aio::sleep_until(later)) co_return;
    }
}

Task<void> Engine::recover_one(catalog::RunRow row) {
    {
        std::lock_guard lock(mutex_);
        // Begun since this start.
        if (active_.contains(row.seq)) co_return;
    }
    auto run = co_await load(row.id);
    if (!run) {
        log_.log(telemetry::Level::error, "workflow", "a run cannot go on",
                 {{"run", row.id}, {telemetry::kErr, run.error().message}});
        co_return;
    }
    bool orphan = false;
    if (!row.parent.empty()) {
        auto parent = co_await journal_.find(row.parent);
        orphan = parent && parent->phase != RunPhase::running;
    }
    auto loaded = *run;
    {
        std::lock_guard lock(mutex_);
        if (!active_.emplace(row.seq, loaded).second) co_return;
        // What comes in meanwhile waits for the worker below.
        loaded->working = true;
        metrics_.running.set(static_cast<std::int64_t>(active_.size()));
    }
    auto core = loaded->core.get();
    if (core->phase() != RunPhase::running) {
        // It ended with its first event, and the row was not told.
        catalog::RunAppend append;
        append.seq = row.seq;
        append.phase = core->phase();
        append.ended = core->ended();
        append.error_type = core->error_type();
        append.cause = core->cause();
        auto written = co_await write(loaded, std::move(append));
        if (written) ended(loaded);
        co_return;
    }
    auto work_out = [core]() -> Result<Effects> {
        try {
            return core->outstanding();
        } catch (const ValueLost& lost) {
            return Error(Errc::io, lost.why, {}, "workflow");
        }
    };
    auto effects = co_await pool_.run(std::move(work_out));
    if (!effects) {
        give_back(loaded, {}, effects.error());
        co_return;
    }
    carry_out(loaded, std::move(*effects));
    if (orphan) {
        Entry entry;
        entry.event.type = Event::Type::cancelled;
        post(loaded, std::move(entry));
    }
    tasks_.spawn(shards_.first().executor(), "workflow run", work(loaded));
}

void Engine::add_wakes(const ActiveRunPtr& run, const std::vector<StepWake>& wakes) {
    std::lock_guard lock(mutex_);
    const auto add = [&](UnixMs at, std::int64_t step, int attempt) {
        const auto made = wakes_.emplace(at, run->row.seq, step, attempt);
        if (!made.second) return;
        run->wakes.push_back(*made.first);
        // The timer looks again at when it must wake.
        if (made.first == wakes_.begin() && nap_) nap_->deliver(true);
    };
    for (const auto& wake : wakes) add(wake.at, wake.step, wake.attempt);
    if (run->core->phase() == RunPhase::running)
        add(run->core->since() + run->spec->timeout.count(), kWholeRun, 0);
}

Task<void> Engine::keep_time() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto executor = co_await aio::net::this_coro::executor;
    for (;;) {
        auto nap = std::make_shared<aio::OneShot<bool>>(executor);
        std::vector<std::pair<ActiveRunPtr, Event>> due;
        auto patience = kLongestNap;
        {
            std::lock_guard lock(mutex_);
            if (stopping_) co_return;
            const auto at = now();
            while (!wakes_.empty() && std::get<0>(*wakes_.begin()) <= at) {
                const auto wake = *wakes_.begin();
                wakes_.erase(wakes_.begin());
                const auto step = std::get<2>(wake);
                const auto found = active_.find(std::get<1>(wake));
                if (found == active_.end()) continue;
                Event event;
                event.type = step == kWholeRun ? Event::Type::timed_out : Event::Type::due;
                event.step = step == kWholeRun ? 0 : step;
                event.attempt = std::get<3>(wake);
                event.at = std::get<0>(wake);
                std::erase(found->second->wakes, wake);
                due.emplace_back(found->second, std::move(event));
            }
            nap_ = nap;
            if (!wakes_.empty())
                patience = std::clamp(milliseconds(std::get<0>(*wakes_.begin()) - at),
                                      milliseconds(0), kLongestNap);
        }
        for (auto& one : due) {
            Entry entry;
            entry.event = std::move(one.second);
            post(one.first, std::move(entry));
        }
        const auto until = Deadline::after(patience);
        co_await nap->wait(until);
        const auto state = co_await aio::net::this_coro::cancellation_state;
        if (state.cancelled() != aio::net::cancellation_type::none) co_return;
    }
}

Task<void> Engine::keep_retention() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    for (;;) {
        const auto next = Deadline::after(kRetention);
        if (!co_await aio::sleep_until(next)) co_return;
        std::vector<catalog::RunRetention> rules(1);
        rules[0].before = now() - options_.keep_finished.count();
        rules[0].most = options_.most_finished;
        catalog::ListQuery query;
        query.kind = model::Kind::workflow;
        for (const auto& record : catalog_.list(query)) {
            if (record->spec_text.find("historyRetention") == std::string::npos) continue;
            const auto& name = record->metadata;
            const auto spec = spec_of(record->spec_text, name.ns + "/" + name.name);
            if (!spec || (!spec->keep_count && !spec->keep_age)) continue;
            catalog::RunRetention rule;
            rule.ns = name.ns;
            rule.workflow = name.name;
            rule.before = spec->keep_age ? now() - spec->keep_age->count() : 0;
            rule.most = spec->keep_count.value_or(options_.most_finished);
            rules.push_back(std::move(rule));
        }
        for (const auto& rule : rules) {
            auto removed = co_await journal_.trim(rule);
            if (removed.has_error() && removed.error().code != Errc::cancelled)
                log_.log(telemetry::Level::warn, "workflow", "old runs could not be removed",
                         {{telemetry::kErr, removed.error().message}});
        }
    }
}

}  // namespace hearth::workflow
