#include "backend/kube_workloads.hpp"

#include <boost/json/object.hpp>

#include <fmt/format.h>

#include "backend/kube_tasks.hpp"

#include <algorithm>

namespace hearth::backend {
namespace {

using Stage = PodEntry::Stage;

constexpr std::chrono::seconds kOneRequest{10};
constexpr std::chrono::seconds kSettle{20}, kShrinkWait{15};
constexpr std::chrono::milliseconds kFirstPause{100}, kLongestPause{5'000};
constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";

/// Errors that the same request meets again: nobody need wait for another try.
bool lasting(Errc code) {
    return code != Errc::unavailable && code != Errc::deadline_exceeded && code != Errc::io &&
           code != Errc::conflict;
}

}  // namespace

int wanted_replicas(const ScaleInput& input) {
    const int wanted = input.held + input.pending;
    if (!input.autoscaled) return wanted;
    return wanted == 0 ? 0 : std::max(1, input.replicas);
}

Workloads::Workloads(const KubernetesBackendOptions& options, const PodFactory& factory,
                     Cluster& cluster, Secrets& secrets, PodBook& book, telemetry::Logger& log,
                     Hooks hooks)
    : options_(options),
      factory_(factory),
      cluster_(cluster),
      secrets_(secrets),
      book_(book),
      log_(log),
      hooks_(std::move(hooks)) {}

/// Of a pod that an earlier daemon's Deployment has: nothing is known of it but its name.
Workloads::StatePtr Workloads::state_of(const PodEntry& entry) {
    std::lock_guard lock(mutex_);
    auto& known = states_[entry.ns + "/" + entry.origin.workload];
    if (!known) {
        known = std::make_shared<State>();
        known->ns = entry.ns;
        known->name = entry.origin.workload;
        known->hash = entry.origin.runtime_hash;
    }
    return known;
}

Workloads::StatePtr Workloads::state_of(const Runtime& runtime) {
    const auto ns = factory_.namespace_of(runtime), name = factory_.workload_name(runtime);
    StatePtr state;
    {
        std::lock_guard lock(mutex_);
        auto& known = states_[ns + "/" + name];
        if (!known || known->removed) {
            known = std::make_shared<State>();
            known->ns = ns;
            known->name = name;
            known->hash = runtime.hash;
        }
        state = known;
    }
    std::lock_guard lock(state->mutex);
    state->retired = false;
    take_settings(*state, runtime);
    return state;
}

int Workloads::count(const State& state, Stage stage) const {
    int n = 0;
    for (const auto& entry : book_.of_workload(state.ns, state.name)) {
        std::lock_guard lock(entry->mutex);
        n += entry->stage == stage ? 1 : 0;
    }
    return n;
}

PodEntryPtr Workloads::take_idle(const State& state) const {
    for (const auto& entry : book_.of_workload(state.ns, state.name)) {
        std::lock_guard lock(entry->mutex);
        if (entry->stage != Stage::idle || entry->stale) continue;
        entry->stage = Stage::held;
        entry->refused = false;
        return entry;
    }
    return nullptr;
}

Task<Result<Instance>> Workloads::start(Runtime runtime, Deadline deadline) {
    const auto state = state_of(runtime);
    PodEntryPtr entry = take_idle(*state);
    if (!entry) {
        if (book_.size() >= options_.max_pods)
            co_return Error(
                Errc::exhausted,
                fmt::format("there are {} pods, which is the most this installation may "
                            "have (kubernetes.limits.maxPods)",
                            options_.max_pods),
                {}, "backend");
        auto given = co_await wait_for_one(state, deadline);
        if (!given) co_return given.error();
        entry = std::move(*given);
    }
    auto reached = co_await serve_by_service(state, entry, deadline);
    if (!reached) {
        {
            std::lock_guard lock(entry->mutex);
            if (entry->stage == Stage::held) entry->stage = Stage::idle;
        }
        touch(state);
        co_return reached.error();
    }
    co_return hooks_.describe(*entry);
}

Task<Result<PodEntryPtr>> Workloads::wait_for_one(StatePtr state, Deadline deadline) {
    const auto executor = co_await aio::net::this_coro::executor;
    auto waiter = std::make_shared<Waiter>(executor);
    {
        std::lock_guard lock(state->mutex);
        state->waiters.push_back(waiter);
    }
    touch(state);
    auto given = co_await waiter->wait(deadline);
    if (given) co_return std::move(*given);
    std::string trouble;
    bool autoscaled = false;
    {
        std::lock_guard lock(state->mutex);
        std::erase(state->waiters, waiter);
        trouble = state->trouble;
        autoscaled = state->autoscaled;
    }
    touch(state);
    if (!deadline.passed()) co_return Error(Errc::cancelled, "the start was cancelled");
    for (const auto& entry : book_.of_workload(state->ns, state->name)) {
        std::lock_guard lock(entry->mutex);
        if (trouble.empty() && entry->stage == Stage::starting)
            trouble = "pod " + entry->key() + ": " + waiting_for(entry->view);
    }
    if (trouble.empty() && autoscaled) trouble = "its HorizontalPodAutoscaler added none";
    co_return Error(Errc::deadline_exceeded,
                    fmt::format("no replica of Deployment {}/{} was ready in time{}{}", state->ns,
                                state->name, trouble.empty() ? "" : ": ", trouble),
                    {}, "kubernetes");
}

bool Workloads::offer(const StatePtr& state, const PodEntryPtr& entry) {
    for (;;) {
        std::shared_ptr<Waiter> waiter;
        {
            std::lock_guard lock(state->mutex);
            if (state->waiters.empty()) return false;
            waiter = std::move(state->waiters.front());
            state->waiters.pop_front();
            std::lock_guard entry_lock(entry->mutex);
            if (entry->stage != Stage::starting && entry->stage != Stage::idle) return true;
            entry->stage = Stage::held;
        }
        if (waiter->deliver(entry)) return true;
        std::lock_guard entry_lock(entry->mutex);
        if (entry->stage == Stage::held) entry->stage = Stage::idle;
    }
}

Task<void> Workloads::take_in(PodEntryPtr entry) {
    const auto limit = Deadline::after(options_.start_timeout);
    {
        std::lock_guard lock(entry->mutex);
        if (std::exchange(entry->proving, true)) co_return;
    }
    auto proven = co_await hooks_.prove(entry, limit);
    {
        std::lock_guard lock(entry->mutex);
        entry->proving = false;
    }
    const auto state = state_of(*entry);
    if (!proven) {
        const auto code = proven.error().code;
        if (code != Errc::cancelled && code != Errc::deadline_exceeded)
            fail_waiters(state, proven.error());
        co_return;
    }
    const bool has_code = proven->state == "loaded";
    if (proven->state == "failed" || proven->state == "loading") {
        // Nothing can be put into it any more; its Deployment makes another.
        std::string uid;
        {
            std::lock_guard lock(entry->mutex);
            entry->stage = Stage::over;
            uid = entry->uid;
        }
        const auto once = Deadline::after(kOneRequest);
        co_await cluster_.delete_pod(entry->ns, entry->name, std::move(uid), 0, once);
        co_return;
    }
    if (!has_code && offer(state, entry)) co_return;
    bool unasked = false;
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage == Stage::starting) entry->stage = Stage::idle;
        unasked = entry->adopted && (has_code || entry->origin.container);
    }
    // What an autoscaler adds is there to be used; a spare one of ours goes with the next scaling.
    if (!unasked) {
        std::lock_guard lock(state->mutex);
        unasked = state->autoscaled;
    }
    if (unasked) {
        co_await serve_by_service(state, entry, limit);
        co_return hooks_.found(entry, *proven);
    }
    touch(state);
}

