#include "workflow/engine.hpp"

#include <boost/json.hpp>

#include "hearth/base/ids.hpp"
#include "workflow/detail.hpp"
#include "workflow/shape.hpp"

namespace hearth::workflow {
namespace {

using catalog::RunPhase;

constexpr std::chrono::milliseconds kLeaving{10};
constexpr int kMostTries = 100;
constexpr std::size_t kSecretBytes = 16, kLongestCause = 1024;

Error failed(Errc code, std::string message) {
    return Error(code, std::move(message), {}, "workflow");
}

Error too_long(std::string_view what, std::uint64_t most) {
    return failed(Errc::too_large,
                  std::string(what) + " may have " + std::to_string(most) + " bytes at most");
}

}  // namespace

EngineMetrics::EngineMetrics(telemetry::Registry& registry)
    : started(registry.counter("hearth_workflow_runs_started_total", "Runs of workflows begun.")),
      succeeded(registry.counter("hearth_workflow_runs_succeeded_total", "Runs that succeeded.")),
      failed(registry.counter("hearth_workflow_runs_failed_total",
                              "Runs that failed, were cancelled or ran out of time.")),
      attempts(registry.counter("hearth_workflow_attempts_total", "Attempts at steps of runs.")),
      events(registry.counter("hearth_workflow_events_total", "Events written to the journal.")),
      running(registry.gauge("hearth_workflow_runs_running", "Runs that have not ended.")),
      calling(registry.gauge("hearth_workflow_calls_running", "Steps' calls under way.")),
      queued(
          registry.gauge("hearth_workflow_calls_queued", "Steps' calls that wait for a place.")) {}

Engine::Engine(WorkflowOptions options, catalog::Catalog& catalog, catalog::RunJournal& journal,
               StepCaller& caller, aio::Shards& shards, aio::BlockingPool& pool,
               const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics)
    : options_(options),
      catalog_(catalog),
      journal_(journal),
      caller_(caller),
      shards_(shards),
      pool_(pool),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      background_(log),
      tasks_(log) {}

UnixMs Engine::now() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall().time_since_epoch())
        .count();
}

bool Engine::stopping() {
    std::lock_guard lock(mutex_);
    return stopping_;
}

ActiveRunPtr Engine::active(const std::string& id) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) return nullptr;
    std::lock_guard lock(mutex_);
    const auto found = active_.find(*seq);
    return found != active_.end() && found->second->row.id == id ? found->second : nullptr;
}

Task<Result<catalog::AcceptedRun>> Engine::start_run(catalog::RunStart start) {
    if (start.input.empty()) start.input = "null";
    if (start.input.size() > options_.input_bytes)
        co_return too_long("the input of a run", options_.input_bytes);
    if (!is_json(start.input))
        co_return failed(Errc::invalid_argument, "the input of a run must be JSON");
    catalog::NewRun run;
    run.row.origin = start.origin;
    run.row.idempotency_key = start.idempotency_key;
    co_return co_await begin(std::move(run), start);
}

/// Writes a new run down and lets it go. `run` has its origin, key, parent and depth.
Task<Result<catalog::AcceptedRun>> Engine::begin(catalog::NewRun run,
                                                 const catalog::RunStart& start) {
    const auto record = catalog_.find(model::Kind::workflow, start.ns, start.workflow);
    if (!record)
        co_return failed(Errc::not_found,
                         "there is no Workflow " + start.ns + "/" + start.workflow);
    auto spec = spec_of(record->spec_text, start.ns + "/" + start.workflow);
    if (!spec)
        co_return failed(Errc::internal,
                         "Workflow " + start.ns + "/" + start.workflow + " cannot be read");
    {
        std::lock_guard lock(mutex_);
        if (stopping_) co_return failed(Errc::unavailable, "the daemon is stopping");
        // A run that waits for the one that is its step would hold its own place for it.
        if (run.row.depth == 0 && active_.size() + starting_ >= options_.running)
            co_return failed(
                Errc::exhausted,
                "too many runs have not ended (workflows.maxRunning); try again later");
        ++starting_;
    }
    run.row.ns = start.ns;
    run.row.workflow = start.workflow;
    run.row.generation = record->metadata.generation;
    run.row.created = now();
    Event begun;
    begun.at = run.row.created;
    begun.secret = base::random_hex(kSecretBytes);
    begun.limits =
        RunLimits{options_.outside_from, options_.value_bytes, options_.items, options_.steps};
    auto entry = with_value(std::move(begun), start.input, options_.outside_from);
    entry.written = true;
    run.events.emplace_back("{\"t\":\"spec\"}", record->spec_text);
    run.events.push_back(encode(entry.event));
    run.values = std::move(entry.values);
    auto accepted = co_await journal_.create(std::move(run));
    ActiveRunPtr made;
    {
        std::lock_guard lock(mutex_);
        --starting_;
        if (accepted && !accepted->existing) {
            made = std::make_shared<ActiveRun>();
            made->row = accepted->row;
            made->spec = std::move(spec);
            made->values = std::make_unique<JournalValues>(journal_, accepted->row.seq);
            made->core = std::make_unique<RunCore>(made->spec, *made->values);
            made->next_event = 2;
            active_[made->row.seq] = made;
            metrics_.running.set(static_cast<std::int64_t>(active_.size()));
        }
    }
    if (made) {
        metrics_.started.add();
        post(made, std::move(entry));
    }
    co_return accepted;
}

