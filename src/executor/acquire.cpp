#include "executor/driver.hpp"

namespace hearth::executor {
namespace {

/// How much of [from, to] lies after `since`.
std::chrono::nanoseconds overlap(TimePoint since, TimePoint from, TimePoint to) {
    const auto begin = std::max(since, from);
    return to > begin ? std::chrono::nanoseconds(to - begin) : std::chrono::nanoseconds(0);
}

}  // namespace

Lease Driver::try_acquire(const FunctionSlotPtr& slot) {
    const auto now = clock_.now();
    std::shared_ptr<Lease::Held> held;
    {
        std::lock_guard lock(slot->mutex);
        auto* place = slot->core.try_acquire(now);
        if (place == nullptr) return Lease();
        held = place->held;
    }
    metrics_.immediate.add();
    return Lease(std::move(held), LeaseTimings());
}

void Driver::release(Lease::Held& held, LeaseOutcome outcome) {
    if (held.attributed.exchange(false, std::memory_order_relaxed))
        backend_.attribute(held.record->instance.id, std::string_view());
    FunctionEffects fx;
    Work work;
    {
        std::lock_guard lock(held.slot->mutex);
        held.slot->core.release(held.record->instance.id, outcome, clock_.now(), fx);
        if (fx.empty()) return;
        work = collect(*held.slot, fx);
    }
    perform(held.slot, std::move(work), shards_.first().executor());
}

void Driver::attribute(const Lease& lease, std::string_view request_id) {
    auto* held = lease.held_.get();
    if (held == nullptr || !held->single) return;
    held->attributed.store(!request_id.empty(), std::memory_order_relaxed);
    backend_.attribute(held->record->instance.id, request_id);
}

Task<Result<Lease>> Driver::acquire(FunctionSlotPtr slot, Deadline deadline) {
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    if (!slot->resolved.load(std::memory_order_acquire)) {
        auto known = co_await resolved_with_settings(slot, deadline);
        if (known.has_error()) co_return known.error();
    }
    auto waiter = std::make_shared<Waiter>(executor);
    waiter->since = clock_.now();
    FunctionEffects fx;
    Work work;
    std::uint64_t number = 0;
    {
        std::lock_guard lock(slot->mutex);
        number = ++slot->next_waiter;
        // Known before it is enqueued, because it may be granted at once.
        slot->waiters.emplace(number, waiter);
        if (auto refused = slot->core.enqueue(number, deadline.at(), waiter->since, fx)) {
            slot->waiters.erase(number);
            metrics_.refused.add();
            co_return std::move(*refused);
        }
        work = collect(*slot, fx);
    }
    perform(slot, std::move(work), executor);
    auto answer = co_await waiter->answer->wait(deadline);
    if (answer) {
        if (answer->has_value())
            metrics_.waited.add();
        else
            metrics_.refused.add();
        co_return std::move(*answer);
    }
    std::size_t starting = 0;
    {
        std::lock_guard lock(slot->mutex);
        slot->core.cancel(number);
        slot->waiters.erase(number);
        starting = slot->core.starting();
    }
    metrics_.timeout.add();
    if (!deadline.passed())
        co_return Error(Errc::cancelled,
                        "the request was cancelled while it waited for an instance", {},
                        "executor");
    const auto name = slot->ns + "/" + slot->name;
    co_return Error(
        Errc::deadline_exceeded,
        starting > 0
            ? "function " + name + " was still being started when the request's deadline passed"
            : "no instance of function " + name + " became free before the request's deadline",
        {}, "executor");
}

Driver::Work Driver::collect(FunctionSlot& slot, FunctionEffects& fx) {
    Work work;
    for (auto& grant : fx.grants) {
        const auto it = slot.waiters.find(grant.waiter);
        const auto timings = timings_of(*it->second, *grant.held, grant.fresh);
        if (grant.fresh && slot.generation)
            slot.generation->metrics->queue.observe(
                std::chrono::duration<double>(timings.queue).count());
        work.answers.push_back({std::move(it->second), Lease(std::move(grant.held), timings)});
        slot.waiters.erase(it);
    }
    for (auto& refusal : fx.refusals) {
        const auto it = slot.waiters.find(refusal.waiter);
        work.answers.push_back({std::move(it->second), std::move(refusal.error)});
        slot.waiters.erase(it);
    }
    for (const auto& start : fx.starts) work.starts.emplace_back(start.ticket, slot.generation);
    for (auto& stop : fx.stops)
        if (stop.held) work.stops.push_back(stop.held->record);
    return work;
}

void Driver::perform(const FunctionSlotPtr& slot, Work work, aio::Executor executor) {
    for (auto& [ticket, generation] : work.starts)
        tasks_.spawn(home(executor), "cold start", provide(slot, ticket, generation));
    // A waiter that went away in the meantime leaves its lease here; dropping it gives the place to
    // the next one.
    for (auto& answer : work.answers) answer.waiter->answer->deliver(std::move(answer.lease));
    for (const auto& record : work.stops) stop_instance(record);
}

LeaseTimings Driver::timings_of(const Waiter& waiter, const Lease::Held& held, bool fresh) const {
    LeaseTimings timings;
    const auto total = std::chrono::nanoseconds(clock_.now() - waiter.since);
    if (fresh) {
        timings.start = overlap(waiter.since, held.asked, held.claimed);
        timings.load = overlap(waiter.since, held.claimed, held.loaded);
        timings.cold = true;
    }
    timings.queue = std::max(std::chrono::nanoseconds(0), total - timings.start - timings.load);
    return timings;
}

}  // namespace hearth::executor
