#include "kube/client_metrics.hpp"

namespace hearth::kube {
namespace {

constexpr std::string_view kConnections = "hearth_kubernetes_connections_total";
constexpr std::string_view kConnectionsHelp =
    "Connections that requests to the Kubernetes API server went over: new with a full or a "
    "resumed "
    "handshake, or kept alive.";

}  // namespace

ClientMetrics::ClientMetrics(telemetry::Registry& registry)
    : fresh(registry.counter(kConnections, kConnectionsHelp, {{"kind", "new"}})),
      resumed(registry.counter(kConnections, kConnectionsHelp, {{"kind", "resumed"}})),
      reused(registry.counter(kConnections, kConnectionsHelp, {{"kind", "kept"}})),
      registry_(registry),
      throttled_(registry.counter("hearth_kubernetes_throttled_total",
                                  "Requests that waited for the request budget.")),
      throttle_seconds_(registry.histogram("hearth_kubernetes_throttle_seconds",
                                           "Time that requests waited for the request budget.")) {}

void ClientMetrics::request(const std::string& verb, const std::string& resource,
                            const std::string& code, std::chrono::steady_clock::duration took) {
    registry_
        .counter("hearth_kubernetes_requests_total", "Requests to the Kubernetes API server.",
                 {{"verb", verb}, {"resource", resource}, {"code", code}})
        .add();
    registry_
        .histogram("hearth_kubernetes_request_duration_seconds",
                   "Time from a request to the Kubernetes API server to the head of its answer.",
                   {{"verb", verb}, {"resource", resource}})
        .observe(std::chrono::duration<double>(took).count());
}

void ClientMetrics::throttled(std::chrono::steady_clock::duration waited) {
    throttled_.add();
    throttle_seconds_.observe(std::chrono::duration<double>(waited).count());
}

}  // namespace hearth::kube