Task<bool> Workloads::give_back(PodEntryPtr entry, Deadline deadline) {
    const auto state = state_of(*entry);
    bool stale = false;
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage == Stage::over) co_return true;
        entry->stage = Stage::stopping;
        stale = entry->stale;
    }
    bool keep = false;
    {
        const int held = count(*state, Stage::held);
        std::lock_guard lock(state->mutex);
        keep =
            state->autoscaled && !stale && (held > 0 || !state->waiters.empty()) && !state->retired;
    }
    if (keep) {
        std::lock_guard lock(entry->mutex);
        entry->stage = Stage::idle;
        entry->refused = true;
        co_return true;
    }
    co_await mark_for_removal(entry);
    touch(state);
    const auto limit = deadline.sooner(Deadline::after(kSettle));
    co_await settle(state, limit);
    co_return false;
}

/// So that the controller takes this pod away rather than another one.
Task<void> Workloads::mark_for_removal(PodEntryPtr entry) {
    boost::json::object annotations, metadata, patch;
    annotations[kDeletionCost] = "-1000";
    {
        std::lock_guard lock(entry->mutex);
        metadata["uid"] = entry->uid;
    }
    metadata["annotations"] = std::move(annotations);
    patch["metadata"] = std::move(metadata);
    const auto limit = Deadline::after(kOneRequest);
    co_await cluster_.patch_pod(entry->ns, entry->name, std::move(patch), limit);
}

void Workloads::lost(const PodEntryPtr& entry) {
    touch(state_of(*entry));
}

void Workloads::fail_waiters(const StatePtr& state, const Error& error) {
    std::deque<std::shared_ptr<Waiter>> waiters;
    {
        std::lock_guard lock(state->mutex);
        waiters.swap(state->waiters);
    }
    for (const auto& waiter : waiters) waiter->deliver(error);
    touch(state);
}

Task<void> Workloads::settle(StatePtr state, Deadline deadline) {
    const auto executor = co_await aio::net::this_coro::executor;
    auto waiter = std::make_shared<aio::OneShot<bool>>(executor);
    {
        std::lock_guard lock(state->mutex);
        if (!state->running && !state->dirty) co_return;
        state->settled.push_back(waiter);
    }
    co_await waiter->wait(deadline);
}

void Workloads::touch(const StatePtr& state) {
    {
        std::lock_guard lock(state->mutex);
        state->dirty = true;
        if (state->running || state->removed) return;
        state->running = true;
    }
    hooks_.spawn("scale a workload", reconcile(state));
}

