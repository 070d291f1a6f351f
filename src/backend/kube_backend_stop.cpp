#include "backend/kube_backend.hpp"
#include "backend/kube_tasks.hpp"

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kOneRequest{10};
constexpr std::chrono::seconds kBeyondGrace{30};
constexpr std::chrono::milliseconds kFirstPause{200}, kLongestPause{30'000};

std::int64_t whole_seconds(std::chrono::milliseconds time) {
    return std::max<std::int64_t>(0, (time.count() + 999) / 1000);
}

}  // namespace

Task<void> KubernetesBackend::stop(std::uint64_t id, std::chrono::milliseconds grace) {
    const auto entry = book_.find(id);
    if (!entry || closing_) co_return;
    const auto limit = Deadline::after(grace + kBeyondGrace);
    if (!entry->origin.workload.empty()) {
        const bool kept = co_await workloads_->give_back(entry, limit);
        if (kept) co_return;
    }
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage == Stage::over) co_return;
        entry->stage = Stage::stopping;
    }
    auto deleted = co_await delete_now(entry, whole_seconds(grace), limit);
    if (!deleted) dispose(entry, whole_seconds(grace));
    co_await wait_gone(entry, limit);
    PodVerdict verdict;
    verdict.cause = InstanceExit::Cause::stopped;
    report_exit(entry, verdict);
}

Task<void> KubernetesBackend::wait_gone(PodEntryPtr entry, Deadline deadline) {
    const auto executor = co_await aio::net::this_coro::executor;
    for (;;) {
        const auto waiter = register_waiter(*entry, executor);
        {
            std::lock_guard lock(entry->mutex);
            if (entry->gone) co_return;
        }
        const auto woken = co_await waiter->wait(deadline);
        if (!woken) co_return;
    }
}

Task<Result<void>> KubernetesBackend::delete_now(PodEntryPtr entry, std::int64_t grace_seconds,
                                                 Deadline deadline) {
    std::string uid;
    {
        std::lock_guard lock(entry->mutex);
        if (entry->gone) co_return Result<void>();
        uid = entry->uid;
    }
    if (uid.empty()) co_return Error(Errc::unavailable, "its creation was not answered");
    // The uid in the order is what an uncached read would compare: another pod of this name is left
    // alone.
    const auto once = deadline.sooner(Deadline::after(kOneRequest));
    co_return co_await cluster_->delete_pod(entry->ns, entry->name, std::move(uid), grace_seconds,
                                            once);
}

void KubernetesBackend::dispose(const PodEntryPtr& entry, std::int64_t grace_seconds) {
    if (closing_) return;
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage != Stage::stopping) entry->stage = Stage::over;
    }
    wake(*entry);
    metrics_.disposed.add();
    spawn("delete a pod", run_dispose(entry, grace_seconds));
}

Task<void> KubernetesBackend::run_dispose(PodEntryPtr entry, std::int64_t grace_seconds) {
    auto pause = kFirstPause;
    for (;;) {
        const auto limit = Deadline::after(kOneRequest);
        auto there = co_await cluster_->read_pod(entry->ns, entry->name, limit);
        if (there && there->has_value()) {
            std::string uid = (*there)->uid;
            {
                std::lock_guard lock(entry->mutex);
                if (entry->uid.empty()) entry->uid = uid;
                uid = entry->uid;
            }
            if ((*there)->uid != uid) co_return forget(entry);
            if ((*there)->deleting) co_return;
            auto deleted =
                co_await cluster_->delete_pod(entry->ns, entry->name, uid, grace_seconds, limit);
            if (deleted) co_return;
        } else if (there) {
            co_return forget(entry);
        }
        const auto next = Deadline::after(pause);
        if (!co_await pause_until(next)) co_return;
        pause = std::min(pause * 2, kLongestPause);
    }
}

void KubernetesBackend::retire(const std::string& runtime_hash) {
    if (closing_) return;
    workloads_->retire(runtime_hash);
    const auto drop = [](KubernetesBackend& self, std::string hash) -> Task<void> {
        const auto limit = Deadline::after(kOneRequest);
        auto dropped = co_await self.secrets_.drop_variables(hash, limit);
        if (!dropped)
            self.log_.log(telemetry::Level::warn, "backend",
                          "the Secret of a retired runtime's variables stays behind",
                          {{telemetry::kErr, dropped.error().message}});
    };
    spawn("drop a runtime's variables", drop(*this, runtime_hash));
}

void KubernetesBackend::update(const Runtime& runtime) {
    if (!closing_) workloads_->update(runtime);
}

}  // namespace hearth::backend
