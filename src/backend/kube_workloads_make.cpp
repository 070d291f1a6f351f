#include "backend/kube_workloads.hpp"

#include <boost/json/object.hpp>

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kOneRequest{10};

}  // namespace

/// Called under the state's lock. True: the autoscaler has to follow.
bool Workloads::take_settings(State& state, const Runtime& runtime) const {
    const bool autoscaled = factory_.autoscaled(runtime);
    bool differs = !state.runtime || autoscaled != state.autoscaled;
    if (!differs && autoscaled)
        differs = factory_.autoscaler(runtime, {}) != factory_.autoscaler(*state.runtime, {});
    state.runtime = runtime;
    state.autoscaled = autoscaled;
    state.outdated = state.outdated || differs;
    return differs;
}

void Workloads::update(const Runtime& runtime) {
    if (!runtime.workload) return;
    StatePtr state;
    {
        std::lock_guard lock(mutex_);
        const auto known =
            states_.find(factory_.namespace_of(runtime) + "/" + factory_.workload_name(runtime));
        if (known == states_.end()) return;
        state = known->second;
    }
    {
        std::lock_guard lock(state->mutex);
        if (state->removed || !take_settings(*state, runtime)) return;
    }
    touch(state);
}

/// As the runtime says: made, changed or taken away.
Task<Result<void>> Workloads::form_autoscaler(StatePtr state, Runtime runtime) {
    {
        // What is changed meanwhile is another step.
        std::lock_guard lock(state->mutex);
        state->outdated = false;
    }
    const auto limit = Deadline::after(kOneRequest);
    Result<void> done;
    if (factory_.autoscaled(runtime)) {
        auto api = co_await cluster_.autoscaling_api(limit);
        Result<boost::json::object> applied = Error(Errc::internal, "not applied");
        if (api) {
            auto object = factory_.autoscaler(runtime, *api);
            applied = co_await cluster_.apply(ClusterKind::autoscaler, std::move(object), limit);
        }
        if (!api) done = api.error();
        if (api && !applied) done = applied.error();
    } else {
        done = co_await cluster_.remove(ClusterKind::autoscaler, state->ns, state->name, limit);
    }
    if (done.has_error()) {
        std::lock_guard lock(state->mutex);
        state->outdated = true;
    }
    co_return done;
}

Task<Result<void>> Workloads::ensure(StatePtr state, Runtime runtime) {
    const auto limit = Deadline::after(kOneRequest);
    auto token = co_await secrets_.token(state->ns, limit);
    if (!token) co_return token.error();
    auto kept = co_await secrets_.keep_variables(runtime, limit);
    if (!kept) co_return kept.error();
    auto there = co_await cluster_.read_workload(state->ns, state->name, limit);
    if (!there) co_return there.error();
    int replicas = 0;
    if (there->has_value()) {
        // Made by an earlier daemon, perhaps with another runner: its pods stay as they are.
        replicas = (*there)->replicas;
    } else {
        replicas = 1;
        auto object = factory_.deployment(runtime, replicas);
        if (!object) co_return object.error();
        auto applied = co_await cluster_.apply(ClusterKind::deployment, std::move(*object), limit);
        if (!applied) co_return applied.error();
        std::lock_guard lock(state->mutex);
        state->outdated = false;
    }
    if (there->has_value() || factory_.autoscaled(runtime)) {
        auto formed = co_await form_autoscaler(state, runtime);
        if (!formed) co_return formed.error();
    }
    if (options_.istio) {
        auto object = factory_.service(runtime);
        auto applied = co_await cluster_.apply(ClusterKind::service, std::move(object), limit);
        if (!applied) co_return applied.error();
        std::lock_guard lock(state->mutex);
        state->service = std::move(*applied);
    }
    std::lock_guard lock(state->mutex);
    state->ensured = true;
    state->replicas = replicas;
    co_return Result<void>();
}

}  // namespace hearth::backend
