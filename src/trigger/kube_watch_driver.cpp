#include <boost/json.hpp>

#include <map>
#include <mutex>

#include "hearth/trigger/kube_watches.hpp"
#include "trigger/timer_status.hpp"
#include "trigger/watch_line.hpp"

namespace hearth::trigger {
namespace {

using telemetry::Level;

constexpr std::chrono::milliseconds kLook{200};
constexpr std::chrono::seconds kLoadRetry{1}, kStopPatience{5}, kEndOfCall{5};
constexpr std::string_view kHelp = "Events of Kubernetes watches, by what became of them.";

Result<WatchDefinition> watch_definition(const model::Resource& trigger) {
    auto spec = model::decode_kubernetes_watch_trigger(trigger);
    if (!spec) return spec.error();
    WatchDefinition definition;
    definition.uid = trigger.metadata.uid;
    definition.ns = trigger.metadata.ns;
    definition.name = trigger.metadata.name;
    definition.generation = trigger.metadata.generation;
    definition.spec = std::move(*spec);
    return definition;
}

class WatchDriver final : public KubeWatches {
 public:
    WatchDriver(KubeWatchOptions options, catalog::Catalog& catalog, catalog::TriggerLedger& ledger,
                Deliverer& deliverer, aio::Shards& shards, aio::BlockingPool& pool,
                const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics)
        : catalog_(catalog),
          around_{std::move(options),
                  ledger,
                  deliverer,
                  shards,
                  pool,
                  clock,
                  log,
                  metrics,
                  metrics.counter("hearth_kubernetes_watch_events_total", kHelp,
                                  {{"result", "delivered"}}),
                  metrics.counter("hearth_kubernetes_watch_events_total", kHelp,
                                  {{"result", "given_up"}}),
                  metrics.counter("hearth_kubernetes_watch_relists_total",
                                  "Lists that watches had to make, because they could not go on "
                                  "from where they were.")},
          tasks_(log) {}

    ~WatchDriver() override { stop(Deadline::after(std::chrono::seconds(0))); }
    void start() override;
    boost::json::object status(const model::Resource& trigger) const override;
    void stop(Deadline patient) override;

 private:
    using LinePtr = std::shared_ptr<WatchLine>;
    using Kept = std::map<std::string, WatchMemory>;

    using Definitions = std::map<std::string, WatchDefinition>;  ///< by uid

    Definitions definitions() const;
    std::vector<LinePtr> lines() const;
    Task<void> run();
    Task<Result<Kept>> load();
    Task<void> reconcile();
    Task<bool> open(WatchDefinition definition);
    Task<void> close(LinePtr line, bool forget);
    LinePtr line_of(const std::string& uid) const;

