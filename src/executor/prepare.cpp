#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "executor/driver.hpp"

namespace hearth::executor {
namespace {

constexpr std::chrono::seconds kPreparedLife{30};
/// A pod of the environment's may have to be made first.
constexpr std::chrono::seconds kTrialStart{20};

/// Whether a pod of the pool has all that a replica with these settings would have.
bool fits_pool(const model::PodSettings& pod) {
    for (const auto& [kind, amounts] : pod.main.resources) {
        if (!amounts.is_object()) continue;
        for (const auto& amount : amounts.get_object()) {
            const auto name = amount.key();
            if (name != "cpu" && name != "memory" && name != "ephemeral-storage") return false;
        }
    }
    return true;
}

}  // namespace

Task<Result<void>> Driver::prepare(FunctionSource source, Deadline deadline) {
    const auto ns = source.metadata.ns, name = source.metadata.name, hash = source.hash;
    if (stopping_)
        co_return Error(Errc::unavailable, "the daemon is shutting down; try again later", {},
                        "executor");
    if (const auto slot = present_slot(ns + "/" + name)) {
        std::lock_guard lock(slot->mutex);
        const bool same = slot->generation && slot->generation->source.hash == hash;
        const bool tried = same && slot->generation->runtime.workload;
        if (tried || (same && slot->core.instances() > 0)) co_return Result<void>();
    }
    {
        std::lock_guard lock(prepared_mutex_);
        if (const auto it = prepared_.find(hash); it != prepared_.end()) {
            it->second.expires = clock_.now() + kPreparedLife;
            co_return Result<void>();
        }
    }
    GenerationPtr generation;
    {
        std::lock_guard lock(resolve_mutex_);
        auto made = make_generation(std::move(source));
        if (!made) co_return made.error();
        generation = std::move(*made);
    }
    if (generation->runtime.workload)
        co_return co_await try_in_pool(std::move(generation->source), deadline);
    const auto limit =
        deadline.sooner(Deadline::after(generation->source.spec.specialization_timeout));
    const auto asked = clock_.now();
    auto claimed = co_await pools_.claim(generation->runtime, limit);
    if (!claimed) co_return claimed.error();
    auto loaded = co_await load_into(*claimed, generation, asked, limit);
    if (!loaded) co_return loaded.error();
    InstanceRecordPtr unwanted;
    {
        std::lock_guard lock(prepared_mutex_);
        const auto expires = clock_.now() + kPreparedLife;
        Prepared prepared{loaded->record, ns,     name, loaded->asked, loaded->claimed,
                          loaded->loaded, expires};
        std::lock_guard record_lock(loaded->record->mutex);
        if (loaded->record->end_reason)
            co_return Error(Errc::unavailable,
                            "the instance that loaded function " + ns + "/" + name +
                                " ended at once (" + *loaded->record->end_reason + ")",
                            {}, "instance");
        if (!prepared_.emplace(hash, std::move(prepared)).second) unwanted = loaded->record;
    }
    if (unwanted) stop_instance(unwanted);
    co_return Result<void>();
}

/// A replica of the function's own is not to be had in the time that a write may take, so its code
/// is tried in an instance of the environment's pool, which ends with that. What does not say
/// anything about the code is left to the replica's own start.
Task<Result<void>> Driver::try_in_pool(FunctionSource source, Deadline deadline) {
    const auto& pod = source.spec.pod;
    if (source.spec.executor_type == "container" || (pod && !fits_pool(*pod)))
        co_return Result<void>();
    const auto limit = deadline.sooner(Deadline::after(source.spec.specialization_timeout));
    source.spec.executor_type = "poolmgr";
    GenerationPtr generation;
    {
        std::lock_guard lock(resolve_mutex_);
        auto made = make_generation(std::move(source));
        if (!made) co_return made.error();
        generation = std::move(*made);
    }
    // Nobody's, should another daemon find it.
    generation->source.hash.clear();
    const auto asked = clock_.now();
    const auto start = limit.sooner(Deadline::after(kTrialStart));
    auto claimed = co_await pools_.claim(generation->runtime, start);
    if (!claimed) co_return Result<void>();
    auto loaded = co_await load_into(*claimed, generation, asked, limit);
    if (loaded) {
        stop_instance(loaded->record);
        co_return Result<void>();
    }
    const bool own_fault = loaded.error().code == Errc::function_failed;
    co_return own_fault ? Result<void>(loaded.error()) : Result<void>();
}

}  // namespace hearth::executor
