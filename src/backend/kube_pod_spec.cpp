#include "backend/kube_pod_spec.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "backend/kube_names.hpp"
#include "backend/kube_pod_factory.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;

constexpr std::string_view kCodeVolume = "hearth-userfunc", kSecretsVolume = "hearth-secrets",
                           kConfigsVolume = "hearth-configs", kTmpVolume = "hearth-tmp",
                           kTokenVolume = "hearth-token";
constexpr std::uint64_t kMebi = 1u << 20;
constexpr std::uint64_t kSecretsBytes = 16 * kMebi, kConfigsBytes = 64 * kMebi;
constexpr std::uint32_t kScaledCpu = 250;
constexpr std::uint64_t kEphemeralRequest = 16 * kMebi;

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

/// A container's security context: what `restricted` asks for is laid over what the user said.
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

/// Members absent from `resources` get the defaults; a request is never above its limit.
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

/// What every user-named container has in common.
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

class SpecMaker {
 public:
    explicit SpecMaker(const PodSpecInput& input) : in_(input), options_(input.options) {
        if (in_.runtime.spec.pod && !container()) settings_ = *in_.runtime.spec.pod;
        if (in_.runtime.workload && in_.runtime.workload->spec.pod)
            settings_ = merge_settings(settings_, *in_.runtime.workload->spec.pod);
        read_only_ = in_.traits != nullptr && in_.traits->read_only_root && !container();
        if (const auto* said =
                settings_.main.security_context.if_contains("readOnlyRootFilesystem"))
            read_only_ = said->is_bool() && said->get_bool();
    }

    json::object make() {
        json::object spec;
        spec["automountServiceAccountToken"] = false;
        spec["enableServiceLinks"] = false;
        spec["restartPolicy"] = in_.replica ? "Always" : "Never";
        spec["terminationGracePeriodSeconds"] = settings_.termination_grace_seconds.value_or(
            in_.runtime.spec.termination_grace.count());
        spec["securityContext"] = pod_security();
        json::array containers;
        containers.push_back(environment());
        containers.push_back(runner());
        for (const auto& extra : settings_.containers) containers.push_back(other(extra));
        spec["containers"] = std::move(containers);
        json::array init;
        for (const auto& extra : settings_.init_containers) init.push_back(other(extra));
        if (!init.empty()) spec["initContainers"] = std::move(init);
        spec["volumes"] = volumes();
        placement(spec);
        return spec;
    }

 private:
    bool container() const {
        return in_.runtime.workload && in_.runtime.workload->kind == Workload::Kind::container;
    }

    json::object pod_security() const {
        json::object context;
        context["runAsUser"] = options_.uid;
        context["runAsGroup"] = options_.gid;
        context["fsGroup"] = options_.gid;
        overlay(context, settings_.security_context);
        context["runAsNonRoot"] = true;
        if (!context.contains("seccompProfile")) {
            json::object profile;
            profile["type"] = "RuntimeDefault";
            context["seccompProfile"] = std::move(profile);
        }
        return context;
    }

    json::array environment_variables() const {
        // Later ones win in Kubernetes, and earlier ones may be referred to.
        json::array env;
        const auto add = [&env](std::string_view name, std::string_view value) {
            env.push_back(variable(name, value));
        };
        if (in_.traits != nullptr && in_.traits->log_records && !container())
            add("HEARTH_LOG", "json");
        if (read_only_) add("HOME", "/tmp");
        if (!container())
            for (const auto& [name, value] : in_.runtime.spec.env) add(name, value);
        append(env, settings_.main.env);
        return env;
    }

