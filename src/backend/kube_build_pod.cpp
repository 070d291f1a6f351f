#include "backend/kube_build_pod.hpp"

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include "backend/kube_names.hpp"
#include "backend/kube_pod_parts.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/model/package_build.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using namespace kube_parts;

constexpr std::string_view kAgentVolume = "hearth-agent", kBuildVolume = "hearth-build",
                           kTokenVolume = "hearth-build-token", kCacheVolume = "hearth-cache",
                           kTmpVolume = "hearth-tmp";
constexpr std::string_view kAgentFolder = "/hearth/agent", kAgentProgram = "/hearth/agent/runner",
                           kBuildFolder = "/hearth/build", kTokenFolder = "/hearth/token",
                           kCacheFolder = "/hearth/cache";
constexpr std::uint64_t kAgentBytes = 32 * kMebi;
/// There is nothing to finish in a build that is to end.
constexpr int kGraceSeconds = 1;

std::string token_name(const std::string& pod) {
    return pod + "-token";
}

class BuildPodMaker {
 public:
    BuildPodMaker(const KubernetesBackendOptions& options, const BuildOrder& order,
                  const std::string& name)
        : options_(options), order_(order), name_(name) {
        if (order.pod) settings_ = *order.pod;
    }

    const model::PodSettings& settings() const { return settings_; }

    json::object spec(std::chrono::seconds life) const {
        json::object spec;
        spec["automountServiceAccountToken"] = false;
        spec["enableServiceLinks"] = false;
        spec["restartPolicy"] = "Never";
        spec["activeDeadlineSeconds"] = life.count();
        spec["terminationGracePeriodSeconds"] = kGraceSeconds;
        spec["securityContext"] = pod_security(options_, settings_);
        json::array containers, init;
        containers.push_back(builder());
        for (const auto& extra : settings_.containers)
            containers.push_back(user_container(options_, extra));
        init.push_back(agent());
        for (const auto& extra : settings_.init_containers)
            init.push_back(user_container(options_, extra));
        spec["containers"] = std::move(containers);
        spec["initContainers"] = std::move(init);
        spec["volumes"] = volumes();
        add_placement(spec, options_, settings_);
        return spec;
    }

 private:
    bool read_only() const {
        const auto* said = settings_.main.security_context.if_contains("readOnlyRootFilesystem");
        return said != nullptr && said->is_bool() && said->get_bool();
    }

    json::object agent() const {
        json::object c;
        c["name"] = kube_names::kAgentContainer;
        c["image"] = options_.runner_image;
        c["imagePullPolicy"] = options_.runner_pull_policy;
        c["args"] = json::array{"install", kAgentProgram};
        c["volumeMounts"] = json::array{mount(kAgentVolume, kAgentFolder, false)};
        c["resources"] = bounded(options_, {}, options_.runner_memory_bytes, 1000);
        json::object wanted;
        wanted["runAsUser"] = options_.uid;
        wanted["runAsGroup"] = options_.gid;
        c["securityContext"] = secured(wanted, true);
        return c;
    }

    json::array variables() const {
        // Later ones win in Kubernetes, and earlier ones may be referred to.
        json::array env;
        for (const auto& [name, value] : options_.builds.env) env.push_back(variable(name, value));
        if (order_.pod) {
            append(env, settings_.main.env);
        } else {
            for (const auto& [name, value] : order_.spec.builder.env)
                env.push_back(variable(name, value));
        }
        env.push_back(pod_field("HEARTH_POD_UID", "metadata.uid"));
        env.push_back(pod_field("HEARTH_POD_NAME", "metadata.name"));
        env.push_back(variable("HEARTH_RUNNER_LISTEN", fmt::format("0.0.0.0:{}", kRunnerPort)));
        env.push_back(
            variable("HEARTH_RUNNER_TOKEN_FILE", std::string(kTokenFolder).append("/token")));
        env.push_back(variable("HEARTH_BUILD_FOLDER", kBuildFolder));
        env.push_back(variable("HEARTH_BUILD_CACHE", kCacheFolder));
        return env;
    }

    json::object builder() const {
        json::object c = settings_of(settings_.main);
        // The image is there for its tools: its own command would be a server of somebody else's.
        c["command"] = json::array{kAgentProgram, "build-agent"};
        c.erase("args");
        c["name"] = kube_names::kBuilderContainer;
        c["image"] = order_.spec.builder.image;
        const auto& policy = settings_.main.image_pull_policy;
        c["imagePullPolicy"] = policy.empty() ? options_.pull_policy : policy;
        c["env"] = variables();
        json::array mounts;
        mounts.push_back(mount(kAgentVolume, kAgentFolder, true));
        mounts.push_back(mount(kBuildVolume, kBuildFolder, false));
        mounts.push_back(mount(kTokenVolume, kTokenFolder, true));
        auto cache = mount(kCacheVolume, kCacheFolder, false);
        if (!options_.builds.cache_claim.empty()) cache["subPath"] = order_.environment.uid;
        mounts.push_back(std::move(cache));
        if (read_only()) mounts.push_back(mount(kTmpVolume, "/tmp", false));
        append(mounts, settings_.main.volume_mounts);
        c["volumeMounts"] = std::move(mounts);
        c["resources"] = resources();
        c["securityContext"] = secured(settings_.main.security_context, false);
        return c;
    }

