#include "executor/driver.hpp"

#include <thread>

#include "hearth/model/resource.hpp"

namespace hearth::executor {

std::unique_ptr<Executor> Executor::make(ExecutorOptions options, catalog::Catalog& catalog,
                                         artifact::ArchiveStore& archives,
                                         backend::Backend& backend, aio::Shards& shards,
                                         aio::BlockingPool& pool, const base::Clock& clock,
                                         telemetry::FunctionLog& function_log,
                                         telemetry::Logger& log, telemetry::Registry& metrics,
                                         backend::SettingsSource* settings) {
    return std::make_unique<Driver>(options, catalog, archives, backend, shards, pool, clock,
                                    function_log, log, metrics, settings);
}

Driver::Driver(ExecutorOptions options, catalog::Catalog& catalog, artifact::ArchiveStore& archives,
               backend::Backend& backend, aio::Shards& shards, aio::BlockingPool& pool,
               const base::Clock& clock, telemetry::FunctionLog& function_log,
               telemetry::Logger& log, telemetry::Registry& metrics,
               backend::SettingsSource* settings)
    : options_(options),
      catalog_(catalog),
      archives_(archives),
      backend_(backend),
      shards_(shards),
      blocking_(pool),
      clock_(clock),
      function_log_(function_log),
      log_(log),
      metrics_(metrics),
      settings_(settings),
      tasks_(log),
      pools_(options_, backend, shards, clock, log, metrics_, table_, tasks_,
             PoolSet::Hooks{[this] { return evict_idle(); },
                            [this](const InstanceRecordPtr& record) { stop_instance(record); }}) {
    gate_->driver = this;
    backend_.on_exit([gate = gate_](const backend::InstanceExit& exit) {
        std::lock_guard lock(gate->mutex);
        if (gate->driver != nullptr) gate->driver->on_exit(exit);
    });
    backend_.on_found([gate = gate_](const backend::FoundInstance& found) {
        std::lock_guard lock(gate->mutex);
        if (gate->driver != nullptr) gate->driver->on_found(found);
    });
    if (settings == nullptr) return;
    settings->on_change([gate = gate_](const std::vector<backend::SettingsRef>& refs) {
        std::lock_guard lock(gate->mutex);
        if (gate->driver != nullptr) gate->driver->on_settings(refs);
    });
}

Driver::~Driver() {
    stop(Deadline::after(std::chrono::seconds(0)));
    {
        std::lock_guard lock(gate_->mutex);
        gate_->driver = nullptr;
    }
    // Slots and the records of their instances point at each other.
    for (const auto& slot : all_slots()) {
        std::lock_guard lock(slot->mutex);
        FunctionEffects fx;
        slot->core.close(Error(Errc::unavailable, "the daemon is shutting down"), fx);
        for (const auto& place : slot->core.places()) slot->core.died(place.id, clock_.now(), fx);
    }
}

void Driver::start() {
    if (backend_.outlives_daemon()) {
        stocked_ = false;
        pools_.hold(std::nullopt);
    }
    subscription_ = catalog_.subscribe(
        [this](const std::vector<catalog::Change>& changes) { on_changes(changes); });
    catalog::ListQuery query;
    query.kind = model::Kind::environment;
    {
        std::lock_guard lock(resolve_mutex_);
        for (auto& record : catalog_.list(query)) {
            catalog::Change change;
            change.record = std::move(record);
            environment_changed(change);
        }
    }
    tasks_.spawn(shards_.first().executor(), "executor tick", tick_loop());
    tasks_.spawn(shards_.first().executor(), "take stock", take_stock());
}

FunctionSlotPtr Driver::find(std::string_view ns, std::string_view name) {
    std::string key;
    key.reserve(ns.size() + name.size() + 1);
    key.append(ns).append("/").append(name);
    if (auto slot = present_slot(key)) {
        std::lock_guard lock(slot->mutex);
        const bool gone = slot->resolved && !slot->info;
        return gone ? nullptr : slot;
    }
    if (!catalog_.find(model::Kind::function, ns, name)) return nullptr;
    std::unique_lock lock(slots_mutex_);
    auto& slot = slots_[key];
    if (!slot) slot = std::make_shared<FunctionSlot>(std::string(ns), std::string(name));
    return slot;
}

std::shared_ptr<const FunctionInfo> Driver::info(const FunctionSlotPtr& slot) const {
    // Resolving changes nothing that a caller could see but the cost of the next call.
    if (!slot->resolved) const_cast<Driver*>(this)->ensure_resolved(slot);
    std::lock_guard lock(slot->mutex);
    return slot->info;
}

std::vector<FunctionSlotPtr> Driver::all_slots() const {
    std::vector<FunctionSlotPtr> slots;
    std::shared_lock lock(slots_mutex_);
    slots.reserve(slots_.size());
    for (const auto& [key, slot] : slots_) slots.push_back(slot);
    return slots;
}

aio::Executor Driver::home(aio::Executor preferred) const {
    for (std::size_t i = 0; i < shards_.size(); ++i)
        if (shards_.at(i).executor() == preferred) return preferred;
    return shards_.first().executor();
}

Task<void> Driver::tick_loop() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    while (!stopping_) {
        tick();
        const bool on = co_await aio::sleep_until(Deadline::after(options_.tick));
        if (!on) co_return;
    }
}