    /// The function's Secrets and ConfigMaps as Fission gives them to a container: as variables,
    /// and as files where loaded code has them. They are the cluster's own, so this is for pods of
    /// the function's namespace.
    void add_settings(json::array& from, json::array* mounts) const {
        if (!container() || in_.runtime.workload->function.ns != in_.ns) return;
        const auto& spec = in_.runtime.workload->spec;
        const auto add = [&](const model::FileMount& file, bool secret) {
            json::object reference, source;
            reference["name"] = file.name;
            reference["optional"] = true;
            source[secret ? "secretRef" : "configMapRef"] = std::move(reference);
            from.push_back(std::move(source));
            if (mounts == nullptr) return;
            const auto folder =
                file.mount_path.empty() ? in_.ns + "/" + file.name : file.mount_path;
            mounts->push_back(mount(settings_volume(file.name, secret),
                                    (secret ? "/secrets/" : "/configs/") + folder, true));
        };
        for (const auto& file : spec.secrets) add(file, true);
        for (const auto& file : spec.config_maps) add(file, false);
    }

    static std::string settings_volume(const std::string& name, bool secret) {
        return kube_names::object_name((secret ? "hearth-s-" : "hearth-c-") + name,
                                       base::sha256_hex(name).substr(0, 8));
    }

    json::object environment() const {
        json::object c = settings_of(settings_.main);
        c["name"] = kube_names::kEnvironmentContainer;
        c["image"] = in_.image;
        const auto& policy = settings_.main.image_pull_policy;
        c["imagePullPolicy"] = policy.empty() ? options_.pull_policy : policy;
        json::object port;
        port["name"] = "http";
        port["containerPort"] = in_.port;
        json::array ports;
        ports.push_back(std::move(port));
        for (const auto& extra : settings_.main.ports)
            if (extra.as_object().at("containerPort") != in_.port) ports.push_back(extra);
        c["ports"] = std::move(ports);
        c["env"] = environment_variables();
        auto from = settings_.main.env_from;
        json::array mounts;
        if (!container()) {
            mounts.push_back(mount(kCodeVolume, "/userfunc", false));
            mounts.push_back(mount(kSecretsVolume, "/secrets", true));
            mounts.push_back(mount(kConfigsVolume, "/configs", true));
        }
        if (read_only_) mounts.push_back(mount(kTmpVolume, "/tmp", false));
        add_settings(from, &mounts);
        if (!in_.variables.empty()) {
            json::object reference, source;
            reference["name"] = in_.variables;
            source["secretRef"] = std::move(reference);
            from.push_back(std::move(source));
        }
        if (!from.empty()) c["envFrom"] = std::move(from);
        append(mounts, settings_.main.volume_mounts);
        c["volumeMounts"] = std::move(mounts);
        c["resources"] = environment_resources();
        c["securityContext"] = secured(settings_.main.security_context, read_only_);
        return c;
    }

    json::object environment_resources() const {
        json::object given = settings_.main.resources;
        const auto& own = in_.runtime.limits;
        if (own.memory_bytes != 0) member(given, "limits")["memory"] = quantity(own.memory_bytes);
        if (own.cpu_millicores != 0)
            member(given, "limits")["cpu"] = millicores(own.cpu_millicores);
        const auto& spec = in_.runtime.spec.limits;
        const auto memory =
            spec.memory_bytes != 0 ? spec.memory_bytes : options_.default_memory_bytes;
        const auto cpu =
            spec.cpu_millicores != 0 ? spec.cpu_millicores : options_.default_cpu_millicores;
        // An autoscaler's percentage is of the request.
        if (in_.runtime.workload && in_.runtime.workload->spec.target_cpu_percent > 0)
            set_if_absent(member(given, "requests"), "cpu",
                          millicores(cpu == 0 ? kScaledCpu : std::min(cpu, kScaledCpu)));
        return bounded(options_, given, memory, cpu);
    }

