#include "backend/kube_probes.hpp"

#include <fmt/format.h>

#include "backend/kube_tasks.hpp"

#include "hearth/aio/one_shot.hpp"

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kOneRequest{10};
constexpr std::chrono::minutes kEvery{5};
constexpr std::chrono::seconds kAfterFailure{5};

Probe made(std::string name, Probe::State state, std::string detail) {
    Probe probe;
    probe.name = std::move(name);
    probe.state = state;
    probe.detail = std::move(detail);
    return probe;
}

}  // namespace

const std::vector<NeededRight>& needed_rights() {
    static const std::vector<NeededRight> rights = {
        {"list", "pods", "to find warm pods after a restart"},
        {"watch", "pods", "to follow what becomes of pods"},
        {"get", "pods", "to read a pod before it is deleted"},
        {"create", "pods", "to start instances"},
        {"patch", "pods", "to label instances with their function"},
        {"delete", "pods", "to end instances"},
        {"get", "pods/log", "to read the output of functions"},
        {"create", "secrets", "to make the runners' token"},
        {"delete", "secrets", "to remove variables of functions that are gone"},
        {"get", "deployments.apps", "for functions of type newdeploy and container", true},
        {"list", "deployments.apps", "to find the Deployments of an earlier daemon", true},
        {"create", "deployments.apps", "for functions of type newdeploy and container", true},
        {"patch", "deployments.apps", "for functions of type newdeploy and container", true},
        {"delete", "deployments.apps", "for functions of type newdeploy and container", true},
        {"patch", "deployments.apps/scale", "to scale functions of type newdeploy and container",
         true},
        {"patch", "horizontalpodautoscalers.autoscaling", "for functions with hpaMetrics", true},
        {"create", "horizontalpodautoscalers.autoscaling", "for functions with hpaMetrics", true},
        {"delete", "horizontalpodautoscalers.autoscaling", "for functions with hpaMetrics", true},
    };
    return rights;
}

KubeProbes::KubeProbes(const KubernetesBackendOptions& options, Cluster& cluster)
    : options_(options), cluster_(cluster) {
    latest_.push_back(made("kubernetes API", Probe::State::degraded, "not asked yet"));
    latest_.push_back(probe_images());
}

std::vector<Probe> KubeProbes::latest() const {
    std::lock_guard lock(mutex_);
    return latest_;
}

Task<void> KubeProbes::run() {
    for (;;) {
        std::vector<Probe> found;
        auto server = co_await probe_server();
        const bool reachable = server.state != Probe::State::missing;
        const bool well = server.state == Probe::State::ok;
        found.push_back(std::move(server));
        if (reachable) {
            auto rights = co_await probe_rights();
            found.push_back(std::move(rights));
            auto space = co_await probe_namespace();
            found.push_back(std::move(space));
        }
        found.push_back(probe_images());
        {
            std::lock_guard lock(mutex_);
            latest_ = std::move(found);
        }
        const auto next = well ? Deadline::after(kEvery) : Deadline::after(kAfterFailure);
        if (!co_await pause_until(next)) co_return;
    }
}

Task<Probe> KubeProbes::probe_server() {
    const auto limit = Deadline::after(kOneRequest);
    auto version = co_await cluster_.version(limit);
    if (!version)
        co_return made("kubernetes API", Probe::State::missing,
                       version.error().message +
                           "; warm functions are served, new instances cannot be started");
    co_return made("kubernetes API",
                   cluster_.watching() ? Probe::State::ok : Probe::State::degraded,
                   *version + (cluster_.watching() ? "" : "; the watch of pods is not connected"));
}

Task<Probe> KubeProbes::probe_rights() {
    std::string missing, unknown;
    bool essential = false;
    const std::string ns = options_.fixed_namespace;
    for (const auto& right : needed_rights()) {
        const auto limit = Deadline::after(kOneRequest);
        auto may =
            co_await cluster_.may(std::string(right.verb), std::string(right.resource), ns, limit);
        if (!may) {
            unknown = may.error().message;
            continue;
        }
        if (*may) continue;
        missing += fmt::format("{}{} {} ({})", missing.empty() ? "" : ", ", right.verb,
                               right.resource, right.purpose);
        essential = essential || !right.workloads;
    }
    const auto where = ns.empty() ? std::string("all namespaces") : "namespace " + ns;
    if (!missing.empty())
        co_return made(
            "kubernetes rights", essential ? Probe::State::missing : Probe::State::degraded,
            fmt::format("missing in {}: {}; add them to the Role of the daemon's service "
                        "account",
                        where, missing));
    if (!unknown.empty())
        co_return made("kubernetes rights", Probe::State::degraded, "cannot be asked: " + unknown);
    co_return made("kubernetes rights", Probe::State::ok, "all that is needed, in " + where);
}

Task<Probe> KubeProbes::probe_namespace() {
    const std::string name = "pod security";
    if (options_.fixed_namespace.empty())
        co_return made(name, Probe::State::ok,
                       "pods meet PodSecurity restricted in every namespace");
    const auto limit = Deadline::after(kOneRequest);
    auto labels = co_await cluster_.namespace_labels(options_.fixed_namespace, limit);
    if (!labels)
        co_return made(name, Probe::State::ok,
                       "pods meet PodSecurity restricted; whether namespace " +
                           options_.fixed_namespace + " enforces it cannot be read");
    if (!labels->has_value())
        co_return made(name, Probe::State::missing,
                       "namespace " + options_.fixed_namespace + " does not exist; create it");
    const auto it = (*labels)->find("pod-security.kubernetes.io/enforce");
    if (it != (*labels)->end() && it->second == "restricted")
        co_return made(name, Probe::State::ok,
                       "namespace " + options_.fixed_namespace + " enforces restricted");
    co_return made(name, Probe::State::ok,
                   fmt::format("pods meet PodSecurity restricted; label namespace {} with "
                               "pod-security.kubernetes.io/enforce=restricted to have it enforced",
                               options_.fixed_namespace));
}

Probe KubeProbes::probe_images() const {
    return made("runner image", Probe::State::ok, options_.runner_image);
}

}  // namespace hearth::backend
