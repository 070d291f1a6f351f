#include <signal.h>
#include <unistd.h>

#include "app/cluster.hpp"
#include "app/daemon_parts.hpp"
#include "app/run_files.hpp"
#include "hearth/backend/cluster_settings.hpp"
#include "hearth/backend/kubernetes_backend.hpp"

namespace hearth::app {

Result<void> Daemon::Parts::start_kubernetes_backend() {
    if (!cluster) {
        auto connected = connect_cluster(config, shards, pool, log, metrics);
        if (!connected) return connected.error();
        cluster = std::move(*connected);
    }
    auto options = cluster_backend_options(config, *cluster, shards);
    if (!options) return options.error();
    settings = backend::make_cluster_settings(options->fixed_namespace, *cluster, shards, log);
    auto made = backend::make_kubernetes_backend(std::move(*options), *cluster, shards, pool, clock,
                                                 function_log, log, metrics);
    if (!made) return made.error();
    backend = std::move(*made);
    return {};
}

/// Listens at once and serves when this replica has the lease; until then requests go to the one
/// that has.
Result<void> Daemon::Parts::contend() {
    auto connected = connect_cluster(config, shards, pool, log, metrics);
    if (!connected) return connected.error();
    cluster = std::move(*connected);
    to_leader = http::Forwarder::make(shards, http::Forwarder::Options(), metrics);
    auto key = shared_key(config.data);
    if (!key) return key.error();
    FrontDoor::Options options;
    gateway_door = std::make_unique<FrontDoor>(*to_leader, http::Relay(*key), options);
    options.reads_only_when_fenced = true;
    api_door = std::make_unique<FrontDoor>(*to_leader, http::Relay(*key), options);
    auto to_gateway = [this](http::Exchange& exchange) { return gateway_door->handle(exchange); };
    if (auto listening = listen_gateway(to_gateway); listening.has_error()) return listening;
    auto to_api = [this](http::Exchange& exchange) { return api_door->handle(exchange); };
    if (auto listening = listen_api(to_api); listening.has_error()) return listening;

    const auto identity = replica_identity(config);
    Leadership::Hooks hooks;
    hooks.take_over = [this] {
        auto done = take_over();
        if (done.has_error()) close_modules();
        return done;
    };
    hooks.leader = [this](std::optional<std::string> host) {
        std::optional<http::Endpoint> gateway_at, api_at;
        if (host) {
            gateway_at = gateway_server->endpoint();
            api_at = api_server->endpoint();
            gateway_at->host = *host;
            api_at->host = *host;
        }
        gateway_door->follow(gateway_at);
        api_door->follow(api_at);
    };
    hooks.fence = [this](bool unsure) { api_door->fence(unsure); };
    hooks.replaced = [] { ::kill(::getpid(), SIGTERM); };
    auto lease = kube::LeaderLease::make(*cluster, lease_options(config, *cluster, identity),
                                         shards, boot_clock, log);
    // Asked before each request, so that a replica that was frozen changes nothing when it goes on.
    cluster->fence([held = lease.get()] { return held->held(); });
    leadership = std::make_unique<Leadership>(std::move(lease), identity, std::move(hooks), log);
    leadership->start();
    return {};
}

Result<void> Daemon::Parts::take_over() {
    if (auto opened = open_storage(); opened.has_error()) return opened;
    if (auto started = start_backend(); started.has_error()) return started;
    make_core();
    make_api();
    if (auto announced = announce(); announced.has_error()) return announced;
    start_background();
    gateway_door->lead([this](http::Exchange& exchange) { return gateway->handle(exchange); });
    api_door->lead([this](http::Exchange& exchange) { return api->handle(exchange); });
    return {};
}

}  // namespace hearth::app
