#include "backend/kube_backend.hpp"
#include "backend/kube_names.hpp"
#include "backend/kube_tasks.hpp"

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kRead{10};
constexpr std::chrono::seconds kFoundAnswer{10};
/// A node that lost its agent may have pods that serve as ever: so long a runner is asked before
/// its pod is given up.
constexpr std::chrono::seconds kExamine{5};
constexpr std::chrono::milliseconds kOneLook{1'000};
constexpr std::chrono::milliseconds kPause{200};

PodVerdict gone_verdict() {
    PodVerdict verdict;
    verdict.state = PodVerdict::State::over;
    verdict.cause = InstanceExit::Cause::stopped;
    verdict.why = "the pod was deleted";
    return verdict;
}

}  // namespace

void KubernetesBackend::on_news(const PodNews& news) {
    if (KubeBuilder::is_build(news.pod)) return builder_->on_news(news);
    switch (news.kind) {
        case PodNews::Kind::present:
            return on_present(news.pod);
        case PodNews::Kind::absent:
            return on_absent(news.pod, news.certain);
        case PodNews::Kind::synced: {
            {
                std::lock_guard lock(adoption_mutex_);
                if (std::exchange(synced_, true)) return;
            }
            spawn("limit the time of adoption", limit_adoption());
            workloads_->resume();
            return settle_adoption();
        }
    }
}

void KubernetesBackend::on_present(const PodView& pod) {
    auto entry = book_.find(pod.key());
    if (entry) {
        bool another = false;
        {
            std::lock_guard lock(entry->mutex);
            if (entry->uid.empty()) entry->uid = pod.uid;
            another = entry->uid != pod.uid;
        }
        if (!another) return take_news(entry, pod);
        on_absent(pod, true);
    }
    auto origin = origin_of(pod);
    if (!origin) return;
    if (const auto variables = pod.annotation(kube_names::kVariables); !variables.empty())
        secrets_.note_variables(origin->runtime_hash, pod.ns, variables);
    entry = book_.add(pod.ns, pod.name, std::move(*origin));
    {
        std::lock_guard lock(entry->mutex);
        entry->uid = pod.uid;
        entry->view = pod;
    }
    {
        std::lock_guard lock(adoption_mutex_);
        if (!synced_) adopting_.insert(entry->id);
        std::lock_guard entry_lock(entry->mutex);
        entry->adopted = !synced_;
    }
    spawn("look at a pod that was found", adopt(entry));
}

void KubernetesBackend::take_news(const PodEntryPtr& entry, const PodView& pod) {
    PodView before;
    Stage stage = Stage::starting;
    bool replaced = false;
    {
        std::lock_guard lock(entry->mutex);
        before = entry->view;
        stage = entry->stage;
        replaced =
            !before.name.empty() && stage != Stage::starting && !same_containers(before, pod);
        if (!replaced) entry->view = pod;
    }
    auto verdict = judge(pod);
    if (replaced) return restarted(entry, pod, std::move(verdict));
    const bool active = stage == Stage::held || stage == Stage::idle;
    if (verdict.state == PodVerdict::State::over && active) {
        const bool replica = !entry->origin.workload.empty();
        report_exit(entry, verdict);
        if (replica) {
            workloads_->lost(entry);
        } else if (!pod.deleting) {
            dispose(entry, 0);
        }
        return;
    }
    wake(*entry);
    if (stage == Stage::starting && !entry->origin.workload.empty() &&
        verdict.state == PodVerdict::State::addressed) {
        // One that failed before may have come to itself.
        std::lock_guard lock(entry->mutex);
        if (!entry->proving) spawn("look at a pod that was found", adopt(entry));
    }
    if (active && before.ready && !pod.ready) {
        {
            std::lock_guard lock(entry->mutex);
            if (std::exchange(entry->examined, true)) return;
        }
        spawn("ask a runner whether it answers", examine(entry));
    }
}

void KubernetesBackend::restarted(const PodEntryPtr& entry, const PodView& pod,
                                  PodVerdict verdict) {
    if (verdict.state != PodVerdict::State::over) {
        const auto& now = pod.environment;
        verdict.cause =
            now.last_was_oom ? InstanceExit::Cause::out_of_memory : InstanceExit::Cause::exited;
        verdict.code = now.last_exit_code;
        verdict.why = now.last_was_oom   ? "out of memory"
                      : now.restarts > 0 ? "a container of the pod was restarted"
                                         : "the pod has another address";
    }
    verdict.state = PodVerdict::State::over;
    report_exit(entry, verdict);
    if (entry->origin.workload.empty()) {
        if (!pod.deleting) dispose(entry, 0);
        return;
    }
    // The same pod is a new, generic replica, unless it is on its way out.
    book_.remove(*entry);
    workloads_->lost(entry);
    if (!pod.deleting) on_present(pod);
}

void KubernetesBackend::forget(const PodEntryPtr& entry) {
    {
        std::lock_guard lock(entry->mutex);
        entry->gone = true;
    }
    book_.remove(*entry);
    report_exit(entry, gone_verdict());
    wake(*entry);
    adoption_ended(entry);
}

