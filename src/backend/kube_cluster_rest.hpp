#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backend/kube_cluster.hpp"
#include "hearth/backend/kubernetes_options.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/kube/client.hpp"
#include "hearth/kube/informer.hpp"

namespace hearth::backend {

/// Cluster over the REST client. Thread: as Cluster.
class RestCluster final : public Cluster {
 public:
    RestCluster(const KubernetesBackendOptions& options, kube::Client& client, aio::Shards& shards,
                const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics);
    ~RestCluster() override;

    Task<Result<PodView>> create_pod(boost::json::object pod, Deadline deadline) override;
    Task<Result<std::optional<PodView>>> read_pod(std::string ns, std::string name,
                                                  Deadline deadline) override;
    Task<Result<void>> delete_pod(std::string ns, std::string name, std::string uid,
                                  std::int64_t grace_seconds, Deadline deadline) override;
    Task<Result<void>> patch_pod(std::string ns, std::string name, boost::json::object patch,
                                 Deadline deadline) override;
    Task<Result<std::string>> read_log(std::string ns, std::string name, std::string container,
                                       int lines, Deadline deadline) override;
    Task<Result<void>> follow_log(std::string ns, std::string name, std::string container,
                                  std::string since,
                                  std::function<void(std::string_view)> on_bytes) override;
    Task<Result<std::map<std::string, std::string>>> keep_secret(boost::json::object secret,
                                                                 Deadline deadline) override;
    Task<Result<boost::json::object>> apply(ClusterKind kind, boost::json::object object,
                                            Deadline deadline) override;
    Task<Result<void>> remove(ClusterKind kind, std::string ns, std::string name,
                              Deadline deadline) override;
    Task<Result<std::optional<WorkloadView>>> read_workload(std::string ns, std::string name,
                                                            Deadline deadline) override;
    Task<Result<std::optional<boost::json::object>>> read_service(std::string ns, std::string name,
                                                                  Deadline deadline) override;
    Task<Result<std::map<std::string, std::string>>> list_workloads(Deadline deadline) override;
    Task<Result<void>> scale(std::string ns, std::string name, int replicas,
                             Deadline deadline) override;
    Task<Result<std::string>> autoscaling_api(Deadline deadline) override;
    void watch_pods(std::function<void(const PodNews&)> listener) override;
    bool watching() const override;
    Task<Result<std::string>> version(Deadline deadline) override;
    Task<Result<bool>> may(std::string verb, std::string resource, std::string ns,
                           Deadline deadline) override;
    Task<Result<std::optional<std::map<std::string, std::string>>>> namespace_labels(
        std::string ns, Deadline deadline) override;
    void stop() override;

 private:
    Task<Result<kube::ResourceType>> type_of(ClusterKind kind, Deadline deadline);
    Task<Result<boost::json::object>> fitted(boost::json::object pod_spec, Deadline deadline);

    const KubernetesBackendOptions& options_;
    kube::Client& client_;
    std::unique_ptr<kube::Informer> informer_;
    mutable std::mutex mutex_;
    std::string autoscaling_;  ///< "autoscaling/v2"; empty: not asked yet
    std::string version_;      ///< "v1.34.1"; empty: not asked yet
};

/// What the API server's refusal of a pod means to who asked for it: the error the executor acts
/// on, with the remedy. Pure.
Error explain_refusal(const Error& error, const std::string& ns);

}  // namespace hearth::backend
