#include <algorithm>
#include <thread>

#include "executor/driver.hpp"

namespace hearth::executor {
namespace {

/// So many loads of one function begin at once. How often a start beyond them, or beyond the warm
/// instances, looks whether those that load, and then serve, make it superfluous, and how long at
/// most. A fork costs the processors that serve the same burst several milliseconds: on two cores
/// ten calls of a quick function take twice as long with seven forks.
const int kLoadsAtOnce = std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
constexpr std::chrono::milliseconds kLook{3};
constexpr std::chrono::milliseconds kLongestLook{25};

std::string qualified(const Generation& generation) {
    return model::qualified(generation.source.metadata);
}

double seconds(TimePoint from, TimePoint to) {
    return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Task<void> Driver::provide(FunctionSlotPtr slot, std::uint64_t ticket, GenerationPtr generation) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    const auto limit = Deadline::after(generation->source.spec.specialization_timeout);
    const auto asked = clock_.now();
    auto record = co_await claim_for(slot, ticket, generation, limit);
    if (record.has_value() && *record == nullptr) co_return;  // nobody needs it any more
    Result<Loaded> loaded = record ? Result<Loaded>(Loaded{}) : Result<Loaded>(record.error());
    if (record) loaded = co_await load_into(*record, generation, asked, limit);
    FunctionEffects fx;
    Work work;
    {
        std::lock_guard lock(slot->mutex);
        const auto now = clock_.now();
        if (record) --slot->loading;
        if (loaded) {
            const auto id = loaded->record->instance.id;
            slot->core.loaded(ticket, id, hold(slot, *generation, *loaded), now, fx);
            std::lock_guard record_lock(loaded->record->mutex);
            // It may have died before it became the function's, when its exit could not be told to
            // the core.
            loaded->record->slot = slot;
            if (loaded->record->end_reason) slot->core.died(id, now, fx);
        } else {
            slot->core.start_failed(ticket, loaded.error(), now, fx);
        }
        work = collect(*slot, fx);
    }
    perform(slot, std::move(work), executor);
}

std::shared_ptr<Lease::Held> Driver::hold(const FunctionSlotPtr& slot, const Generation& generation,
                                          const Loaded& loaded) {
    auto held = std::make_shared<Lease::Held>();
    held->driver = this;
    held->slot = slot;
    held->record = loaded.record;
    held->function = generation.info;
    held->upstream.id = loaded.record->instance.id;
    held->upstream.endpoint = loaded.record->instance.endpoint;
    held->upstream.host = loaded.record->instance.host;
    held->single = generation.source.spec.requests_per_pod <= 1 || generation.source.spec.once_only;
    held->asked = loaded.asked;
    held->claimed = loaded.claimed;
    held->loaded = loaded.loaded;
    return held;
}

bool Driver::withdrawn(const FunctionSlotPtr& slot, std::uint64_t ticket) {
    std::lock_guard lock(slot->mutex);
    return slot->core.withdraw(ticket);
}

/// Holds a start back while the function's queue gets shorter without it. False: it is withdrawn.
Task<bool> Driver::worth_it(FunctionSlotPtr slot, std::uint64_t ticket) {
    const auto last = Deadline::after(kLongestLook);
    std::size_t waiting = 0;
    {
        std::lock_guard lock(slot->mutex);
        if (slot->loading == 0 && slot->core.instances() == 0) co_return true;
        waiting = slot->core.waiting();
    }
    for (;;) {
        const auto next = Deadline::after(kLook);
        const bool slept = co_await aio::sleep_until(next);
        std::lock_guard lock(slot->mutex);
        if (slot->core.withdraw(ticket)) co_return false;
        const auto before = std::exchange(waiting, slot->core.waiting());
        if (!slept || last.passed() || (slot->loading == 0 && waiting >= before)) co_return true;
    }
}

/// A generic instance for the start; null when the start has become superfluous.
Task<Result<InstanceRecordPtr>> Driver::claim_for(FunctionSlotPtr slot, std::uint64_t ticket,
                                                  GenerationPtr generation, Deadline deadline) {
    InstanceRecordPtr record;
    bool room = false;
    {
        // Loading is work for the processors, which more loads than there are of them only slow
        // down.
        std::lock_guard lock(slot->mutex);
        room = slot->loading < kLoadsAtOnce;
    }
    if (room) record = pools_.claim_warm(generation->runtime);
    if (!record) {
        if (!co_await worth_it(slot, ticket)) co_return InstanceRecordPtr();
        co_await pools_.wait_for_stock(deadline);
        if (withdrawn(slot, ticket)) co_return InstanceRecordPtr();
        auto claimed = co_await pools_.claim(generation->runtime, deadline);
        if (!claimed) co_return claimed.error();
        record = std::move(*claimed);
        if (withdrawn(slot, ticket)) {
            pools_.give_back(record);
            co_return InstanceRecordPtr();
        }
    }
    std::lock_guard lock(slot->mutex);
    ++slot->loading;
    co_return record;
}

Task<Result<Driver::Loaded>> Driver::load_into(InstanceRecordPtr record, GenerationPtr generation,
                                               TimePoint asked, Deadline deadline) {
    Loaded loaded;
    loaded.asked = asked;
    loaded.record = std::move(record);
    loaded.claimed = clock_.now();
    const auto& workload = generation->runtime.workload;
    if (workload && workload->kind == backend::Workload::Kind::container) {
        // It serves as it starts.
        loaded.loaded = loaded.claimed;
        co_return loaded;
    }
    auto path = co_await code_path(generation);
    if (!path) {
        stop_instance(loaded.record);
        co_return path.error();
    }
    const auto& source = generation->source;
    backend::LoadRequest request;
    request.code_path = std::move(*path);
    request.digest = source.digest;
    request.identity = source.hash;
    request.function_name = source.spec.function_name;
    request.function = source.metadata;
    if (generation->env_at_load) request.env = source.env;
    request.secret_files = source.secret_files;
    request.config_files = source.config_files;
    request.limits = source.spec.limits;
    auto done = co_await backend_.load(loaded.record->instance.id, std::move(request), deadline);
    if (done.has_error()) {
        stop_instance(loaded.record);
        generation->metrics->load_failures.add();
        auto error = load_error(*generation, *loaded.record, done.error());
        telemetry::LogEntry entry;
        entry.time = clock_.wall();
        entry.stream = telemetry::LogEntry::Stream::platform;
        entry.instance = loaded.record->instance.name;
        entry.message = error.detail.empty() ? error.message : error.message + "\n" + error.detail;
        function_log_.append(source.metadata.ns, source.metadata.name, std::move(entry));
        co_return error;
    }
    loaded.loaded = clock_.now();
    generation->metrics->start.observe(seconds(loaded.asked, loaded.claimed));
    generation->metrics->load.observe(seconds(loaded.claimed, loaded.loaded));
    co_return loaded;
}

Error Driver::load_error(const Generation& generation, const InstanceRecord& record,
                         const Error& error) const {
    const auto name = qualified(generation);
    if (error.code == Errc::function_failed)
        return Error(Errc::function_failed, "function " + name + " does not load: " + error.message,
                     error.detail, "function");
    if (error.code == Errc::deadline_exceeded)
        return Error(
            Errc::function_failed,
            "function " + name + " did not finish loading within its specializationTimeout of " +
                std::to_string(generation.source.spec.specialization_timeout.count() / 1000) + " s",
            error.detail, "function");
    std::string why = error.message;
    {
        std::lock_guard lock(record.mutex);
        if (record.end_reason) why += " (" + *record.end_reason + ")";
    }
    return Error(error.code == Errc::exhausted ? Errc::exhausted : Errc::unavailable,
                 "the code of function " + name + " could not be put into an instance: " + why,
                 error.detail, "instance");
}

Task<Result<std::string>> Driver::code_path(GenerationPtr generation) {
    {
        std::lock_guard lock(generation->mutex);
        if (!generation->code_path.empty()) co_return generation->code_path;
    }
    const std::string digest = generation->source.digest;
    auto path = archives_.unpacked_now(digest);
    if (path.empty()) {
        auto unpacked = co_await archives_.unpacked(digest);
        if (!unpacked) {
            const auto& error = unpacked.error();
            co_return Error(Errc::unavailable,
                            "the package of function " + qualified(*generation) +
                                " cannot be unpacked: " + error.message,
                            error.detail, "executor");
        }
        path = std::move(*unpacked);
    }
    std::lock_guard lock(generation->mutex);
    generation->code_path = path.string();
    co_return generation->code_path;
}

}  // namespace hearth::executor
