#include <map>
#include <mutex>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/trigger/timers.hpp"
#include "trigger/timer_core.hpp"
#include "trigger/timer_status.hpp"

namespace hearth::trigger {
namespace {

using telemetry::Level;

constexpr std::string_view kItem = "timer";  ///< of the ledger's rows
/// A clock that jumps, a new timer: what is due is seen this soon.
constexpr std::chrono::milliseconds kLook{500};
constexpr std::chrono::seconds kRecordEvery{5}, kLoadRetry{1}, kEndOfCalls{2}, kLastRecord{3};

struct TimerMetrics {
    explicit TimerMetrics(telemetry::Registry& registry)
        : succeeded(registry.counter("hearth_timer_calls_total", kHelp, {{"result", "succeeded"}})),
          failed(registry.counter("hearth_timer_calls_total", kHelp, {{"result", "failed"}})),
          missed(registry.counter("hearth_timer_slots_missed_total",
                                  "Slots that passed unseen or too late.")),
          left_out(registry.counter("hearth_timer_slots_left_out_total",
                                    "Slots that concurrencyPolicy left out.")),
          lateness(registry.histogram("hearth_timer_lateness_seconds",
                                      "Time from a slot to the start of its call.")) {}
    static constexpr std::string_view kHelp = "Calls that timers made, by how they ended.";
    telemetry::Counter& succeeded;
    telemetry::Counter& failed;
    telemetry::Counter& missed;
    telemetry::Counter& left_out;
    telemetry::Histogram& lateness;
};

TimerOutcome outcome_of_call(const invoke::CallAnswer& answer, bool replaced,
                             std::chrono::steady_clock::duration took) {
    TimerOutcome outcome;
    outcome.good = trigger::outcome_of(answer) == Outcome::done;
    outcome.status = answer.status;
    outcome.took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    if (outcome.good) return outcome;
    if (replaced)
        outcome.error = "ended, because the next slot came (concurrencyPolicy Replace)";
    else if (answer.error)
        outcome.error = answer.error->message;
    else
        outcome.error = "the function answered " + std::to_string(answer.status);
    return outcome;
}

class TimerDriver final : public Timers {
 public:
    TimerDriver(catalog::Catalog& catalog, catalog::TriggerLedger& ledger, Deliverer& deliverer,
                aio::Shards& shards, const base::Clock& clock, telemetry::Logger& log,
                telemetry::Registry& metrics)
        : catalog_(catalog),
          ledger_(ledger),
          deliverer_(deliverer),
          shards_(shards),
          clock_(clock),
          log_(log),
          metrics_(metrics),
          tasks_(log) {
        const auto count = count_;
        metrics.gauge_callback("hearth_timers", "TimeTriggers that are kept.", {},
                               [count] { return static_cast<double>(count->load()); });
    }

    ~TimerDriver() override { stop(Deadline::after(std::chrono::seconds(0))); }
    void start() override;
    boost::json::object status(const model::Resource& timer) const override;
    void stop(Deadline deadline) override;

 private:
    struct Run {
        std::shared_ptr<aio::TaskGroup> group;  ///< of its own, so that it alone can be cancelled
        bool replaced = false;
    };

    Slot now() const { return std::chrono::floor<std::chrono::seconds>(clock_.wall()); }
    Task<void> run();
    Task<bool> load();
    void note(const std::vector<catalog::Change>& changes);
    Task<void> take_changes();
    void put(const catalog::Record& record, std::optional<TimerRecord> kept);
    Task<void> fire(TimerCore::Effects effects);
    void take_answers(const Result<std::vector<bool>>& answers, TimerCore::Effects& effects);
    void begin(const TimerCore::Effects& effects);
    Task<void> call(TimerCore::Start start, TimerDefinition timer);
    Task<void> record();
    std::vector<catalog::LedgerWrite> unrecorded();
    void bury_runs();
    Task<void> nap() const;

    catalog::Catalog& catalog_;
    catalog::TriggerLedger& ledger_;
    Deliverer& deliverer_;
    aio::Shards& shards_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    TimerMetrics metrics_;
    std::shared_ptr<std::atomic<std::size_t>> count_ =
        std::make_shared<std::atomic<std::size_t>>(0);

    mutable std::mutex mutex_;  ///< guards what follows
    TimerCore core_;
    std::map<std::uint64_t, Run> runs_;
    /// By name: what has changed since the loop looked; a removed one's record is the last it had.
    std::map<std::string, catalog::Change> changes_;
    bool stopping_ = false;

