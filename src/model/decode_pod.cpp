#include "model/decode_pod.hpp"

#include <boost/json.hpp>

#include "hearth/model/kinds.hpp"
#include "model/pod_rules.hpp"
#include "model/spec_view.hpp"
#include "model/walker.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

json::object object_of(const json::object& from, std::string_view key) {
    const auto* value = object_at(from, key);
    return value ? *value : json::object();
}

json::array list_of(const json::object& from, std::string_view key) {
    const auto* value = list_at(from, key);
    return value ? *value : json::array();
}

/// Without what is the default and what Hearth sets by itself.
json::object security_of(const json::object& from) {
    json::object out = object_of(from, "securityContext");
    for (const char* key : {"privileged", "allowPrivilegeEscalation", "procMount", "sysctls"})
        out.erase(key);
    return out;
}

json::array ports_of(const json::object& from) {
    json::array out = list_of(from, "ports");
    for (auto& port : out) {
        if (!port.is_object()) continue;
        port.get_object().erase("hostPort");
        port.get_object().erase("hostIP");
    }
    return out;
}

json::object resources_of(const json::object& from) {
    json::object out;
    for (const char* side : {"limits", "requests"}) {
        if (const auto* given = object_at(from, std::string("resources.") + side);
            given && !given->empty())
            out[side] = *given;
    }
    return out;
}

ContainerSettings container_of(const json::object& from) {
    ContainerSettings out;
    out.name = text_at(from, "name");
    out.image = text_at(from, "image");
    out.image_pull_policy = text_at(from, "imagePullPolicy");
    out.command = strings_at(from, "command");
    out.args = strings_at(from, "args");
    out.working_dir = text_at(from, "workingDir");
    out.env = list_of(from, "env");
    out.env_from = list_of(from, "envFrom");
    out.ports = ports_of(from);
    out.resources = resources_of(from);
    out.volume_mounts = list_of(from, "volumeMounts");
    for (auto& mount : out.volume_mounts)
        if (mount.is_object()) mount.get_object().erase("recursiveReadOnly");
    out.liveness_probe = object_of(from, "livenessProbe");
    out.readiness_probe = object_of(from, "readinessProbe");
    out.startup_probe = object_of(from, "startupProbe");
    out.lifecycle = object_of(from, "lifecycle");
    out.security_context = security_of(from);
    out.sidecar = text_at(from, "restartPolicy") == "Always";
    return out;
}

bool of_domain(std::string_view key, std::initializer_list<std::string_view> domains) {
    const std::string_view domain = key.substr(0, key.find('/'));
    for (const std::string_view known : domains) {
        if (domain == known) return true;
        if (domain.ends_with(known) && domain[domain.size() - known.size() - 1] == '.') return true;
    }
    return false;
}

/// Labels select; those of the cluster and of the platform select what a user must not join.
bool label_passes(std::string_view key) {
    if (key.find('/') == std::string_view::npos) return key != "pod-template-hash";
    return !of_domain(key, {"kubernetes.io", "k8s.io", "istio.io", "hearth.io", "fission.io",
                            "helm.sh", "azure.workload.identity", "cilium.io", "linkerd.io"});
}

/// Annotations steer admission and the node (injected sidecars and their volumes, seccomp of old,
/// further networks), so only those pass that are known to tell and not to steer.
bool annotation_passes(std::string_view key) {
    if (key.find('/') == std::string_view::npos) return true;
    return of_domain(key, {"prometheus.io", "datadoghq.com", "fluentbit.io"});
}

std::map<std::string, std::string> passed_on(const std::map<std::string, std::string>& given,
                                             bool (*passes)(std::string_view)) {
    std::map<std::string, std::string> out;
    for (const auto& [key, value] : given) {
        if (passes(key)) out.emplace(key, value);
    }
    return out;
}

PodSettings settings_of(const json::object& pod) {
    PodSettings out;
    const auto* containers = list_at(pod, "containers");
    for (std::size_t i = 0; containers && i < containers->size(); ++i) {
        const auto* item = (*containers)[i].if_object();
        if (!item) continue;
        if (i == 0) {
            out.main = container_of(*item);
        } else {
            out.containers.push_back(container_of(*item));
        }
    }
    const auto* inits = list_at(pod, "initContainers");
    for (std::size_t i = 0; inits && i < inits->size(); ++i) {
        if (const auto* item = (*inits)[i].if_object())
            out.init_containers.push_back(container_of(*item));
    }
    out.node_selector = object_of(pod, "nodeSelector");
    out.affinity = object_of(pod, "affinity");
    out.tolerations = list_of(pod, "tolerations");
    out.topology_spread_constraints = list_of(pod, "topologySpreadConstraints");
    out.image_pull_secrets = list_of(pod, "imagePullSecrets");
    out.volumes = list_of(pod, "volumes");
    out.host_aliases = list_of(pod, "hostAliases");
    out.security_context = security_of(pod);
    out.dns_config = object_of(pod, "dnsConfig");
    out.dns_policy = text_at(pod, "dnsPolicy");
    out.runtime_class = text_at(pod, "runtimeClassName");
    out.priority_class = text_at(pod, "priorityClassName");
    out.scheduler = text_at(pod, "schedulerName");
    out.hostname = text_at(pod, "hostname");
    out.subdomain = text_at(pod, "subdomain");
    if (pod.contains("terminationGracePeriodSeconds"))
        out.termination_grace_seconds = integer_at(pod, "terminationGracePeriodSeconds");
    return out;
}

}  // namespace

Result<PodSettingsPtr> decode_pod(MergedPod merged, const Resource& resource,
                                  bool main_needs_image) {
    auto labels = passed_on(resource.metadata.labels, label_passes);
    auto annotations = passed_on(resource.metadata.annotations, annotation_passes);
    if (!merged.given && !main_needs_image && labels.empty() && annotations.empty())
        return PodSettingsPtr();
    Document document;
    Checked checked;
    Findings findings(document, checked);
    Walker walker(findings, part_tree("pod"), Target::kubernetes);
    walker.walk(merged.pod);
    const auto fault = [&](const std::string& path, std::string message) {
        findings.fault(path, std::move(message));
    };
    check_pod_rules(merged, main_needs_image, fault);
    if (!checked.faults.empty()) {
        const Fault& found = checked.faults.front();
        return Error(Errc::internal,
                     std::string(table(resource.kind).name) + " " + qualified(resource.metadata) +
                         ": its pod is not allowed: " + found.path + " " + found.message);
    }
    PodSettings out = settings_of(merged.pod);
    out.labels = std::move(labels);
    out.annotations = std::move(annotations);
    return PodSettingsPtr(std::move(out));
}

}  // namespace hearth::model
