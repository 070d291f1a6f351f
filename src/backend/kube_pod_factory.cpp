#include "backend/kube_pod_factory.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include "backend/kube_names.hpp"
#include "backend/kube_pod_spec.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using namespace kube_names;

constexpr std::size_t kNameHash = 10;
constexpr int kFallbackCpuPercent = 80;

bool is_container(const Runtime& runtime) {
    return runtime.workload && runtime.workload->kind == Workload::Kind::container;
}

void set(json::object& of, std::string_view key, std::string value) {
    of[key] = std::move(value);
}

/// The pod template's metadata: labels that select, annotations that tell.
void describe(const Runtime& runtime, json::object& labels, json::object& annotations) {
    const auto add_settings = [&](const model::PodSettingsPtr& settings) {
        if (!settings) return;
        for (const auto& [key, value] : settings->labels) labels[key] = value;
        for (const auto& [key, value] : settings->annotations) annotations[key] = value;
    };
    if (!is_container(runtime)) add_settings(runtime.spec.pod);
    if (runtime.workload) add_settings(runtime.workload->spec.pod);
    const auto& environment = runtime.environment;
    set(labels, kRuntimeHash, short_hash(runtime.hash));
    set(annotations, kRuntimeHash, runtime.hash);
    if (!environment.name.empty()) {
        set(labels, kEnvironment, label_value(environment.name));
        set(labels, kEnvironmentNs, label_value(environment.ns));
        set(annotations, kEnvironment, environment.name);
        set(annotations, kEnvironmentNs, environment.ns);
    }
    if (!runtime.workload) return;
    const auto& function = runtime.workload->function;
    set(labels, kFunction, label_value(function.name));
    set(labels, kFunctionNs, label_value(function.ns));
    if (!function.uid.empty()) set(labels, kFunctionUid, label_value(function.uid));
    set(annotations, kFunction, function.name);
    set(annotations, kFunctionNs, function.ns);
}

json::object& metadata_of(json::object& object) {
    return object.at("metadata").as_object();
}

std::vector<std::string> unsafe_inputs(const Runtime& runtime, const std::string& ns) {
    std::vector<std::string> faults;
    const auto add = [&](const model::PodSettingsPtr& settings, const std::string& own) {
        if (!settings) return;
        for (auto& fault : unsafe_settings(*settings, own == ns, ns)) faults.push_back(fault);
    };
    if (!is_container(runtime)) add(runtime.spec.pod, runtime.environment.ns);
    if (runtime.workload) add(runtime.workload->spec.pod, runtime.workload->function.ns);
    return faults;
}

Error refusal(const Runtime& runtime, const std::vector<std::string>& faults) {
    std::string text;
    for (const auto& fault : faults) text += (text.empty() ? "" : "; ") + fault;
    const auto whom = runtime.workload ? "function " + model::qualified(runtime.workload->function)
                                       : "environment " + model::qualified(runtime.environment);
    return Error(Errc::unsupported, fmt::format("no pod is made of {}: {}", whom, text), {},
                 "kubernetes");
}

json::object cpu_metric(int percent) {
    json::object target, resource, metric;
    target["type"] = "Utilization";
    target["averageUtilization"] = percent;
    resource["name"] = "cpu";
    resource["target"] = std::move(target);
    metric["type"] = "Resource";
    metric["resource"] = std::move(resource);
    return metric;
}

json::object workload_reference(const std::string& name) {
    json::object reference;
    reference["apiVersion"] = "apps/v1";
    reference["kind"] = "Deployment";
    reference["name"] = name;
    return reference;
}

json::object service_object(json::object meta, json::object match, std::uint16_t target) {
    json::object object, spec, port;
    object["apiVersion"] = "v1";
    object["kind"] = "Service";
    object["metadata"] = std::move(meta);
    // The name tells a mesh the protocol.
    port["name"] = "http";
    port["port"] = kServicePort;
    port["targetPort"] = target;
    spec["ports"] = json::array{std::move(port)};
    spec["selector"] = std::move(match);
    object["spec"] = std::move(spec);
    return object;
}

}  // namespace

std::string PodFactory::namespace_of(const Runtime& runtime) const {
    if (!options_.fixed_namespace.empty()) return options_.fixed_namespace;
    return runtime.workload ? runtime.workload->function.ns : runtime.environment.ns;
}

