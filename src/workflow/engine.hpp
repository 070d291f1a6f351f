#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <unordered_map>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/aio/waiters.hpp"
#include "hearth/workflow/workflows.hpp"
#include "workflow/run_core.hpp"

namespace hearth::workflow {

struct EngineMetrics {
    explicit EngineMetrics(telemetry::Registry& registry);
    telemetry::Counter& started;
    telemetry::Counter& succeeded;
    telemetry::Counter& failed;
    telemetry::Counter& attempts;
    telemetry::Counter& events;
    telemetry::Gauge& running;
    telemetry::Gauge& calling;
    telemetry::Gauge& queued;
};

/// Long values of one run: of events about to be written, else of the journal. load() blocks.
/// Thread: that of the run's worker.
class JournalValues final : public ValueSource {
 public:
    JournalValues(catalog::RunJournal& journal, std::int64_t seq) : journal_(journal), seq_(seq) {}
    std::string load(const std::string& digest) override;
    void expect(const std::vector<catalog::RunValue>& values) override;
    void forget() { expected_.clear(); }

 private:
    catalog::RunJournal& journal_;
    const std::int64_t seq_;
    std::unordered_map<std::string, std::string> expected_;
};

using Answer = std::shared_ptr<aio::OneShot<Result<void>>>;

/// Something that is to happen to a run.
struct Entry {
    Event event;
    std::vector<catalog::RunValue> values;  ///< that the event names
    std::string token;                      ///< of a callback: which step it is, the core knows
    bool written = false;                   ///< it is in the journal already
    Answer answer;                          ///< told when it is durable, or why it did not apply
    Entry() = default;
};

/// A run that has not ended. The core belongs to the one worker at a time; the rest is under the
/// engine's mutex.
struct ActiveRun {
    catalog::RunRow row;
    std::shared_ptr<const model::WorkflowSpec> spec;
    std::unique_ptr<JournalValues> values;
    std::unique_ptr<RunCore> core;
    std::int64_t next_event = 0;
    std::deque<Entry> inbox;
    bool working = false;
    bool dead = false;  ///< another object has taken its place
    std::vector<std::tuple<UnixMs, std::int64_t, std::int64_t, int>> wakes;
    std::map<std::int64_t, std::string> children;  ///< ids by step
};
using ActiveRunPtr = std::shared_ptr<ActiveRun>;

/// The cores with their journal, clock and calls. mutex_ is never held across a suspension or while
/// a task is spawned.
class Engine final : public Workflows {
 public:
    Engine(WorkflowOptions options, catalog::Catalog& catalog, catalog::RunJournal& journal,
           StepCaller& caller, aio::Shards& shards, aio::BlockingPool& pool,
           const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics);
    ~Engine() override { stop(Deadline::after(std::chrono::milliseconds(0))); }

    void start() override;
    void begin_drain() override;
    void stop(Deadline deadline) override;

    Task<Result<catalog::AcceptedRun>> start_run(catalog::RunStart start) override;
    Task<Result<catalog::RunRow>> await_end(std::string id, Deadline deadline) override;
    Task<Result<catalog::RunDetail>> describe(std::string id, bool io) override;
    Task<Result<std::vector<catalog::RunRow>>> list(catalog::RunQuery query) override;
    Task<Result<void>> cancel(std::string id) override;
    Task<Result<void>> redrive(std::string id) override;
    Task<Result<void>> call_back(std::string id, std::string token,
                                 catalog::RunCallback callback) override;
    Task<Result<void>> remove(std::string id) override;

 private:
    // Each holds a client's connection, which the listener bounds as well.
    static constexpr std::size_t kMostWaiters = 10'000;
    struct Ready {
        ActiveRunPtr run;
        StepCall call;
    };
    struct Computed {
        std::vector<Effects> effects;
        catalog::RunAppend append;
        std::vector<Answer> applied, refused;
        bool to_write = false;
    };

    // engine.cpp: the desk.
    Task<Result<catalog::AcceptedRun>> begin(catalog::NewRun run, const catalog::RunStart& start);
    Task<Result<void>> ask(ActiveRunPtr run, Entry entry);
    ActiveRunPtr active(const std::string& id);
    UnixMs now() const;
    bool stopping();
    // engine_life.cpp: start, recovery, timers, retention.
    Task<void> recover();
    Task<void> recover_one(catalog::RunRow row);
    Task<Result<ActiveRunPtr>> load(std::string id);
    Task<void> keep_time();
    Task<void> keep_retention();
    void add_wakes(const ActiveRunPtr& run, const std::vector<StepWake>& wakes);
    std::shared_ptr<const model::WorkflowSpec> spec_of(const std::string& text,
                                                       const std::string& name);
    // engine_run.cpp: from an event to its effects.
    void post(const ActiveRunPtr& run, Entry entry);
    Task<void> work(ActiveRunPtr run);
    Task<Result<Computed>> compute(ActiveRunPtr run, std::vector<Entry> entries);
    Result<Computed> compute_now(ActiveRun& run, std::vector<Entry>& entries);
    Task<Result<void>> write(ActiveRunPtr run, catalog::RunAppend append);
    void give_back(const ActiveRunPtr& run, const std::vector<Answer>& answers, const Error& error);
    Task<void> recover_later(catalog::RunRow row);
    void carry_out(const ActiveRunPtr& run, Effects effects);
    void ended(const ActiveRunPtr& run);
    void pump();
    // engine_call.cpp: steps.
    Task<void> attempt(ActiveRunPtr run, StepCall call);
    Task<Result<std::string>> text_of(std::int64_t seq, Value value);
    Task<void> run_child(ActiveRunPtr run, StepChild child);
    Task<void> tell_parent(catalog::RunRow row, std::optional<Failure> failure, Value output);
    void child_ended(const ActiveRunPtr& parent, std::int64_t step, int attempt,
                     std::optional<Failure> failure, std::string text);
    Task<void> cancel_child(std::string id);
    Entry with_value(Event event, std::string text, std::uint64_t outside_from) const;

    const WorkflowOptions options_;
    catalog::Catalog& catalog_;
    catalog::RunJournal& journal_;
    StepCaller& caller_;
    aio::Shards& shards_;
    aio::BlockingPool& pool_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    EngineMetrics metrics_;

    std::mutex mutex_;
    std::unordered_map<std::int64_t, ActiveRunPtr> active_;
    std::set<std::int64_t> loading_;  ///< that are being redriven
    std::deque<Ready> ready_;
    int calling_ = 0;
    std::size_t next_shard_ = 0, starting_ = 0;
    bool stopping_ = false;
    /// When, run, step (-1: the run's own timeout), attempt.
    std::set<std::tuple<UnixMs, std::int64_t, std::int64_t, int>> wakes_;
    std::shared_ptr<aio::OneShot<bool>> nap_;
    aio::Waiters waiters_{kMostWaiters};
    std::unordered_map<std::string, std::weak_ptr<const model::WorkflowSpec>> specs_;
    aio::TaskGroup background_, tasks_;
};

}  // namespace hearth::workflow