void Driver::tick() {
    const auto now = clock_.now();
    std::int64_t active = 0;
    std::vector<std::string> finished;
    for (const auto& slot : all_slots()) {
        FunctionEffects fx;
        Work work;
        {
            std::lock_guard lock(slot->mutex);
            if (!slot->core.active()) {
                if (slot->resolved && !slot->info) finished.push_back(slot->ns + "/" + slot->name);
                continue;
            }
            ++active;
            slot->core.tick(now, fx);
            work = collect(*slot, fx);
        }
        perform(slot, std::move(work), shards_.first().executor());
    }
    metrics_.functions.set(active);
    if (!finished.empty()) {
        std::unique_lock lock(slots_mutex_);
        // Nobody but the table holds it, so nobody can come back to it.
        for (const auto& key : finished)
            if (const auto it = slots_.find(key); it != slots_.end() && it->second.use_count() == 1)
                slots_.erase(it);
    }
    std::vector<InstanceRecordPtr> expired;
    {
        std::lock_guard lock(prepared_mutex_);
        for (auto it = prepared_.begin(); it != prepared_.end();) {
            if (it->second.expires > now) {
                ++it;
                continue;
            }
            expired.push_back(std::move(it->second.record));
            it = prepared_.erase(it);
        }
    }
    for (const auto& record : expired) stop_instance(record);
    pools_.tick();
}

void Driver::stop_instance(const InstanceRecordPtr& record) {
    // The next daemon finds it.
    if (stopping_ && backend_.outlives_daemon()) return;
    if (record->stopping.exchange(true)) return;
    tasks_.spawn(shards_.first().executor(), "stop an instance", run_stop(record));
}

Task<void> Driver::run_stop(InstanceRecordPtr record) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    co_await backend_.stop(record->instance.id, options_.stop_grace);
    table_.remove(record->instance.id);
    pools_.record_gone(record);
}

void Driver::on_exit(const backend::InstanceExit& exit) {
    {
        std::lock_guard lock(adoption_mutex_);
        adoption_.ended(exit.id);
    }
    const auto record = table_.ended(exit);
    if (!record) return;
    const auto reason = end_reason_text(exit);
    FunctionSlotPtr slot;
    {
        std::lock_guard lock(record->mutex);
        slot = record->slot.lock();
    }
    if (!record->stopping) report_death(record, slot, reason);
    if (slot) {
        FunctionEffects fx;
        Work work;
        {
            std::lock_guard lock(slot->mutex);
            slot->core.died(exit.id, clock_.now(), fx);
            work = collect(*slot, fx);
        }
        perform(slot, std::move(work), shards_.first().executor());
    }
    {
        std::lock_guard lock(prepared_mutex_);
        std::erase_if(prepared_, [&](const auto& entry) { return entry.second.record == record; });
    }
    pools_.record_gone(record);
}

void Driver::report_death(const InstanceRecordPtr& record, const FunctionSlotPtr& slot,
                          const std::string& reason) {
    metrics_.instance_deaths.add();
    log_.log(telemetry::Level::warn, "executor", "an instance ended by itself",
             {{telemetry::kInstance, record->instance.name},
              {telemetry::kFunction, slot ? slot->ns + "/" + slot->name : std::string()},
              {"reason", reason}});
    if (!slot) return;
    telemetry::LogEntry entry;
    entry.time = clock_.wall();
    entry.stream = telemetry::LogEntry::Stream::platform;
    entry.instance = record->instance.name;
    entry.message = "instance " + record->instance.name + " ended: " + reason;
    function_log_.append(slot->ns, slot->name, std::move(entry));
}

bool Driver::evict_idle() {
    FunctionSlotPtr oldest;
    TimePoint since;
    for (const auto& slot : all_slots()) {
        std::lock_guard lock(slot->mutex);
        const auto idle = slot->core.oldest_idle();
        if (!idle || (oldest && *idle >= since)) continue;
        oldest = slot;
        since = *idle;
    }
    if (!oldest) return false;
    FunctionEffects fx;
    Work work;
    {
        std::lock_guard lock(oldest->mutex);
        if (!oldest->core.evict_idle(fx)) return false;
        work = collect(*oldest, fx);
    }
    perform(oldest, std::move(work), shards_.first().executor());
    return true;
}

std::size_t Driver::leases() const {
    std::size_t sum = 0;
    for (const auto& slot : all_slots()) {
        std::lock_guard lock(slot->mutex);
        sum += static_cast<std::size_t>(slot->core.in_flight());
    }
    return sum;
}

void Driver::stop(Deadline deadline) {
    if (stopping_.exchange(true)) return;
    subscription_.reset();
    const Error reason(Errc::unavailable, "the daemon is shutting down; try again later", {},
                       "executor");
    auto warm = pools_.shut_down();
    for (const auto& slot : all_slots()) {
        FunctionEffects fx;
        Work work;
        {
            std::lock_guard lock(slot->mutex);
            slot->core.close(reason, fx);
            work = collect(*slot, fx);
        }
        perform(slot, std::move(work), shards_.first().executor());
    }
    constexpr std::chrono::milliseconds kLook{5};
    while (leases() > 0 && !deadline.passed()) std::this_thread::sleep_for(kLook);
    for (const auto& record : warm) stop_instance(record);
    for (const auto& record : table_.all()) stop_instance(record);
    const bool left = backend_.outlives_daemon();
    const auto grace = options_.stop_grace + std::chrono::seconds(1);
    const auto quiet = [this] {
        for (const auto& record : table_.all())
            if (!record->released) return false;
        return true;
    };
    const auto last = Deadline::after(grace);
    while (!left && !quiet() && !last.passed()) std::this_thread::sleep_for(kLook);
    tasks_.cancel();
    if (!tasks_.join_blocking(Deadline::after(std::chrono::seconds(10))))
        log_.log(telemetry::Level::error, "executor", "tasks did not end in time", {});
}

std::vector<PoolStats> Driver::pools() const {
    return pools_.stats();
}

}  // namespace hearth::executor