Task<Result<void>> Engine::ask(ActiveRunPtr run, Entry entry) {
    auto executor = co_await aio::net::this_coro::executor;
    auto answer = std::make_shared<aio::OneShot<Result<void>>>(executor);
    entry.answer = answer;
    post(run, std::move(entry));
    auto told = co_await answer->wait(Deadline::never());
    if (!told) co_return failed(Errc::cancelled, "the caller went away");
    co_return std::move(*told);
}

Task<Result<void>> Engine::cancel(std::string id) {
    auto run = active(id);
    if (!run) {
        auto row = co_await journal_.find(id);
        if (!row) co_return row.error();
        co_return failed(Errc::conflict, "run " + id + " has ended already");
    }
    Entry entry;
    entry.event.type = Event::Type::cancelled;
    co_return co_await ask(std::move(run), std::move(entry));
}

Task<Result<void>> Engine::call_back(std::string id, std::string token,
                                     catalog::RunCallback callback) {
    if (callback.output.empty()) callback.output = "null";
    if (callback.output.size() > options_.value_bytes)
        co_return too_long("what a callback brings", options_.value_bytes);
    if (!is_json(callback.output))
        co_return failed(Errc::invalid_argument, "what a callback brings must be JSON");
    auto run = active(id);
    if (!run) {
        auto row = co_await journal_.find(id);
        if (!row) co_return row.error();
        co_return failed(Errc::not_found, "run " + id + " has ended; no step of it waits");
    }
    Event event;
    event.type = Event::Type::called_back;
    if (!callback.error_type.empty()) {
        callback.cause.resize(std::min(callback.cause.size(), kLongestCause));
        event.failure =
            Failure{callback.error_type, std::string(kFunctionError), callback.cause, true};
        callback.output = "null";
    }
    auto entry = with_value(std::move(event), std::move(callback.output), options_.outside_from);
    entry.token = std::move(token);
    auto told = co_await ask(std::move(run), std::move(entry));
    if (told.has_error() && told.error().code == Errc::conflict)
        co_return failed(Errc::not_found, "no step of run " + id + " waits for this token");
    co_return told;
}

Task<Result<void>> Engine::redrive(std::string id) {
    auto row = co_await journal_.find(id);
    if (!row) co_return row.error();
    if (row->phase == RunPhase::running || row->phase == RunPhase::succeeded)
        co_return failed(Errc::conflict, "run " + id + " is " +
                                             std::string(catalog::run_phase_text(row->phase)) +
                                             "; only one that failed, was cancelled or ran out of "
                                             "time goes on");
    // Its end is durable a moment before it has left the memory.
    for (int tries = 0;; ++tries) {
        bool free = false;
        {
            std::lock_guard lock(mutex_);
            if (stopping_) co_return failed(Errc::unavailable, "the daemon is stopping");
            free = !active_.contains(row->seq) && loading_.insert(row->seq).second;
        }
        if (free) break;
        const auto later = Deadline::after(kLeaving);
        if (tries == kMostTries || !co_await aio::sleep_until(later))
            co_return failed(Errc::conflict, "run " + id + " is going on already");
    }
    auto run = co_await load(id);
    {
        std::lock_guard lock(mutex_);
        loading_.erase(row->seq);
        if (run) active_[row->seq] = *run;
    }
    if (!run) co_return run.error();
    Entry entry;
    entry.event.type = Event::Type::redriven;
    co_return co_await ask(std::move(*run), std::move(entry));
}

Task<Result<catalog::RunRow>> Engine::await_end(std::string id, Deadline deadline) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) co_return failed(Errc::not_found, "there is no run \"" + id + "\"");
    auto executor = co_await aio::net::this_coro::executor;
    std::unique_ptr<aio::Waiters::Place> place;
    if (!deadline.passed()) place = waiters_.enter(*seq, executor);
    auto row = co_await journal_.find(id);
    if (place && row && row->phase == RunPhase::running) {
        co_await place->wait(deadline);
        row = co_await journal_.find(id);
    }
    co_return row;
}

Task<Result<catalog::RunDetail>> Engine::describe(std::string id, bool io) {
    auto log = co_await journal_.read(std::move(id));
    if (!log) co_return log.error();
    auto journal = &journal_;
    auto work = [log = std::move(*log), journal, io]() -> Result<catalog::RunDetail> {
        JournalValues values(*journal, log.row.seq);
        return detail_of(log, values, io);
    };
    co_return co_await pool_.run(std::move(work));
}

Task<Result<std::vector<catalog::RunRow>>> Engine::list(catalog::RunQuery query) {
    return journal_.list(std::move(query));
}

Task<Result<void>> Engine::remove(std::string id) {
    return journal_.remove(std::move(id));
}

std::unique_ptr<Workflows> Workflows::make(WorkflowOptions options, catalog::Catalog& catalog,
                                           catalog::RunJournal& journal, StepCaller& caller,
                                           aio::Shards& shards, aio::BlockingPool& pool,
                                           const base::Clock& clock, telemetry::Logger& log,
                                           telemetry::Registry& metrics) {
    return std::make_unique<Engine>(options, catalog, journal, caller, shards, pool, clock, log,
                                    metrics);
}

}  // namespace hearth::workflow
