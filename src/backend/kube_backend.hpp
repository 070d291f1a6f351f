#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "backend/kube_archive.hpp"
#include "backend/kube_builder.hpp"
#include "backend/kube_cluster.hpp"
#include "backend/kube_metrics.hpp"
#include "backend/kube_pod_book.hpp"
#include "backend/kube_pod_factory.hpp"
#include "backend/kube_probes.hpp"
#include "backend/kube_runner_client.hpp"
#include "backend/kube_secrets.hpp"
#include "backend/kube_workloads.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"

namespace hearth::backend {

/// Instances as pods.
/// Threads: the caller's shard for the coroutines; `loop_` for all work in the background, adoption
/// included; the cluster's watch calls on_news() on a thread of its own, which only changes
/// entries, wakes waiters and starts tasks.
class KubernetesBackend final : public Backend {
 public:
    /// The cluster is made from the options as they are kept.
    using MakeCluster = std::function<std::unique_ptr<Cluster>(const KubernetesBackendOptions&)>;
    KubernetesBackend(KubernetesBackendOptions options, const MakeCluster& make_cluster,
                      aio::Shards& shards, aio::BlockingPool& pool,
                      telemetry::FunctionLog& function_log, telemetry::Logger& log,
                      telemetry::Registry& metrics);
    ~KubernetesBackend() override;

    std::string_view name() const override { return "kubernetes"; }
    bool outlives_daemon() const override { return true; }
    Result<Features> features(const model::EnvironmentSpec& spec) const override;
    Task<Result<Instance>> start(Runtime runtime, Deadline deadline) override;
    Task<Result<void>> load(std::uint64_t id, LoadRequest request, Deadline deadline) override;
    Task<void> stop(std::uint64_t id, std::chrono::milliseconds grace) override;
    void on_exit(std::function<void(const InstanceExit&)> listener) override;
    void on_found(std::function<void(const FoundInstance&)> listener) override;
    Task<Result<void>> discovered(Deadline deadline) override;
    void retire(const std::string& runtime_hash) override;
    void update(const Runtime& runtime) override;
    std::optional<InstanceUsage> usage(std::uint64_t id) const override;
    std::vector<Probe> probes() const override;
    void attribute(std::uint64_t id, std::string_view request_id) override;
    Builder* builder() override { return builder_.get(); }
    void shutdown(Deadline deadline) override;

 private:
    using Stage = PodEntry::Stage;

    // kube_backend.cpp
    void begin_watching();
    Task<Result<void>> wait_adopted(Deadline deadline);
    Instance describe(const PodEntry& entry) const;
    void report_exit(const PodEntryPtr& entry, const PodVerdict& verdict);
    void report_found(const PodEntryPtr& entry, const RunnerState& state);
    void spawn(std::string name, Task<void> task);

    // kube_backend_start.cpp
    Task<Result<Instance>> start_pod(Runtime runtime, Deadline deadline);
    Task<Result<void>> create(PodEntryPtr entry, boost::json::object pod, Deadline deadline);
    /// Waits until the pod has an address and what answers there is proven to be it.
    Task<Result<RunnerState>> prove(PodEntryPtr entry, Deadline deadline);
    Task<Result<void>> wait_addressed(PodEntryPtr entry, Deadline deadline);
    Task<Result<RunnerState>> wait_ready(PodEntryPtr entry, Deadline deadline);
    std::optional<Error> start_fault(const PodEntry& entry) const;
    Task<Error> with_output(PodEntryPtr entry, Error error);
    Task<Result<RunnerAddress>> runner_of(PodEntryPtr entry, Deadline deadline);

    // kube_backend_mesh.cpp
    Task<Result<void>> give_service(PodEntryPtr entry, Deadline deadline);
    void note_service(PodEntry& entry, const std::string& name,
                      const boost::json::object& service) const;
    Task<Result<void>> wait_reachable(PodEntryPtr entry, Deadline deadline);

    // kube_backend_load.cpp
    Task<Result<void>> push(PodEntryPtr entry, std::shared_ptr<LoadRequest> request,
                            Deadline deadline);
    Task<Error> explain_load(PodEntryPtr entry, Error error);
    void after_load(const PodEntryPtr& entry);
    Task<void> patch_labels(PodEntryPtr entry);
    Task<void> follow_output(PodEntryPtr entry);

    // kube_backend_watch.cpp
    void on_news(const PodNews& news);
    void on_present(const PodView& pod);
    void on_absent(const PodView& pod, bool certain);
    void take_news(const PodEntryPtr& entry, const PodView& pod);
    void restarted(const PodEntryPtr& entry, const PodView& pod, PodVerdict verdict);
    void forget(const PodEntryPtr& entry);
    Task<void> adopt(PodEntryPtr entry);
    Task<void> confirm_absent(PodEntryPtr entry);
    Task<void> examine(PodEntryPtr entry);
    void adoption_ended(const PodEntryPtr& entry);
    void settle_adoption();
    Task<void> limit_adoption();

    // kube_backend_stop.cpp
    /// Deletes the object after an uncached read, again and again until that is accepted.
    void dispose(const PodEntryPtr& entry, std::int64_t grace_seconds);
    Task<void> run_dispose(PodEntryPtr entry, std::int64_t grace_seconds);
    Task<Result<void>> delete_now(PodEntryPtr entry, std::int64_t grace_seconds, Deadline deadline);
    Task<void> wait_gone(PodEntryPtr entry, Deadline deadline);

    const KubernetesBackendOptions options_;
    const PodFactory factory_;
    telemetry::FunctionLog& function_log_;
    telemetry::Logger& log_;
    KubeMetrics metrics_;
    ArchiveCache archives_;
    PodBook book_;
    std::unique_ptr<Cluster> cluster_;
    Secrets secrets_;
    std::function<void(const InstanceExit&)> exit_listener_;
    std::function<void(const FoundInstance&)> found_listener_;

    std::atomic<bool> watching_{false};
    std::atomic<bool> adopted_{false};
    std::atomic<bool> closing_{false};
    std::atomic<std::size_t> followers_{0};
    std::atomic<std::int64_t> no_peers_before_{0};  ///< nanoseconds of the steady clock

    std::mutex adoption_mutex_;
    std::chrono::steady_clock::time_point watched_since_;
    bool synced_ = false;
    std::set<std::uint64_t> adopting_;
    std::vector<std::shared_ptr<aio::OneShot<bool>>> adoption_waiters_;

    aio::Executor loop_;
    std::unique_ptr<KubeProbes> probes_;
    std::unique_ptr<Workloads> workloads_;
    std::unique_ptr<KubeBuilder> builder_;
    aio::TaskGroup tasks_;  // after everything the tasks use
};

}  // namespace hearth::backend