std::string PodFactory::image_of(const Runtime& runtime) const {
    if (runtime.workload && runtime.workload->spec.pod &&
        !runtime.workload->spec.pod->main.image.empty())
        return runtime.workload->spec.pod->main.image;
    if (!is_container(runtime) && runtime.spec.image.empty() && runtime.spec.pod)
        return runtime.spec.pod->main.image;
    return runtime.spec.image;
}

const ImageTraits* PodFactory::traits_of(const std::string& image) const {
    for (const auto& traits : options_.images)
        if (glob_matches(traits.glob, image)) return &traits;
    return nullptr;
}

std::uint16_t PodFactory::port_of(const Runtime& runtime) const {
    if (!is_container(runtime)) return kEnvironmentPort;
    const int port = runtime.workload->spec.container_port;
    return port > 0 && port < 65536 ? static_cast<std::uint16_t>(port) : kEnvironmentPort;
}

std::string PodFactory::workload_name(const Runtime& runtime) const {
    const auto& name =
        runtime.workload ? runtime.workload->function.name : runtime.environment.name;
    return object_name(name,
                       base::sha256_hex(runtime.hash + options_.installation).substr(0, kNameHash));
}

std::string PodFactory::variables_name(const Runtime& runtime) const {
    return runtime.env.empty() ? std::string() : workload_name(runtime) + "-env";
}

bool PodFactory::autoscaled(const Runtime& runtime) const {
    if (!runtime.workload) return false;
    const auto& spec = runtime.workload->spec;
    return !spec.hpa_metrics.empty() || !spec.hpa_behavior.empty() || spec.target_cpu_percent > 0;
}

json::object PodFactory::metadata(const std::string& ns, const std::string& name,
                                  std::string_view kind) const {
    json::object meta, labels;
    meta["name"] = name;
    meta["namespace"] = ns;
    set(labels, kManagedBy, std::string(kManager));
    set(labels, kInstallation, label_value(options_.installation));
    set(labels, kKind, std::string(kind));
    meta["labels"] = std::move(labels);
    meta["annotations"].emplace_object();
    if (options_.owner && options_.owner->ns == ns) {
        json::object owner;
        owner["apiVersion"] = options_.owner->api_version;
        owner["kind"] = options_.owner->kind;
        owner["name"] = options_.owner->name;
        owner["uid"] = options_.owner->uid;
        meta["ownerReferences"] = json::array{std::move(owner)};
    }
    return meta;
}

Result<json::object> PodFactory::pod(const Runtime& runtime, const std::string& name) const {
    const auto ns = namespace_of(runtime);
    json::object object;
    object["apiVersion"] = "v1";
    object["kind"] = "Pod";
    object["metadata"] = metadata(ns, name, runtime.workload ? "replica" : "instance");
    auto& meta = metadata_of(object);
    json::object labels, annotations;
    describe(runtime, labels, annotations);
    // The installation's own labels win over whatever a user gave.
    for (const auto& [key, value] : meta.at("labels").as_object()) labels[key] = value;
    if (options_.istio)
        set(annotations, "traffic.sidecar.istio.io/excludeInboundPorts",
            std::to_string(kRunnerPort));
    else
        set(labels, "sidecar.istio.io/inject", "false");
    if (options_.istio && !name.empty()) set(labels, kInstance, name);
    const auto image = image_of(runtime);
    const auto* traits = traits_of(image);
    set(annotations, kContract, std::to_string(runtime.spec.version));
    set(annotations, kEnvAtLoad, traits != nullptr && traits->env_at_load ? "true" : "false");
    set(annotations, kPort, std::to_string(port_of(runtime)));
    if (!runtime.env.empty()) set(annotations, kVariables, variables_name(runtime));
    if (runtime.workload)
        set(annotations, kWorkloadKind, is_container(runtime) ? "container" : "environment");
    meta["labels"] = std::move(labels);
    meta["annotations"] = std::move(annotations);
    const PodSpecInput input{options_,
                             runtime,
                             image,
                             traits,
                             port_of(runtime),
                             ns,
                             variables_name(runtime),
                             runtime.workload != nullptr};
    auto spec = make_pod_spec(input);
    auto faults = unsafe_inputs(runtime, ns);
    for (auto& fault : unsafe_fields(spec)) faults.push_back(std::move(fault));
    if (!faults.empty()) return refusal(runtime, faults);
    object["spec"] = std::move(spec);
    return object;
}

