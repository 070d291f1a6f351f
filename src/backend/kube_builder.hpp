#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backend/kube_archive.hpp"
#include "backend/kube_build_run.hpp"
#include "backend/kube_cluster.hpp"
#include "backend/kube_pod_book.hpp"
#include "backend/kube_pod_factory.hpp"
#include "hearth/backend/builder.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::backend {

/// Builds in pods: one of the environment's builder image is started for each build and gone after
/// it. The agent in it takes the source, runs the command and sends back what it printed and made.
/// Threads: the caller's shard waits; the exchange with the agent runs where `spawn` puts it and
/// calls the sink; the watch calls on_news() on its own thread.
class KubeBuilder final : public Builder {
 public:
    struct Hooks {
        std::function<void()> begin_watching;
        std::function<void(std::string name, Task<void> task)> spawn;
    };
    /// All outlive it.
    KubeBuilder(const KubernetesBackendOptions& options, const PodFactory& factory,
                Cluster& cluster, ArchiveCache& archives, telemetry::Logger& log, Hooks hooks);
    ~KubeBuilder() override;

    Result<void> check(const model::EnvironmentSpec& spec) const override;
    Task<Result<BuildOutput>> build(BuildOrder order, LineSink sink, Deadline deadline) override;

    static bool is_build(const PodView& pod);
    /// Of a pod of which is_build() holds. One that is nobody's was left by an earlier daemon and
    /// is removed.
    void on_news(const PodNews& news);

 private:
    Task<Result<BuildOutput>> carry_out(KubeBuildPtr build);
    Task<Result<void>> start_pod(KubeBuildPtr build);
    Task<Result<void>> wait_addressed(KubeBuildPtr build, Deadline limit);
    Task<Result<void>> wait_agent(KubeBuildPtr build, Deadline limit);
    Task<void> exchange(KubeBuildPtr build, PackedArchive source);
    Task<Result<void>> wait_told(KubeBuildPtr build);
    Task<void> last_words(KubeBuildPtr build);
    Task<void> end_pod(PodEntryPtr entry);
    Task<void> remove(PodEntryPtr entry);
    Task<void> remove_orphan(PodView pod);

    const KubernetesBackendOptions& options_;
    const PodFactory& factory_;
    Cluster& cluster_;
    ArchiveCache& archives_;
    telemetry::Logger& log_;
    Hooks hooks_;
    std::mutex mutex_;
    std::map<std::string, PodEntryPtr> pods_;  ///< of builds that run, by key
};

}  // namespace hearth::backend