Task<void> Workloads::reconcile(StatePtr state) {
    auto pause = kFirstPause;
    for (;;) {
        {
            std::lock_guard lock(state->mutex);
            state->dirty = false;
        }
        auto done = co_await step(state);
        std::vector<std::shared_ptr<aio::OneShot<bool>>> settled;
        bool again = !done;
        {
            std::lock_guard lock(state->mutex);
            state->trouble = done ? "" : done.error().message;
            if (done) {
                again = state->dirty;
                pause = kFirstPause;
            }
            if (!again) state->running = false;
            if (!again) settled.swap(state->settled);
        }
        for (const auto& waiter : settled) waiter->deliver(true);
        if (!again) co_return;
        if (done) continue;
        if (done.error().code == Errc::cancelled) co_return;
        if (lasting(done.error().code)) {
            log_.log(telemetry::Level::warn, "backend", "a workload cannot be scaled",
                     {{"workload", state->ns + "/" + state->name},
                      {telemetry::kErr, done.error().message}});
            fail_waiters(state, done.error());
        }
        const bool soon = done.error().code == Errc::conflict;
        const auto next = Deadline::after(soon ? kFirstPause : pause);
        if (!co_await pause_until(next)) co_return;
        if (!soon) pause = std::min(pause * 2, kLongestPause);
    }
}

Task<Result<void>> Workloads::step(StatePtr state) {
    ScaleInput input;
    input.held = count(*state, Stage::held);
    std::optional<Runtime> runtime;
    bool ensured = false, retired = false, outdated = false;
    {
        std::lock_guard lock(state->mutex);
        input.pending = static_cast<int>(state->waiters.size());
        input.autoscaled = state->autoscaled;
        input.replicas = state->replicas;
        ensured = state->ensured;
        retired = state->retired;
        outdated = state->outdated;
        runtime = state->runtime;
    }
    const bool known = runtime.has_value();
    if (retired && input.held + input.pending == 0) co_return co_await remove_all(state);
    if (!ensured && runtime) {
        if (input.held + input.pending == 0) co_return Result<void>();
        auto made = co_await ensure(state, std::move(*runtime));
        if (!made) co_return made.error();
        std::lock_guard lock(state->mutex);
        input.replicas = state->replicas;
    }
    const bool reformed = ensured && outdated && known;
    if (reformed) {
        auto formed = co_await form_autoscaler(state, std::move(*runtime));
        if (!formed) co_return formed.error();
    }
    const auto limit = Deadline::after(kOneRequest);
    if ((input.autoscaled && ensured) || reformed || (!ensured && !known)) {
        auto there = co_await cluster_.read_workload(state->ns, state->name, limit);
        if (!there) co_return there.error();
        if (!there->has_value() && !known) co_return Result<void>();
        if (there->has_value()) input.replicas = (*there)->replicas;
    }
    co_return co_await resize(state, input);
}

/// The controller takes away what is not ready before what is marked: a smaller scale while a held
/// replica's readiness is not known yet would take that one.
bool Workloads::calm(const State& state) const {
    for (const auto& entry : book_.of_workload(state.ns, state.name)) {
        std::lock_guard lock(entry->mutex);
        if (entry->stage == Stage::held && !entry->view.ready) return false;
    }
    return true;
}

Task<void> Workloads::mark_spare(const State& state) {
    std::vector<PodEntryPtr> spare;
    for (const auto& entry : book_.of_workload(state.ns, state.name)) {
        std::lock_guard lock(entry->mutex);
        if (entry->stage != Stage::idle) continue;
        // Nobody takes it between its mark and the new scale.
        entry->stage = Stage::over;
        spare.push_back(entry);
    }
    for (const auto& entry : spare) co_await mark_for_removal(entry);
}

Task<Result<void>> Workloads::resize(StatePtr state, ScaleInput input) {
    const int wanted = wanted_replicas(input);
    {
        std::lock_guard lock(state->mutex);
        if (wanted >= input.replicas) {
            state->shrink_at.reset();
        } else if (!state->shrink_at) {
            state->shrink_at = Deadline::after(kShrinkWait);
        }
    }
    if (wanted == input.replicas) co_return Result<void>();
    if (wanted > 0 && wanted < input.replicas) {
        bool wait = input.pending > 0 || !calm(*state);
        {
            std::lock_guard lock(state->mutex);
            wait = wait && !state->shrink_at->passed();
        }
        if (wait) co_return Error(Errc::conflict, "it waits for its replicas to be ready");
        co_await mark_spare(*state);
    }
    const auto limit = Deadline::after(kOneRequest);
    auto scaled = co_await cluster_.scale(state->ns, state->name, wanted, limit);
    std::lock_guard lock(state->mutex);
    if (scaled) state->replicas = wanted;
    if (!scaled && scaled.error().code == Errc::not_found) {
        // Somebody deleted it: made anew when it is wanted.
        state->ensured = false;
        state->replicas = 0;
        if (wanted > 0)
            co_return Error(Errc::unavailable, "its Deployment was deleted", {}, "kubernetes");
        co_return Result<void>();
    }
    co_return scaled;
}

}  // namespace hearth::backend
