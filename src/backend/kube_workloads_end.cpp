#include "backend/kube_workloads.hpp"

#include "backend/kube_tasks.hpp"

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kOneRequest{10};
constexpr std::chrono::minutes kUnclaimed{10};
constexpr std::chrono::seconds kRetry{5};

}  // namespace

Task<Result<void>> Workloads::remove_all(StatePtr state) {
    const auto limit = Deadline::after(kOneRequest);
    for (const auto kind :
         {ClusterKind::autoscaler, ClusterKind::service, ClusterKind::deployment}) {
        if (kind == ClusterKind::service && !options_.istio) continue;
        auto removed = co_await cluster_.remove(kind, state->ns, state->name, limit);
        if (!removed) co_return removed.error();
    }
    std::lock_guard lock(mutex_);
    std::lock_guard state_lock(state->mutex);
    state->ensured = false;
    state->replicas = 0;
    if (!state->retired) co_return Result<void>();
    state->removed = true;
    const auto it = states_.find(state->ns + "/" + state->name);
    if (it != states_.end() && it->second == state) states_.erase(it);
    co_return Result<void>();
}

/// With a mesh. The Service of an earlier daemon's Deployment is read once.
Task<Result<void>> Workloads::serve_by_service(StatePtr state, PodEntryPtr entry,
                                               Deadline deadline) {
    if (!options_.istio) co_return Result<void>();
    boost::json::object service;
    {
        std::lock_guard lock(state->mutex);
        service = state->service;
    }
    if (service.empty()) {
        const auto limit = deadline.sooner(Deadline::after(kOneRequest));
        auto there = co_await cluster_.read_service(state->ns, state->name, limit);
        if (!there) co_return there.error();
        // An earlier daemon without a mesh made none; its pods have no sidecar either.
        if (!there->has_value()) co_return Result<void>();
        service = **there;
        std::lock_guard lock(state->mutex);
        state->service = service;
    }
    hooks_.served_by(*entry, state->name, service);
    // A replica that takes code is not ready before it has it.
    if (!entry->origin.container) co_return Result<void>();
    co_return co_await hooks_.reach(entry, deadline);
}

void Workloads::retire(const std::string& runtime_hash) {
    std::vector<StatePtr> retired;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [key, state] : states_)
            if (state->hash == runtime_hash) retired.push_back(state);
    }
    for (const auto& state : retired) {
        {
            std::lock_guard lock(state->mutex);
            state->retired = true;
        }
        touch(state);
    }
}

void Workloads::resume() {
    hooks_.spawn("read the Deployments of earlier daemons", read_earlier());
}

Task<void> Workloads::read_earlier() {
    Result<std::map<std::string, std::string>> listed = Error(Errc::internal, "not listed");
    for (;;) {
        const auto limit = Deadline::after(kOneRequest);
        listed = co_await cluster_.list_workloads(limit);
        if (listed || listed.error().code == Errc::forbidden) break;
        const auto next = Deadline::after(kRetry);
        if (!co_await pause_until(next)) co_return;
    }
    if (!listed) co_return;
    std::vector<StatePtr> earlier;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [key, hash] : *listed) {
            auto& known = states_[key];
            if (known) continue;
            known = std::make_shared<State>();
            const auto slash = key.find('/');
            known->ns = key.substr(0, slash);
            known->name = key.substr(slash + 1);
            known->hash = hash;
            earlier.push_back(known);
        }
    }
    if (earlier.empty()) co_return;
    const auto later = Deadline::after(kUnclaimed);
    if (!co_await pause_until(later)) co_return;
    // A function that is still there makes its Deployment anew when it is called.
    for (const auto& state : earlier) {
        bool unclaimed = false;
        {
            std::lock_guard lock(state->mutex);
            unclaimed = !state->runtime && !state->removed;
        }
        if (!unclaimed || count(*state, PodEntry::Stage::held) > 0) continue;
        {
            std::lock_guard lock(state->mutex);
            state->retired = true;
        }
        touch(state);
    }
}

}  // namespace hearth::backend
