#pragma once

#include <mutex>
#include <vector>

#include "backend/kube_cluster.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/backend/kubernetes_options.hpp"

namespace hearth::backend {

/// One right that the backend needs, and what it needs it for.
struct NeededRight {
    std::string_view verb, resource, purpose;
    bool workloads = false;  ///< only for functions with Deployments of their own
};
const std::vector<NeededRight>& needed_rights();

/// What `hearth doctor` shows of the cluster, found out in the background. Thread: any.
class KubeProbes {
 public:
    KubeProbes(const KubernetesBackendOptions& options, Cluster& cluster);
    /// Looks again and again until cancelled.
    Task<void> run();
    std::vector<Probe> latest() const;

 private:
    Task<Probe> probe_server();
    Task<Probe> probe_rights();
    Task<Probe> probe_namespace();
    Probe probe_images() const;

    const KubernetesBackendOptions& options_;
    Cluster& cluster_;
    mutable std::mutex mutex_;
    std::vector<Probe> latest_;
};

}  // namespace hearth::backend
