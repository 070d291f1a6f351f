#include "backend/kube_pod_spec.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "backend/kube_names.hpp"
#include "backend/kube_pod_factory.hpp"
#include "backend/kube_pod_parts.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using namespace kube_parts;

constexpr std::string_view kCodeVolume = "hearth-userfunc", kSecretsVolume = "hearth-secrets",
                           kConfigsVolume = "hearth-configs", kTmpVolume = "hearth-tmp",
                           kTokenVolume = "hearth-token";
constexpr std::uint64_t kSecretsBytes = 16 * kMebi, kConfigsBytes = 64 * kMebi;
constexpr std::uint32_t kScaledCpu = 250;

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
        spec["securityContext"] = pod_security(options_, settings_);
        json::array containers;
        containers.push_back(environment());
        containers.push_back(runner());
        for (const auto& extra : settings_.containers)
            containers.push_back(user_container(options_, extra));
        spec["containers"] = std::move(containers);
        json::array init;
        for (const auto& extra : settings_.init_containers)
            init.push_back(user_container(options_, extra));
        if (!init.empty()) spec["initContainers"] = std::move(init);
        spec["volumes"] = volumes();
        add_placement(spec, options_, settings_);
        return spec;
    }

 private:
    bool container() const {
        return in_.runtime.workload && in_.runtime.workload->kind == Workload::Kind::container;
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