Result<json::object> PodFactory::deployment(const Runtime& runtime, int replicas) const {
    auto pod_object = pod(runtime, {});
    if (!pod_object) return pod_object.error();
    const auto name = workload_name(runtime);
    json::object object;
    object["apiVersion"] = "apps/v1";
    object["kind"] = "Deployment";
    object["metadata"] = metadata(namespace_of(runtime), name, "workload");
    auto& meta = metadata_of(object);
    describe(runtime, meta.at("labels").as_object(), meta.at("annotations").as_object());
    // A user's labels and annotations are for the pods.
    json::object template_meta;
    auto& pod_meta = metadata_of(*pod_object);
    set(pod_meta.at("labels").as_object(), kWorkload, name);
    template_meta["labels"] = pod_meta.at("labels");
    template_meta["annotations"] = pod_meta.at("annotations");
    json::object match, selector;
    set(match, kWorkload, name);
    set(match, kInstallation, label_value(options_.installation));
    selector["matchLabels"] = std::move(match);
    json::object pod_template;
    pod_template["metadata"] = std::move(template_meta);
    pod_template["spec"] = std::move(pod_object->at("spec"));
    json::object spec;
    spec["replicas"] = replicas;
    spec["revisionHistoryLimit"] = 0;
    spec["selector"] = std::move(selector);
    spec["template"] = std::move(pod_template);
    object["spec"] = std::move(spec);
    return object;
}

json::object PodFactory::autoscaler(const Runtime& runtime, std::string_view api) const {
    const auto& function = runtime.workload->spec;
    const auto name = workload_name(runtime);
    json::object object, spec;
    object["apiVersion"] = api;
    object["kind"] = "HorizontalPodAutoscaler";
    object["metadata"] = metadata(namespace_of(runtime), name, "autoscaler");
    const int least = std::max(1, function.min_scale);
    spec["scaleTargetRef"] = workload_reference(name);
    // Zero is not the autoscaler's to choose; it pauses while the replicas are 0.
    spec["minReplicas"] = least;
    spec["maxReplicas"] = std::max(least, function.max_scale);
    json::array metrics = function.hpa_metrics;
    if (metrics.empty())
        metrics.push_back(cpu_metric(function.target_cpu_percent > 0 ? function.target_cpu_percent
                                                                     : kFallbackCpuPercent));
    spec["metrics"] = std::move(metrics);
    if (!function.hpa_behavior.empty()) spec["behavior"] = function.hpa_behavior;
    object["spec"] = std::move(spec);
    return object;
}

json::object PodFactory::service(const Runtime& runtime) const {
    const auto name = workload_name(runtime);
    json::object match;
    set(match, kWorkload, name);
    set(match, kInstallation, label_value(options_.installation));
    auto meta = metadata(namespace_of(runtime), name, "service");
    return service_object(std::move(meta), std::move(match), port_of(runtime));
}

json::object PodFactory::pod_service(const std::string& ns, const std::string& pod,
                                     const std::string& uid, std::uint16_t port) const {
    json::object match, owner;
    set(match, kInstance, pod);
    set(match, kInstallation, label_value(options_.installation));
    auto meta = metadata(ns, pod, "service");
    owner["apiVersion"] = "v1";
    owner["kind"] = "Pod";
    owner["name"] = pod;
    owner["uid"] = uid;
    meta["ownerReferences"] = json::array{std::move(owner)};
    return service_object(std::move(meta), std::move(match), port);
}

json::object PodFactory::variables(const Runtime& runtime) const {
    json::object object, data;
    object["apiVersion"] = "v1";
    object["kind"] = "Secret";
    object["type"] = "Opaque";
    object["metadata"] = metadata(namespace_of(runtime), variables_name(runtime), "variables");
    set(metadata_of(object).at("annotations").as_object(), kRuntimeHash, runtime.hash);
    for (const auto& [name, value] : runtime.env) data[name] = base::base64_encode(value);
    object["data"] = std::move(data);
    return object;
}

json::object PodFactory::token_secret(const std::string& ns, const std::string& token) const {
    json::object object, data;
    object["apiVersion"] = "v1";
    object["kind"] = "Secret";
    object["type"] = "Opaque";
    object["metadata"] = metadata(ns, std::string(kTokenSecret), "token");
    data["token"] = base::base64_encode(token);
    object["data"] = std::move(data);
    return object;
}

}  // namespace hearth::backend
