#include "backend/kube_backend.hpp"
#include "backend/kube_cluster_rest.hpp"
#include "hearth/backend/kubernetes_backend.hpp"

namespace hearth::backend {
namespace {

Error bad(std::string what) {
    return Error(Errc::invalid_argument, std::move(what), {}, "backend");
}

std::optional<Error> fault_of(const KubernetesBackendOptions& o) {
    if (o.runner_image.empty())
        return bad(
            "kubernetes.runnerImage is missing: the image of the runner beside each environment");
    if (o.installation.empty()) return bad("kubernetes.installation must not be empty");
    if (o.uid < 1 || o.gid < 1)
        return bad("kubernetes.runAsUser and runAsGroup must be above 0: pods never run as root");
    if (o.default_memory_bytes == 0 || o.runner_memory_bytes == 0 || o.ephemeral_storage_bytes == 0)
        return bad("the limits of kubernetes.limits must be above 0: every pod is bounded");
    if (o.builds.folder.empty() || o.builds.memory_bytes == 0)
        return bad("builds need a folder and a memory limit (build.memory)");
    if (o.max_pods == 0) return bad("kubernetes.limits.maxPods must be above 0");
    for (const auto& policy : {o.runner_pull_policy, o.pull_policy})
        if (policy != "IfNotPresent" && policy != "Always" && policy != "Never")
            return bad("kubernetes.imagePullPolicy must be IfNotPresent, Always or Never");
    return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Backend>> make_kubernetes_backend(
    KubernetesBackendOptions options, kube::Client& client, aio::Shards& shards,
    aio::BlockingPool& pool, const base::Clock& clock, telemetry::FunctionLog& function_log,
    telemetry::Logger& log, telemetry::Registry& metrics) {
    if (auto fault = fault_of(options)) return std::move(*fault);
    auto backend = std::make_unique<KubernetesBackend>(
        std::move(options),
        [&](const KubernetesBackendOptions& kept) -> std::unique_ptr<Cluster> {
            return std::make_unique<RestCluster>(kept, client, shards, clock, log, metrics);
        },
        shards, pool, function_log, log, metrics);
    return std::unique_ptr<Backend>(std::move(backend));
}

}  // namespace hearth::backend
