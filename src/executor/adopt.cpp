#include <algorithm>

#include "executor/driver.hpp"

namespace hearth::executor {
namespace {

constexpr std::chrono::seconds kLook{20};
constexpr std::chrono::milliseconds kPause{500};
constexpr std::chrono::seconds kSettings{10};
constexpr std::chrono::milliseconds kSettle{20};

bool is_container(const Generation& generation) {
    const auto& workload = generation.runtime.workload;
    return workload && workload->kind == backend::Workload::Kind::container;
}

/// Whether the found instance is one that this generation would have made.
bool same(const Generation& generation, const backend::FoundInstance& found) {
    if (is_container(generation)) return found.runtime_hash == generation.runtime.hash;
    return !found.identity.empty() && found.identity == generation.source.hash;
}

}  // namespace

void Driver::on_found(const backend::FoundInstance& found) {
    std::vector<backend::FoundInstance> now;
    {
        std::lock_guard lock(adoption_mutex_);
        now = adoption_.found(found);
    }
    for (auto& each : now)
        tasks_.spawn(shards_.first().executor(), "adopt an instance", adopt(std::move(each)));
}

/// What the pools and functions need is started only once it is known what is there already, or
/// every restart would make each pool twice.
Task<void> Driver::take_stock() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    co_await find_used_environments();
    while (!stopping_) {
        const auto look = Deadline::after(kLook);
        const auto known = co_await backend_.discovered(look);
        if (known.has_value()) break;
        const Error why(Errc::unavailable,
                        "it is not known yet which instances are there: " + known.error().message,
                        known.error().detail, "kubernetes");
        pools_.hold(why);
        const auto pause = Deadline::after(kPause);
        co_await aio::sleep_until(pause);
    }
    if (stopping_) co_return;
    std::vector<backend::FoundInstance> found;
    {
        std::lock_guard lock(adoption_mutex_);
        found = adoption_.open();
    }
    // What is loaded first: a request that waits already must not take a generic instance and have
    // its function loaded a second time.
    std::stable_partition(found.begin(), found.end(),
                          [](const auto& each) { return !each.function.empty(); });
    for (auto& each : found) {
        const bool decided = co_await try_adopt(each);
        if (!decided)
            tasks_.spawn(shards_.first().executor(), "adopt an instance", adopt(std::move(each)));
    }
    // Requests that came before and were served by what was adopted give back what they had
    // claimed; without this the pools would be filled up in its place.
    const auto settled = Deadline::after(kSettle);
    co_await aio::sleep_until(settled);
    stocked_ = true;
    start_minimums();
    pools_.release_starts();
    log_.log(telemetry::Level::info, "executor", "took stock of the instances that were there",
             {{"found", std::to_string(found.size())}});
}

void Driver::start_minimums() {
    for (const auto& slot : all_slots()) {
        FunctionEffects fx;
        Work work;
        {
            std::lock_guard lock(slot->mutex);
            if (!slot->generation || !slot->generation->runtime.workload) continue;
            const auto policy = policy_of(*slot->generation, options_, stocked_);
            slot->core.configure(policy, slot->generation->number, clock_.now(), fx);
            work = collect(*slot, fx);
        }
        perform(slot, std::move(work), shards_.first().executor());
    }
}

Task<void> Driver::adopt(backend::FoundInstance found) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    while (!stopping_) {
        const bool decided = co_await try_adopt(found);
        if (decided) co_return;
        const auto pause = Deadline::after(kPause);
        co_await aio::sleep_until(pause);
    }
}

/// False: what decides cannot be had at present.
Task<bool> Driver::try_adopt(backend::FoundInstance found) {
    if (found.function.empty()) {
        const auto record = take_in(found);
        if (record) co_await adopt_generic(record);
        co_return true;
    }
    const auto slot = find(found.function_ns, found.function);
    if (slot) {
        const auto limit = Deadline::after(kSettings);
        const auto known = co_await ready_settings(slot, limit);
        if (known.has_error() && !slot->resolved) co_return false;
        ensure_resolved(slot);
    }
    const auto record = take_in(found);
    if (!record) co_return true;
    GenerationPtr generation;
    if (slot) {
        std::lock_guard lock(slot->mutex);
        if (slot->generation && same(*slot->generation, found)) generation = slot->generation;
    }
    if (!generation || !join(slot, generation, record)) discard(record);
    co_return true;
}

/// Its place in table and budget. Null when it has ended already.
InstanceRecordPtr Driver::take_in(const backend::FoundInstance& found) {
    auto record = std::make_shared<InstanceRecord>();
    record->instance = found.instance;
    record->pool = found.runtime_hash;
    record->ns = found.environment_ns;
    record->environment = found.environment;
    record->started = clock_.now();
    pools_.count_in(record);
    table_.add(record);
    bool ended = false;
    {
        std::lock_guard lock(record->mutex);
        ended = record->end_reason.has_value();
    }
    if (!ended) return record;
    pools_.record_gone(record);
    return nullptr;
}

Task<void> Driver::adopt_generic(InstanceRecordPtr record) {
    if (pools_.adopt(record)) co_return;
    FunctionSlotPtr slot;
    {
        std::lock_guard lock(resolve_mutex_);
        if (const auto known = workloads_.find(record->pool); known != workloads_.end())
            slot = known->second;
    }
    GenerationPtr generation;
    if (slot) {
        std::lock_guard lock(slot->mutex);
        if (slot->generation && slot->generation->runtime.hash == record->pool)
            generation = slot->generation;
    }
    if (!generation) {
        discard(record);
    } else if (!is_container(*generation)) {
        co_await load_replica(slot, generation, record);
    } else if (!join(slot, generation, record)) {
        discard(record);
    }
}

/// A replica that nobody ordered: an autoscaler made it, or it was there before.
Task<void> Driver::load_replica(FunctionSlotPtr slot, GenerationPtr generation,
                                InstanceRecordPtr record) {
    const auto limit = Deadline::after(generation->source.spec.specialization_timeout);
    const auto asked = clock_.now();
    const auto loaded = co_await load_into(record, generation, asked, limit);
    if (loaded.has_value() && !join(slot, generation, record)) discard(record);
}

/// The instance serves the function from now on. False: it is not wanted.
bool Driver::join(const FunctionSlotPtr& slot, const GenerationPtr& generation,
                  const InstanceRecordPtr& record) {
    FunctionEffects fx;
    Work work;
    bool taken = false;
    {
        std::lock_guard lock(slot->mutex);
        const auto now = clock_.now();
        const auto& present = slot->generation;
        if (present && present->number == generation->number) {
            const Loaded loaded{record, now, now, now};
            const auto id = record->instance.id;
            taken = slot->core.adopt(id, hold(slot, *present, loaded), now, fx);
            if (taken) {
                std::lock_guard record_lock(record->mutex);
                record->slot = slot;
                // It may have ended before the core knew it, when its end could not be told there.
                if (record->end_reason) slot->core.died(id, now, fx);
            }
            work = collect(*slot, fx);
        }
    }
    perform(slot, std::move(work), shards_.first().executor());
    return taken;
}

void Driver::discard(const InstanceRecordPtr& record) {
    stop_instance(record);
    // What only one function's instances are made from has a ':' in its hash.
    if (record->pool.find(':') == std::string::npos) return;
    std::lock_guard lock(resolve_mutex_);
    if (workloads_.count(record->pool) == 0) pools_.retire(record->pool);
}

}  // namespace hearth::executor
