#include "backend/kube_pod_parts.hpp"

#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace hearth::backend::kube_parts {

namespace json = boost::json;

std::string quantity(std::uint64_t bytes) {
    return bytes % kMebi == 0 ? fmt::format("{}Mi", bytes / kMebi) : std::to_string(bytes);
}

std::string millicores(std::uint32_t value) {
    return fmt::format("{}m", value);
}

void overlay(json::object& base, const json::object& over) {
    for (const auto& [key, value] : over) base[key] = value;
}

void append(json::array& list, const json::array& more) {
    for (const auto& value : more) list.push_back(value);
}

json::object mount(std::string_view volume, std::string_view path, bool read_only) {
    json::object m;
    m["name"] = volume;
    m["mountPath"] = path;
    if (read_only) m["readOnly"] = true;
    return m;
}

json::object variable(std::string_view name, std::string_view value) {
    json::object v;
    v["name"] = name;
    v["value"] = value;
    return v;
}

json::object pod_field(std::string_view name, std::string_view path) {
    json::object field, from, v;
    field["fieldPath"] = path;
    from["fieldRef"] = std::move(field);
    v["name"] = name;
    v["valueFrom"] = std::move(from);
    return v;
}

json::object secured(const json::object& wanted, bool read_only_root) {
    json::object context = wanted;
    json::object capabilities;
    capabilities["drop"] = json::array{"ALL"};
    if (const auto* given = wanted.if_contains("capabilities"); given && given->is_object())
        if (const auto* add = given->get_object().if_contains("add"); add && add->is_array())
            for (const auto& value : add->get_array())
                if (value == "NET_BIND_SERVICE")
                    capabilities["add"] = json::array{"NET_BIND_SERVICE"};
    context["capabilities"] = std::move(capabilities);
    context["allowPrivilegeEscalation"] = false;
    context["runAsNonRoot"] = true;
    if (!context.contains("readOnlyRootFilesystem"))
        context["readOnlyRootFilesystem"] = read_only_root;
    return context;
}

json::object& member(json::object& of, std::string_view key) {
    auto& value = of[key];
    if (!value.is_object()) value.emplace_object();
    return value.get_object();
}

void set_if_absent(json::object& of, std::string_view key, std::string value) {
    if (!of.contains(key)) of[key] = std::move(value);
}

json::object bounded(const KubernetesBackendOptions& options, const json::object& given,
                     std::uint64_t memory, std::uint32_t cpu) {
    json::object resources = given;
    auto& limits = member(resources, "limits");
    const bool own_memory = limits.contains("memory"), own_cpu = limits.contains("cpu");
    set_if_absent(limits, "memory", quantity(memory));
    if (cpu != 0) set_if_absent(limits, "cpu", millicores(cpu));
    set_if_absent(limits, "ephemeral-storage", quantity(options.ephemeral_storage_bytes));
    auto& requests = member(resources, "requests");
    if (!own_memory)
        set_if_absent(requests, "memory",
                      quantity(std::min(memory, options.default_memory_request_bytes)));
    if (!own_cpu) {
        const auto request = options.default_cpu_request_millicores;
        set_if_absent(requests, "cpu", millicores(cpu == 0 ? request : std::min(cpu, request)));
    }
    set_if_absent(requests, "ephemeral-storage", quantity(kEphemeralRequest));
    // Without a request of its own a limit is the request: a small one keeps generic pods cheap.
    if (own_memory) set_if_absent(requests, "memory", std::string(limits["memory"].as_string()));
    if (own_cpu) set_if_absent(requests, "cpu", millicores(options.default_cpu_request_millicores));
    return resources;
}

json::object settings_of(const model::ContainerSettings& settings) {
    json::object c;
    if (!settings.command.empty())
        c["command"] = json::array(settings.command.begin(), settings.command.end());
    if (!settings.args.empty()) c["args"] = json::array(settings.args.begin(), settings.args.end());
    if (!settings.working_dir.empty()) c["workingDir"] = settings.working_dir;
    if (!settings.env_from.empty()) c["envFrom"] = settings.env_from;
    if (!settings.liveness_probe.empty()) c["livenessProbe"] = settings.liveness_probe;
    if (!settings.readiness_probe.empty()) c["readinessProbe"] = settings.readiness_probe;
    if (!settings.startup_probe.empty()) c["startupProbe"] = settings.startup_probe;
    if (!settings.lifecycle.empty()) c["lifecycle"] = settings.lifecycle;
    return c;
}

json::object empty_dir(std::string_view name, std::uint64_t bytes, bool memory) {
    json::object source, volume;
    source["sizeLimit"] = quantity(bytes);
    if (memory) source["medium"] = "Memory";
    volume["name"] = name;
    volume["emptyDir"] = std::move(source);
    return volume;
}

json::object user_container(const KubernetesBackendOptions& options,
                            const model::ContainerSettings& settings) {
    json::object c = settings_of(settings);
    c["name"] = settings.name;
    c["image"] = settings.image;
    c["imagePullPolicy"] =
        settings.image_pull_policy.empty() ? options.pull_policy : settings.image_pull_policy;
    if (!settings.env.empty()) c["env"] = settings.env;
    if (!settings.ports.empty()) c["ports"] = settings.ports;
    if (!settings.volume_mounts.empty()) c["volumeMounts"] = settings.volume_mounts;
    c["resources"] = bounded(options, settings.resources, options.default_memory_bytes,
                             options.default_cpu_millicores);
    c["securityContext"] = secured(settings.security_context, false);
    if (settings.sidecar) c["restartPolicy"] = "Always";
    return c;
}

json::object pod_security(const KubernetesBackendOptions& options,
                          const model::PodSettings& settings) {
    json::object context;
    context["runAsUser"] = options.uid;
    context["runAsGroup"] = options.gid;
    context["fsGroup"] = options.gid;
    overlay(context, settings.security_context);
    context["runAsNonRoot"] = true;
    if (!context.contains("seccompProfile")) {
        json::object profile;
        profile["type"] = "RuntimeDefault";
        context["seccompProfile"] = std::move(profile);
    }
    return context;
}

void add_placement(json::object& spec, const KubernetesBackendOptions& options,
                   const model::PodSettings& settings) {
    const auto& s = settings;
    if (!s.node_selector.empty()) spec["nodeSelector"] = s.node_selector;
    if (!s.affinity.empty()) spec["affinity"] = s.affinity;
    if (!s.tolerations.empty()) spec["tolerations"] = s.tolerations;
    if (!s.topology_spread_constraints.empty())
        spec["topologySpreadConstraints"] = s.topology_spread_constraints;
    json::array pull;
    for (const auto& name : options.image_pull_secrets) {
        json::object reference;
        reference["name"] = name;
        pull.push_back(std::move(reference));
    }
    append(pull, s.image_pull_secrets);
    if (!pull.empty()) spec["imagePullSecrets"] = std::move(pull);
    if (!s.host_aliases.empty()) spec["hostAliases"] = s.host_aliases;
    if (!s.dns_config.empty()) spec["dnsConfig"] = s.dns_config;
    const auto set = [&spec](std::string_view key, const std::string& value) {
        if (!value.empty()) spec[key] = value;
    };
    set("dnsPolicy", s.dns_policy);
    set("runtimeClassName", s.runtime_class);
    set("priorityClassName", s.priority_class);
    set("schedulerName", s.scheduler);
    set("hostname", s.hostname);
    set("subdomain", s.subdomain);
}

}  // namespace hearth::backend::kube_parts
