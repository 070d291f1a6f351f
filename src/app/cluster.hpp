#pragma once

#include <memory>
#include <string>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/backend/kubernetes_options.hpp"
#include "hearth/config/daemon_config.hpp"
#include "hearth/kube/client.hpp"
#include "hearth/kube/leader_lease.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::app {

/// The configured cluster. Errors: what find_access says; invalid_argument.
Result<std::unique_ptr<kube::Client>> connect_cluster(const config::DaemonConfig& config,
                                                      aio::Shards& shards, aio::BlockingPool& pool,
                                                      telemetry::Logger& log,
                                                      telemetry::Registry& metrics);
/// Kubernetes namespace of the daemon's own objects.
std::string home_namespace(const config::DaemonConfig& config, const kube::Client& client);
/// With the owner's uid read from the cluster. Blocks; call from no shard. Errors: not_found (no
/// such Deployment), those of the cluster.
Result<backend::KubernetesBackendOptions> cluster_backend_options(
    const config::DaemonConfig& config, kube::Client& client, aio::Shards& shards);
/// This replica as the Lease shows it: POD_NAME and POD_IP where they are given, else host and
/// process.
std::string replica_identity(const config::DaemonConfig& config);
kube::LeaderLeaseOptions lease_options(const config::DaemonConfig& config,
                                       const kube::Client& client, std::string identity);

}  // namespace hearth::app