    base::SteadyTime recorded_{};
    catalog::Catalog::Subscription subscription_;
    aio::TaskGroup tasks_;
};

void TimerDriver::start() {
    subscription_ =
        catalog_.subscribe([this](const std::vector<catalog::Change>& changes) { note(changes); });
    tasks_.spawn(shards_.first().executor(), "timers", run());
}

void TimerDriver::note(const std::vector<catalog::Change>& changes) {
    for (const auto& change : changes) {
        if (change.record->kind != model::Kind::time_trigger) continue;
        const auto& metadata = change.record->metadata;
        std::lock_guard lock(mutex_);
        // One made again under its name while nobody looked: the old one's uid goes as well.
        const auto key = metadata.ns + "/" + metadata.name + "/" + metadata.uid;
        changes_.insert_or_assign(key, change);
    }
}

void TimerDriver::put(const catalog::Record& record, std::optional<TimerRecord> kept) {
    const auto resource = record.load();
    auto definition =
        resource ? timer_definition(*resource) : Result<TimerDefinition>(resource.error());
    if (!definition) {
        log_.log(Level::error, "trigger", "a timer cannot be scheduled",
                 {{"trigger", record.metadata.ns + "/" + record.metadata.name},
                  {telemetry::kErr, definition.error().message}});
        return;
    }
    std::lock_guard lock(mutex_);
    core_.put(std::move(*definition), std::move(kept), now());
    count_->store(core_.size());
}

/// False when the driver is to end.
Task<bool> TimerDriver::load() {
    auto rows = co_await ledger_.load();
    while (!rows) {
        log_.log(Level::error, "trigger", "the timers wait: their ledger cannot be read",
                 {{telemetry::kErr, rows.error().message}});
        if (!co_await aio::sleep_until(Deadline::after(kLoadRetry))) co_return false;
        rows = co_await ledger_.load();
    }
    std::map<std::string, TimerRecord> kept;
    for (const auto& row : *rows) {
        if (row.item != kItem) continue;
        // What cannot be read still tells which slot was the last.
        auto record = timer_record(row.mark, row.value);
        if (!record) {
            record = TimerRecord{};
            record->slot = Slot(std::chrono::seconds(row.mark));
        }
        kept.emplace(row.trigger, std::move(*record));
    }
    catalog::ListQuery query;
    query.kind = model::Kind::time_trigger;
    for (const auto& timer : catalog_.list(query)) {
        const auto known = kept.find(timer->metadata.uid);
        if (known == kept.end()) {
            put(*timer, std::nullopt);
            continue;
        }
        put(*timer, known->second);
        kept.erase(known);
    }
    std::vector<catalog::LedgerWrite> forget;
    for (const auto& old : kept) {
        catalog::LedgerRow row(old.first, "", 0, "");
        forget.emplace_back(catalog::LedgerWrite::Type::forget, std::move(row));
    }
    if (!forget.empty()) (void)co_await ledger_.write(std::move(forget));
    co_return true;
}

Task<void> TimerDriver::take_changes() {
    std::map<std::string, catalog::Change> changes;
    {
        std::lock_guard lock(mutex_);
        changes.swap(changes_);
    }
    std::vector<catalog::LedgerWrite> forget;
    for (const auto& entry : changes) {
        const auto& change = entry.second;
        if (change.type != catalog::Change::Type::removed) {
            put(*change.record, std::nullopt);
            continue;
        }
        catalog::LedgerRow row(change.record->metadata.uid, "", 0, "");
        forget.emplace_back(catalog::LedgerWrite::Type::forget, std::move(row));
        std::lock_guard lock(mutex_);
        core_.remove(change.record->metadata.uid);
        count_->store(core_.size());
    }
    // What stays is forgotten at the next start.
    if (!forget.empty()) (void)co_await ledger_.write(std::move(forget));
}

namespace {

// As it is once the claim holds, or a kill before the next write would lose the count of this slot.
std::string text_with_slot_fired(TimerRecord record, model::Slot slot) {
    record.last_fire = slot;
    record.trouble.clear();
    ++record.fired;
    return to_text(record);
}

}  // namespace

Task<void> TimerDriver::fire(TimerCore::Effects effects) {
    using Type = catalog::LedgerWrite::Type;
    std::vector<catalog::LedgerWrite> writes;
    {
        std::lock_guard lock(mutex_);
        for (const auto& claim : effects.claims) {
            const auto* record = core_.record(claim.uid);
            const auto type = claim.regardless ? Type::reset : Type::claim;
            catalog::LedgerRow row(
                claim.uid, std::string(kItem), claim.slot.time_since_epoch().count(),
                record ? text_with_slot_fired(*record, claim.slot) : std::string());
            writes.emplace_back(type, std::move(row));
        }
    }
    const auto answers = co_await ledger_.write(std::move(writes));
    if (!answers) {
        log_.log(Level::error, "trigger",
                 "slots of timers cannot be recorded, so they are not fired; it is tried again",
                 {{telemetry::kErr, answers.error().message}});
    }
    take_answers(answers, effects);
    begin(effects);
}

void TimerDriver::take_answers(const Result<std::vector<bool>>& answers,
                               TimerCore::Effects& effects) {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < effects.claims.size(); ++i) {
        const auto answer = answers ? Result<bool>(i < answers->size() && (*answers)[i])
                                    : Result<bool>(answers.error());
        core_.claimed(effects.claims[i], answer, now(), effects);
    }
}

/// A task may run at once, up to where it waits, so no lock is held when it is spawned.
void TimerDriver::begin(const TimerCore::Effects& effects) {
    for (const auto& cancel : effects.cancels) {
        std::shared_ptr<aio::TaskGroup> group;
        {
            std::lock_guard lock(mutex_);
            const auto running = runs_.find(cancel.run);
            if (running == runs_.end()) continue;
            running->second.replaced = true;
            group = running->second.group;
        }
        group->cancel();
    }
    for (const auto& start : effects.starts) {
        auto group = std::make_shared<aio::TaskGroup>(log_);
        std::optional<TimerDefinition> timer;
        {
            std::lock_guard lock(mutex_);
            const auto* known = core_.find(start.uid);
            if (known == nullptr) continue;
            timer = *known;
            runs_.insert_or_assign(start.run, Run{group, false});
        }
        auto& shard = shards_.at(start.run % shards_.size());
        const std::string name = "timer " + timer->ns + "/" + timer->name;
        group->spawn(shard.executor(), name, call(start, std::move(*timer)));
    }
}

Task<void> TimerDriver::call(TimerCore::Start start, TimerDefinition timer) {
    Delivery delivery;
    delivery.ns = timer.ns;
    delivery.function = timer.spec.function;
    delivery.workflow = timer.spec.workflow;
    delivery.trigger = "TimeTrigger/" + timer.ns + "/" + timer.name;
    delivery.event.id = timer.uid + "-" + std::to_string(start.slot.time_since_epoch().count());
    delivery.event.source = "/hearth/timetriggers/" + timer.ns + "/" + timer.name;
    delivery.event.type = "hearth.timer.fired";
    delivery.event.time = start.slot;
    delivery.method = timer.spec.method;
    delivery.target = timer.spec.target;
    delivery.body = timer.spec.body;
    delivery.headers.add("X-Fission-Timer-Name", timer.name);
    delivery.headers.add("X-Hearth-Slot", slot_text(start.slot));
    if (!timer.spec.content_type.empty())
        delivery.headers.add("Content-Type", timer.spec.content_type);
    metrics_.lateness.observe(std::chrono::duration<double>(clock_.wall() - start.slot).count());
    const auto begun = clock_.now();
    const auto answer = co_await deliverer_.deliver(std::move(delivery));
    std::lock_guard lock(mutex_);
    const auto running = runs_.find(start.run);
    const bool replaced = running != runs_.end() && running->second.replaced;
    auto outcome = outcome_of_call(answer, replaced, clock_.now() - begun);
    (outcome.good ? metrics_.succeeded : metrics_.failed).add();
    if (!outcome.good) {
        log_.log(Level::warn, "trigger", "a timer's call failed",
                 {{"trigger", timer.ns + "/" + timer.name},
                  {telemetry::kRequestId, answer.request_id},
                  {telemetry::kErr, outcome.error}});
    }
    core_.finished(start.run, std::move(outcome));
}

std::vector<catalog::LedgerWrite> TimerDriver::unrecorded() {
    std::vector<catalog::LedgerWrite> writes;
    std::lock_guard lock(mutex_);
    for (const auto& uid : core_.take_dirty()) {
        const auto* record = core_.record(uid);
        catalog::LedgerRow row(uid, std::string(kItem), record->slot.time_since_epoch().count(),
                               to_text(*record));
        writes.emplace_back(catalog::LedgerWrite::Type::put, std::move(row));
    }
    return writes;
}

/// What became of calls; a claim takes it along as well.
Task<void> TimerDriver::record() {
    recorded_ = clock_.now();
    auto writes = unrecorded();
    if (writes.empty()) co_return;
    const auto done = co_await ledger_.write(std::move(writes));
    if (!done) {
        log_.log(Level::warn, "trigger", "what became of timers' calls cannot be recorded",
                 {{telemetry::kErr, done.error().message}});
    }
}

void TimerDriver::bury_runs() {
    std::lock_guard lock(mutex_);
    std::erase_if(runs_, [this](const auto& run) {
        if (run.second.group->size() != 0) return false;
        // One that was cancelled before its first step has told nothing itself.
        TimerOutcome unstarted;
        unstarted.error = "ended before it began";
        core_.finished(run.first, std::move(unstarted));
        return true;
    });
}

Task<void> TimerDriver::nap() const {
    auto until = clock_.wall() + kLook;
    {
        std::lock_guard lock(mutex_);
        if (const auto next = core_.next_step()) until = std::min<base::WallTime>(until, *next);
    }
    const auto pause =
        std::max<base::WallTime::duration>(until - clock_.wall(), std::chrono::milliseconds(1));
    (void)co_await aio::sleep_until(Deadline::after(pause));
}

Task<void> TimerDriver::run() {
    if (!co_await load()) co_return;
    while (!tasks_.cancelled()) {
        co_await take_changes();
        TimerCore::Effects effects;
        {
            std::lock_guard lock(mutex_);
            if (!stopping_) effects = core_.step(now());
        }
        metrics_.missed.add(effects.missed);
        metrics_.left_out.add(effects.left_out);
        if (!effects.claims.empty()) co_await fire(std::move(effects));
        if (clock_.now() - recorded_ > kRecordEvery) co_await record();
        bury_runs();
        co_await nap();
    }
}

boost::json::object TimerDriver::status(const model::Resource& timer) const {
    auto definition = timer_definition(timer);
    // One that is only planned would be made now.
    if (definition && timer.metadata.created.empty()) definition->created = now();
    if (!definition) {
        boost::json::array conditions;
        conditions.push_back(
            condition("Scheduled", false, "InvalidCron", definition.error().message));
        conditions.push_back(condition("Ready", false, "InvalidCron", definition.error().message));
        boost::json::object status;
        status["conditions"] = std::move(conditions);
        return status;
    }
    const auto kind = definition->spec.workflow ? model::Kind::workflow : model::Kind::function;
    const bool found = catalog_.find(kind, definition->ns, definition->spec.function) != nullptr;
    std::lock_guard lock(mutex_);
    return timer_status(*definition, core_.record(definition->uid), core_.running(definition->uid),
                        found, now());
}

void TimerDriver::stop(Deadline deadline) {
    subscription_.reset();
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        stopping_ = true;
    }
    tasks_.cancel();
    tasks_.join_blocking(Deadline::after(kEndOfCalls));
    // No run is begun any more; those that are on their way need the lock to end.
    std::map<std::uint64_t, Run> runs;
    {
        std::lock_guard lock(mutex_);
        runs.swap(runs_);
    }
    for (auto& [id, run] : runs) run.group->join_blocking(deadline);
    for (auto& [id, run] : runs) run.group->cancel();
    for (auto& [id, run] : runs) run.group->join_blocking(Deadline::after(kEndOfCalls));
    aio::TaskGroup last(log_);
    last.spawn(shards_.first().executor(), "last record of the timers", record());
    last.join_blocking(Deadline::after(kLastRecord));
}

}  // namespace

std::unique_ptr<Timers> Timers::make(catalog::Catalog& catalog, catalog::TriggerLedger& ledger,
                                     Deliverer& deliverer, aio::Shards& shards,
                                     const base::Clock& clock, telemetry::Logger& log,
                                     telemetry::Registry& metrics) {
    return std::make_unique<TimerDriver>(catalog, ledger, deliverer, shards, clock, log, metrics);
}

}  // namespace hearth::trigger
