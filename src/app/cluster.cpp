#include "app/cluster.hpp"

#include <unistd.h>
#include <boost/asio/co_spawn.hpp>

#include <cstdlib>
#include <future>

#include "app/leadership.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/http/endpoint.hpp"
#include "hearth/kube/access.hpp"

namespace hearth::app {
namespace json = boost::json;
namespace {

constexpr std::size_t kBurstFactor = 4;
constexpr std::chrono::seconds kAnswer{20};

std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// For the main thread, which is no shard.
Result<json::object> read_blocking(kube::Client& client, aio::Shards& shards,
                                   kube::ResourceType type, std::string ns, std::string name) {
    std::promise<Result<json::object>> done;
    auto report = [&done](std::exception_ptr thrown, Result<json::object> result) {
        if (thrown)
            done.set_value(
                Error(Errc::internal, "reading from Kubernetes failed", {}, "kubernetes"));
        else
            done.set_value(std::move(result));
    };
    aio::net::co_spawn(
        shards.first().executor(),
        client.get(std::move(type), std::move(ns), std::move(name), Deadline::after(kAnswer)),
        report);
    return done.get_future().get();
}

}  // namespace

Result<std::unique_ptr<kube::Client>> connect_cluster(const config::DaemonConfig& config,
                                                      aio::Shards& shards, aio::BlockingPool& pool,
                                                      telemetry::Logger& log,
                                                      telemetry::Registry& metrics) {
    auto access =
        kube::find_access(config.kubernetes.kubeconfig, config.kubernetes.context, variable);
    if (!access) return access.error();
    kube::ClientOptions options;
    options.requests_per_second = config.kubernetes.request_budget;
    options.burst = config.kubernetes.request_budget * kBurstFactor;
    return kube::Client::make(std::move(*access), options, shards, pool, log, metrics);
}

std::string home_namespace(const config::DaemonConfig& config, const kube::Client& client) {
    return config.kubernetes.ns.empty() ? client.access().ns : config.kubernetes.ns;
}

Result<backend::KubernetesBackendOptions> cluster_backend_options(
    const config::DaemonConfig& config, kube::Client& client, aio::Shards& shards) {
    const auto& from = config.kubernetes;
    const auto home = home_namespace(config, client);
    backend::KubernetesBackendOptions options;
    options.installation = from.installation;
    if (from.function_namespaces == "one") options.fixed_namespace = home;
    options.runner_image = from.runner_image;
    options.runner_pull_policy = from.image_pull_policy;
    options.pull_policy = from.image_pull_policy;
    options.image_pull_secrets = from.image_pull_secrets;
    options.uid = from.run_as_user;
    options.gid = from.run_as_group;
    options.default_memory_bytes = from.limits.memory_bytes;
    options.default_memory_request_bytes = from.limits.memory_request_bytes;
    options.default_cpu_millicores = from.limits.cpu_millicores;
    options.default_cpu_request_millicores = from.limits.cpu_request_millicores;
    options.ephemeral_storage_bytes = from.limits.ephemeral_storage_bytes;
    options.max_pods = from.limits.max_pods;
    options.start_timeout = from.start_timeout;
    options.builds.folder = config.data / "run" / "builds";
    options.builds.memory_bytes = config.build.memory_bytes;
    options.builds.scratch_bytes = config.build.scratch_bytes;
    options.builds.cache_bytes = config.build.cache_bytes;
    options.builds.env = config.build.env;
    options.builds.cache_claim = config.build.cache_claim;
    options.peer_above_bytes = from.peer_above_bytes;
    for (const auto& glob : from.environment_images)
        options.images.push_back({glob, true, true, true});
    options.istio = from.istio.enabled;
    options.cluster_domain = from.cluster_domain;
    if (from.deployment.empty()) return options;
    auto owner = read_blocking(client, shards, kube::kDeployments, home, from.deployment);
    if (!owner) {
        auto error = owner.error();
        error.message = "kubernetes.deployment " + home + "/" + from.deployment +
                        " cannot be read: " + error.message;
        return error;
    }
    backend::OwnerReference reference;
    reference.name = from.deployment;
    reference.uid = base::text_at(*owner, "metadata.uid");
    reference.ns = home;
    options.owner = std::move(reference);
    return options;
}

std::string replica_identity(const config::DaemonConfig& config) {
    std::string host(256, '\0');
    ::gethostname(host.data(), host.size() - 1);
    host.resize(host.find('\0'));
    const auto name = variable("POD_NAME").value_or(host + "-" + std::to_string(::getpid()));
    std::string listen = "127.0.0.1";
    if (const auto endpoint = http::Endpoint::parse(config.listen.gateway)) listen = endpoint->host;
    return Leadership::identity_of(name, variable("POD_IP").value_or(listen));
}

kube::LeaderLeaseOptions lease_options(const config::DaemonConfig& config,
                                       const kube::Client& client, std::string identity) {
    kube::LeaderLeaseOptions options;
    options.ns = home_namespace(config, client);
    options.name = config.kubernetes.leader_lease.name;
    options.identity = std::move(identity);
    // As Kubernetes' own components divide the 15 s they use: 15, 10 and 2.
    const auto whole =
        std::chrono::milliseconds(std::chrono::seconds(config.kubernetes.leader_lease.seconds));
    options.duration = whole;
    options.renew = whole * 2 / 3;
    options.retry = whole * 2 / 15;
    return options;
}

}  // namespace hearth::app