    catalog::Catalog& catalog_;
    WatchSurroundings around_;
    mutable std::mutex mutex_;              ///< guards what follows
    std::map<std::string, LinePtr> lines_;  ///< by uid
    std::vector<LinePtr> closing_;
    bool changed_ = true;
    catalog::Catalog::Subscription subscription_;
    aio::TaskGroup tasks_;
};

void WatchDriver::start() {
    if (around_.options.client == nullptr) return;
    subscription_ = catalog_.subscribe([this](const std::vector<catalog::Change>& changes) {
        for (const auto& change : changes) {
            if (change.record->kind != model::Kind::kubernetes_watch_trigger) continue;
            std::lock_guard lock(mutex_);
            changed_ = true;
        }
    });
    tasks_.spawn(around_.shards.first().executor(), "kubernetes watches", run());
}

Task<void> WatchDriver::run() {
    while (!tasks_.cancelled()) {
        bool changed = false;
        {
            std::lock_guard lock(mutex_);
            changed = std::exchange(changed_, false);
        }
        if (changed) co_await reconcile();
        if (!co_await aio::sleep_until(Deadline::after(kLook))) co_return;
    }
}

WatchDriver::LinePtr WatchDriver::line_of(const std::string& uid) const {
    std::lock_guard lock(mutex_);
    const auto place = lines_.find(uid);
    return place == lines_.end() ? nullptr : place->second;
}

/// What the ledger has of each trigger.
Task<Result<WatchDriver::Kept>> WatchDriver::load() {
    const auto rows = co_await around_.ledger.load();
    if (!rows) co_return rows.error();
    Kept kept;
    for (const auto& row : *rows)
        kept.try_emplace(row.trigger, row.trigger).first->second.read(row);
    co_return kept;
}

WatchDriver::Definitions WatchDriver::definitions() const {
    catalog::ListQuery query;
    query.kind = model::Kind::kubernetes_watch_trigger;
    Definitions wanted;
    for (const auto& record : catalog_.list(query)) {
        const auto resource = record->load();
        auto definition =
            resource ? watch_definition(*resource) : Result<WatchDefinition>(resource.error());
        if (definition) wanted.emplace(record->metadata.uid, std::move(*definition));
    }
    return wanted;
}

std::vector<WatchDriver::LinePtr> WatchDriver::lines() const {
    std::lock_guard lock(mutex_);
    std::vector<LinePtr> present;
    for (const auto& [uid, line] : lines_) present.push_back(line);
    return present;
}

/// The lines become what the catalog has.
Task<void> WatchDriver::reconcile() {
    auto wanted = definitions();
    const auto present = lines();
    for (const auto& line : present) {
        const auto place = wanted.find(line->definition().uid);
        const bool stays =
            place != wanted.end() && place->second.generation == line->definition().generation;
        const bool gone = place == wanted.end();
        if (!stays) co_await close(line, gone);
    }
    for (auto& one : wanted) {
        if (tasks_.cancelled()) co_return;
        if (line_of(one.first)) continue;
        const bool on = co_await open(std::move(one.second));
        if (!on) co_return;
    }
}

/// False when the driver is to end.
Task<bool> WatchDriver::open(WatchDefinition definition) {
    auto kept = co_await load();
    while (!kept) {
        around_.log.log(Level::error, "trigger",
                        "the Kubernetes watches wait: their ledger cannot be read",
                        {{telemetry::kErr, kept.error().message}});
        if (!co_await aio::sleep_until(Deadline::after(kLoadRetry))) co_return false;
        kept = co_await load();
    }
    const std::string uid = definition.uid;
    const auto place = kept->find(uid);
    auto memory = place == kept->end() ? WatchMemory(uid) : std::move(place->second);
    auto line = std::make_shared<WatchLine>(around_, std::move(definition), std::move(memory));
    {
        std::lock_guard lock(mutex_);
        if (tasks_.cancelled()) co_return false;
        lines_.insert_or_assign(uid, line);
    }
    line->start();
    co_return true;
}

Task<void> WatchDriver::close(LinePtr line, bool forget) {
    const std::string uid = line->definition().uid;
    {
        std::lock_guard lock(mutex_);
        lines_.erase(uid);
        closing_.push_back(line);
    }
    auto work = [line]() -> Result<void> {
        line->stop(Deadline::after(kEndOfCall));
        return {};
    };
    (void)co_await around_.pool.run(std::move(work));
    if (tasks_.cancelled()) co_return;
    {
        std::lock_guard lock(mutex_);
        std::erase(closing_, line);
    }
    if (!forget) co_return;
    std::vector<catalog::LedgerWrite> writes;
    writes.emplace_back(catalog::LedgerWrite::Type::forget, catalog::LedgerRow(uid, "", 0, ""));
    (void)co_await around_.ledger.write(std::move(writes));
}

boost::json::object WatchDriver::status(const model::Resource& trigger) const {
    const auto spec = model::decode_kubernetes_watch_trigger(trigger);
    WatchLine::Status now;
    if (const auto line = line_of(trigger.metadata.uid)) now = line->status();
    if (around_.options.client == nullptr) {
        now.reason = "NoCluster";
        now.message = around_.options.no_client;
    }
    const bool workflow = spec && spec->workflow;
    const bool found =
        spec && catalog_.find(workflow ? model::Kind::workflow : model::Kind::function,
                              trigger.metadata.ns, spec->function);
    boost::json::array conditions;
    conditions.push_back(condition("Subscribed", now.subscribed, now.reason, now.message));
    const std::string called = workflow ? "Workflow" : "Function";
    const std::string missing =
        "there is no " + called + " " + trigger.metadata.ns + "/" + (spec ? spec->function : "");
    conditions.push_back(condition("Ready", now.subscribed && found,
                                   found ? now.reason : called + "NotFound",
                                   found ? now.message : missing));
    boost::json::object status;
    status["conditions"] = std::move(conditions);
    if (!now.revision.empty()) status["resourceVersion"] = now.revision;
    if (!now.counts.last_event.empty()) status["lastEvent"] = now.counts.last_event;
    if (!now.message.empty())
        status["lastError"] = now.message;
    else if (!now.counts.last_error.empty())
        status["lastError"] = now.counts.last_error;
    if (!now.counts.last_relist.empty()) status["lastRelist"] = now.counts.last_relist;
    status["delivered"] = now.counts.delivered;
    status["givenUp"] = now.counts.given_up;
    status["relists"] = now.counts.relists;
    status["queued"] = now.queued;
    return status;
}

void WatchDriver::stop(Deadline patient) {
    subscription_.reset();
    std::vector<LinePtr> lines;
    {
        std::lock_guard lock(mutex_);
        tasks_.cancel();
        for (const auto& [uid, line] : lines_) lines.push_back(line);
        lines.insert(lines.end(), closing_.begin(), closing_.end());
    }
    for (const auto& line : lines) line->stop(patient);
    tasks_.join_blocking(Deadline::after(kStopPatience));
    std::lock_guard lock(mutex_);
    lines_.clear();
    closing_.clear();
}

}  // namespace

std::unique_ptr<KubeWatches> KubeWatches::make(KubeWatchOptions options, catalog::Catalog& catalog,
                                               catalog::TriggerLedger& ledger, Deliverer& deliverer,
                                               aio::Shards& shards, aio::BlockingPool& pool,
                                               const base::Clock& clock, telemetry::Logger& log,
                                               telemetry::Registry& metrics) {
    return std::make_unique<WatchDriver>(std::move(options), catalog, ledger, deliverer, shards,
                                         pool, clock, log, metrics);
}

}  // namespace hearth::trigger