    json::object runner() const {
        json::object c;
        c["name"] = kube_names::kRunnerContainer;
        c["image"] = options_.runner_image;
        c["imagePullPolicy"] = options_.runner_pull_policy;
        json::object port;
        port["name"] = "runner";
        port["containerPort"] = kRunnerPort;
        c["ports"] = json::array{std::move(port)};
        json::array env;
        env.push_back(pod_field("HEARTH_POD_UID", "metadata.uid"));
        env.push_back(pod_field("HEARTH_POD_NAME", "metadata.name"));
        env.push_back(variable("HEARTH_ENVIRONMENT", fmt::format("127.0.0.1:{}", in_.port)));
        if (options_.istio && in_.replica && !container())
            env.push_back(variable("HEARTH_READY_WHEN", "loaded"));
        c["env"] = std::move(env);
        json::array mounts;
        mounts.push_back(mount(kCodeVolume, "/userfunc", false));
        mounts.push_back(mount(kSecretsVolume, "/secrets", false));
        mounts.push_back(mount(kConfigsVolume, "/configs", false));
        mounts.push_back(mount(kTokenVolume, "/hearth", true));
        c["volumeMounts"] = std::move(mounts);
        json::object limits, requests, resources;
        limits["memory"] = quantity(options_.runner_memory_bytes);
        limits["cpu"] = "1";
        limits["ephemeral-storage"] = quantity(options_.ephemeral_storage_bytes);
        requests["memory"] = "8Mi";
        requests["cpu"] = "1m";
        requests["ephemeral-storage"] = quantity(kEphemeralRequest);
        resources["limits"] = std::move(limits);
        resources["requests"] = std::move(requests);
        c["resources"] = std::move(resources);
        json::object wanted;
        // Its own, so that a user's choice for the pod does not reach it.
        wanted["runAsUser"] = options_.uid;
        wanted["runAsGroup"] = options_.gid;
        c["securityContext"] = secured(wanted, true);
        if (in_.replica) c["readinessProbe"] = readiness();
        return c;
    }

    static json::object readiness() {
        json::object get, probe;
        get["path"] = "/readyz";
        get["port"] = kRunnerPort;
        probe["httpGet"] = std::move(get);
        probe["periodSeconds"] = 1;
        probe["failureThreshold"] = 2;
        return probe;
    }

    json::object other(const model::ContainerSettings& settings) const {
        json::object c = settings_of(settings);
        c["name"] = settings.name;
        c["image"] = settings.image;
        c["imagePullPolicy"] =
            settings.image_pull_policy.empty() ? options_.pull_policy : settings.image_pull_policy;
        if (!settings.env.empty()) c["env"] = settings.env;
        if (!settings.ports.empty()) c["ports"] = settings.ports;
        if (!settings.volume_mounts.empty()) c["volumeMounts"] = settings.volume_mounts;
        c["resources"] = bounded(options_, settings.resources, options_.default_memory_bytes,
                                 options_.default_cpu_millicores);
        c["securityContext"] = secured(settings.security_context, false);
        if (settings.sidecar) c["restartPolicy"] = "Always";
        return c;
    }

    static json::object empty_dir(std::string_view name, std::uint64_t bytes, bool memory) {
        json::object source, volume;
        source["sizeLimit"] = quantity(bytes);
        if (memory) source["medium"] = "Memory";
        volume["name"] = name;
        volume["emptyDir"] = std::move(source);
        return volume;
    }

    json::array volumes() const {
        json::array list;
        list.push_back(empty_dir(kCodeVolume, options_.ephemeral_storage_bytes, false));
        // Never on the node's disk.
        list.push_back(empty_dir(kSecretsVolume, kSecretsBytes, true));
        list.push_back(empty_dir(kConfigsVolume, kConfigsBytes, false));
        if (read_only_)
            list.push_back(empty_dir(kTmpVolume, options_.ephemeral_storage_bytes, false));
        json::object secret, token;
        secret["secretName"] = kTokenSecret;
        secret["defaultMode"] = 0440;
        token["name"] = kTokenVolume;
        token["secret"] = std::move(secret);
        list.push_back(std::move(token));
        add_settings_volumes(list);
        append(list, settings_.volumes);
        return list;
    }