    json::object resources() const {
        const auto& builds = options_.builds;
        auto disk = builds.scratch_bytes;
        if (builds.cache_claim.empty()) disk += builds.cache_bytes;
        json::object given = settings_.main.resources;
        set_if_absent(member(given, "limits"), "ephemeral-storage", quantity(disk));
        return bounded(options_, given, build_memory(order_, options_),
                       options_.default_cpu_millicores);
    }

    /// Bounded by the containers' ephemeral storage alone, which an Environment may raise.
    static json::object scratch(std::string_view name) {
        json::object volume;
        volume["name"] = name;
        volume["emptyDir"].emplace_object();
        return volume;
    }

    json::array volumes() const {
        json::array list;
        list.push_back(empty_dir(kAgentVolume, kAgentBytes, false));
        list.push_back(scratch(kBuildVolume));
        json::object cache, claim;
        if (options_.builds.cache_claim.empty()) {
            cache = scratch(kCacheVolume);
        } else {
            claim["claimName"] = options_.builds.cache_claim;
            cache["name"] = kCacheVolume;
            cache["persistentVolumeClaim"] = std::move(claim);
        }
        list.push_back(std::move(cache));
        if (read_only()) list.push_back(scratch(kTmpVolume));
        json::object secret, token;
        secret["secretName"] = token_name(name_);
        secret["defaultMode"] = 0440;
        token["name"] = kTokenVolume;
        token["secret"] = std::move(secret);
        list.push_back(std::move(token));
        append(list, settings_.volumes);
        return list;
    }

    const KubernetesBackendOptions& options_;
    const BuildOrder& order_;
    const std::string& name_;
    model::PodSettings settings_;
};

void describe(json::object& meta, const model::PodSettings& settings, const BuildOrder& order) {
    json::object labels;
    auto& annotations = meta.at("annotations").as_object();
    for (const auto& [key, value] : settings.labels) labels[key] = value;
    for (const auto& [key, value] : settings.annotations) annotations[key] = value;
    labels[kube_names::kEnvironment] = kube_names::label_value(order.environment.name);
    labels[kube_names::kEnvironmentNs] = kube_names::label_value(order.environment.ns);
    // It answers the daemon alone, on a port that no mesh knows.
    labels["sidecar.istio.io/inject"] = "false";
    // The installation's own labels win over whatever a user gave.
    for (const auto& [key, value] : meta.at("labels").as_object()) labels[key] = value;
    annotations[kube_names::kPackage] = order.name;
    meta["labels"] = std::move(labels);
}

}  // namespace

std::vector<std::string> build_words(const BuildOrder& order) {
    auto words = model::command_words(order.command);
    if (words.empty()) words = order.spec.builder.command;
    if (words.empty()) words.emplace_back("build");
    return words;
}

std::uint64_t build_memory(const BuildOrder& order, const KubernetesBackendOptions& options) {
    const auto own = order.spec.builder.limits.memory_bytes;
    return own != 0 ? own : options.builds.memory_bytes;
}

Result<json::object> build_pod(const PodFactory& factory, const KubernetesBackendOptions& options,
                               const BuildOrder& order, const std::string& ns,
                               const std::string& name, std::chrono::seconds life) {
    const BuildPodMaker maker(options, order, name);
    json::object object;
    object["apiVersion"] = "v1";
    object["kind"] = "Pod";
    object["metadata"] = factory.metadata(ns, name, kube_names::kBuildKind);
    describe(object.at("metadata").as_object(), maker.settings(), order);
    auto spec = maker.spec(life);
    auto faults = unsafe_settings(maker.settings(), order.environment.ns == ns, ns);
    for (auto& fault : unsafe_fields(spec)) faults.push_back(std::move(fault));
    if (!faults.empty())
        return Error(Errc::unsupported,
                     fmt::format("no builder pod is made of environment {}: {}",
                                 model::qualified(order.environment), fmt::join(faults, "; ")),
                     {}, "kubernetes");
    object["spec"] = std::move(spec);
    return object;
}

json::object build_token(const PodFactory& factory, const std::string& ns, const std::string& pod,
                         const std::string& pod_uid, const std::string& token) {
    json::object object, data, owner;
    object["apiVersion"] = "v1";
    object["kind"] = "Secret";
    object["type"] = "Opaque";
    auto meta = factory.metadata(ns, token_name(pod), "build-token");
    owner["apiVersion"] = "v1";
    owner["kind"] = "Pod";
    owner["name"] = pod;
    owner["uid"] = pod_uid;
    meta["ownerReferences"] = json::array{std::move(owner)};
    object["metadata"] = std::move(meta);
    data["token"] = base::base64_encode(token);
    object["data"] = std::move(data);
    return object;
}

}  // namespace hearth::backend