void KubernetesBackend::on_absent(const PodView& pod, bool certain) {
    const auto entry = book_.find(pod.key());
    if (!entry) return;
    {
        std::lock_guard lock(entry->mutex);
        const bool own = entry->uid.empty() || pod.uid.empty() || entry->uid == pod.uid;
        if (!own && !certain) return;
    }
    if (!certain) {
        spawn("read whether a pod is gone", confirm_absent(entry));
        return;
    }
    const bool replica = !entry->origin.workload.empty();
    forget(entry);
    if (replica) workloads_->lost(entry);
}

/// A list that lacks a pod is no proof that it is gone.
Task<void> KubernetesBackend::confirm_absent(PodEntryPtr entry) {
    for (;;) {
        const auto limit = Deadline::after(kRead);
        auto there = co_await cluster_->read_pod(entry->ns, entry->name, limit);
        std::string uid;
        {
            std::lock_guard lock(entry->mutex);
            uid = entry->uid;
        }
        if (there) {
            if (there->has_value() && (*there)->uid == uid) co_return take_news(entry, **there);
            PodView pod;
            pod.ns = entry->ns;
            pod.name = entry->name;
            pod.uid = uid;
            co_return on_absent(pod, true);
        }
        const auto next = Deadline::after(kPause);
        if (!co_await pause_until(next)) co_return;
    }
}

Task<void> KubernetesBackend::adopt(PodEntryPtr entry) {
    if (!entry->origin.workload.empty()) {
        co_await workloads_->take_in(entry);
        adoption_ended(entry);
        co_return;
    }
    const bool starting = [&entry] {
        std::lock_guard lock(entry->mutex);
        return judge(entry->view).state == PodVerdict::State::starting;
    }();
    const auto limit = Deadline::after(starting ? options_.start_timeout
                                                : std::chrono::milliseconds(kFoundAnswer));
    // Nothing waits for a pod that is still being made.
    if (starting) adoption_ended(entry);
    auto state = co_await prove(entry, limit);
    if (state && options_.istio) {
        auto reached = co_await give_service(entry, limit);
        if (!reached) state = reached.error();
    }
    if (state && (state->state == "generic" || state->state == "loaded")) {
        report_found(entry, *state);
    } else if (!closing_) {
        const auto why = state ? "its runner says: " + state->state : state.error().message;
        log_.log(telemetry::Level::warn, "backend", "a pod that was found is of no use",
                 {{telemetry::kInstance, entry->key()}, {telemetry::kErr, why}});
        dispose(entry, 0);
    }
    adoption_ended(entry);
}

/// The kubelet or the node's controller says that it is not ready: its own runner knows better.
Task<void> KubernetesBackend::examine(PodEntryPtr entry) {
    const auto until = Deadline::after(kExamine);
    std::string why = "it is not ready";
    bool answers = false;
    while (!answers && !until.passed()) {
        auto runner = co_await runner_of(entry, until);
        if (!runner) break;
        const auto once = Deadline::after(kOneLook);
        auto state = co_await runner_state(std::move(*runner), std::chrono::milliseconds(0), once);
        std::lock_guard lock(entry->mutex);
        answers = state && state->pod_uid == entry->uid && state->environment_ready;
        if (!state) why = state.error().message;
        if (answers) break;
        const bool active = entry->stage == Stage::held || entry->stage == Stage::idle;
        if (!active) break;
    }
    bool active = false;
    {
        std::lock_guard lock(entry->mutex);
        entry->examined = false;
        active = entry->stage == Stage::held || entry->stage == Stage::idle;
    }
    if (answers || !active || closing_) co_return;
    PodVerdict verdict;
    verdict.state = PodVerdict::State::over;
    verdict.cause = InstanceExit::Cause::stopped;
    verdict.why = "the pod is not ready and its runner does not answer: " + why;
    report_exit(entry, verdict);
    if (!entry->origin.workload.empty()) workloads_->lost(entry);
    dispose(entry, 0);
}

void KubernetesBackend::adoption_ended(const PodEntryPtr& entry) {
    {
        std::lock_guard lock(adoption_mutex_);
        if (adopting_.erase(entry->id) == 0) return;
    }
    settle_adoption();
}

void KubernetesBackend::settle_adoption() {
    std::vector<std::shared_ptr<aio::OneShot<bool>>> waiters;
    {
        std::lock_guard lock(adoption_mutex_);
        if (!synced_ || !adopting_.empty() || adopted_) return;
        adopted_ = true;
        waiters.swap(adoption_waiters_);
    }
    for (const auto& waiter : waiters) waiter->deliver(true);
}

/// Pods whose runners do not answer must not keep the daemon from starting new ones. Without the
/// list nothing is known, and starts wait for it: pods made beside those that are there would
/// double the pools.
Task<void> KubernetesBackend::limit_adoption() {
    const auto limit = Deadline::after(options_.adopt_timeout);
    auto known = co_await wait_adopted(limit);
    const auto took = std::chrono::steady_clock::now() - watched_since_;
    metrics_.adoption_seconds.observe(std::chrono::duration<double>(took).count());
    if (known || closing_) co_return;
    {
        std::lock_guard lock(adoption_mutex_);
        adopting_.clear();
    }
    settle_adoption();
}

}  // namespace hearth::backend