    void add_settings_volumes(json::array& list) const {
        if (!container() || in_.runtime.workload->function.ns != in_.ns) return;
        const auto add = [&](const std::string& name, bool secret) {
            json::object source, volume;
            source[secret ? "secretName" : "name"] = name;
            source["optional"] = true;
            volume["name"] = settings_volume(name, secret);
            volume[secret ? "secret" : "configMap"] = std::move(source);
            list.push_back(std::move(volume));
        };
        for (const auto& file : in_.runtime.workload->spec.secrets) add(file.name, true);
        for (const auto& file : in_.runtime.workload->spec.config_maps) add(file.name, false);
    }

    void placement(json::object& spec) const {
        const auto& s = settings_;
        if (!s.node_selector.empty()) spec["nodeSelector"] = s.node_selector;
        if (!s.affinity.empty()) spec["affinity"] = s.affinity;
        if (!s.tolerations.empty()) spec["tolerations"] = s.tolerations;
        if (!s.topology_spread_constraints.empty())
            spec["topologySpreadConstraints"] = s.topology_spread_constraints;
        json::array pull;
        for (const auto& name : options_.image_pull_secrets) {
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

    const PodSpecInput& in_;
    const KubernetesBackendOptions& options_;
    model::PodSettings settings_;
    bool read_only_ = false;
};

template <class T>
void take(T& base, const T& over) {
    if (!over.empty()) base = over;
}

void merge_container(model::ContainerSettings& base, const model::ContainerSettings& over) {
    take(base.image, over.image);
    take(base.image_pull_policy, over.image_pull_policy);
    take(base.command, over.command);
    take(base.args, over.args);
    take(base.working_dir, over.working_dir);
    append(base.env, over.env);
    append(base.env_from, over.env_from);
    take(base.ports, over.ports);
    for (const auto& [kind, values] : over.resources)
        if (values.is_object()) overlay(member(base.resources, kind), values.get_object());
    append(base.volume_mounts, over.volume_mounts);
    take(base.liveness_probe, over.liveness_probe);
    take(base.readiness_probe, over.readiness_probe);
    take(base.startup_probe, over.startup_probe);
    take(base.lifecycle, over.lifecycle);
    overlay(base.security_context, over.security_context);
}

}  // namespace

model::PodSettings merge_settings(const model::PodSettings& base, const model::PodSettings& over) {
    model::PodSettings merged = base;
    merge_container(merged.main, over.main);
    const auto extend = [](auto& list, const auto& more) {
        list.insert(list.end(), more.begin(), more.end());
    };
    extend(merged.init_containers, over.init_containers);
    extend(merged.containers, over.containers);
    overlay(merged.node_selector, over.node_selector);
    take(merged.affinity, over.affinity);
    append(merged.tolerations, over.tolerations);
    append(merged.topology_spread_constraints, over.topology_spread_constraints);
    append(merged.image_pull_secrets, over.image_pull_secrets);
    append(merged.volumes, over.volumes);
    append(merged.host_aliases, over.host_aliases);
    overlay(merged.security_context, over.security_context);
    take(merged.dns_config, over.dns_config);
    take(merged.dns_policy, over.dns_policy);
    take(merged.runtime_class, over.runtime_class);
    take(merged.priority_class, over.priority_class);
    take(merged.scheduler, over.scheduler);
    take(merged.hostname, over.hostname);
    take(merged.subdomain, over.subdomain);
    if (over.termination_grace_seconds)
        merged.termination_grace_seconds = over.termination_grace_seconds;
    for (const auto& [key, value] : over.labels) merged.labels[key] = value;
    for (const auto& [key, value] : over.annotations) merged.annotations[key] = value;
    return merged;
}

json::object make_pod_spec(const PodSpecInput& input) {
    SpecMaker maker(input);
    return maker.make();
}

}  // namespace hearth::backend
