#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "backend/kube_names.hpp"
#include "backend/kube_pod_factory.hpp"
#include "hearth/base/json_view.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using base::list_at;
using base::object_at;
using base::text_view_at;

using Faults = std::vector<std::string>;
using Keys = std::set<std::string_view>;

// What may stand in a pod spec at all: a member Kubernetes adds one day is refused until somebody
// has looked at it.
const Keys kPodKeys = {"activeDeadlineSeconds",
                       "automountServiceAccountToken",
                       "enableServiceLinks",
                       "restartPolicy",
                       "terminationGracePeriodSeconds",
                       "securityContext",
                       "containers",
                       "initContainers",
                       "volumes",
                       "nodeSelector",
                       "affinity",
                       "tolerations",
                       "topologySpreadConstraints",
                       "imagePullSecrets",
                       "hostAliases",
                       "dnsConfig",
                       "dnsPolicy",
                       "runtimeClassName",
                       "priorityClassName",
                       "schedulerName",
                       "hostname",
                       "subdomain"};
const Keys kPodSecurityKeys = {
    "runAsUser",      "runAsGroup",         "runAsNonRoot",       "fsGroup",
    "seccompProfile", "supplementalGroups", "fsGroupChangePolicy"};
const Keys kContainerKeys = {"name",           "image",        "imagePullPolicy", "command",
                             "args",           "workingDir",   "ports",           "env",
                             "envFrom",        "resources",    "volumeMounts",    "livenessProbe",
                             "readinessProbe", "startupProbe", "lifecycle",       "securityContext",
                             "restartPolicy"};
const Keys kSecurityKeys = {"runAsUser",
                            "runAsGroup",
                            "runAsNonRoot",
                            "readOnlyRootFilesystem",
                            "allowPrivilegeEscalation",
                            "capabilities",
                            "seccompProfile"};
const Keys kVolumeKinds = {"emptyDir",  "configMap",   "secret",
                           "projected", "downwardAPI", "persistentVolumeClaim",
                           "ephemeral"};
constexpr std::string_view kOwnVolumes = "hearth-";
constexpr std::array kOwnPaths = {"/hearth", "/userfunc", "/secrets", "/configs"};

bool is(const json::object& from, std::string_view key, const json::value& wanted) {
    const auto* value = from.if_contains(key);
    return value != nullptr && *value == wanted;
}

void only(const json::object& object, const Keys& keys, const std::string& where, Faults& faults) {
    for (const auto& [key, value] : object)
        if (!keys.contains(key))
            faults.push_back(fmt::format("{}.{} is not allowed", where, std::string_view(key)));
}

void check_user(const json::object& context, const std::string& where, Faults& faults) {
    for (const auto key : {"runAsUser", "runAsGroup", "fsGroup"})
        if (const auto* value = context.if_contains(key)) {
            const bool root = !value->is_int64() && !value->is_uint64();
            if (root || value->to_number<std::int64_t>() < 1)
                faults.push_back(fmt::format("{}.{} must be a number above 0", where, key));
        }
    if (const auto* list = list_at(context, "supplementalGroups"))
        for (const auto& value : *list)
            if (value == 0) faults.push_back(where + ".supplementalGroups must not hold 0");
    if (const auto* profile = object_at(context, "seccompProfile")) {
        const auto type = text_view_at(*profile, "type");
        if (type != "RuntimeDefault" && type != "Localhost")
            faults.push_back(where + ".seccompProfile.type must be RuntimeDefault or Localhost");
    }
}

void check_security(const json::object& container, const std::string& where, Faults& faults) {
    const auto* context = object_at(container, "securityContext");
    const auto at = where + ".securityContext";
    if (context == nullptr) return faults.push_back(at + " is missing");
    only(*context, kSecurityKeys, at, faults);
    check_user(*context, at, faults);
    if (!is(*context, "allowPrivilegeEscalation", false))
        faults.push_back(at + ".allowPrivilegeEscalation must be false");
    if (!is(*context, "runAsNonRoot", true)) faults.push_back(at + ".runAsNonRoot must be true");
    const auto* capabilities = object_at(*context, "capabilities");
    if (capabilities == nullptr || !is(*capabilities, "drop", json::array{"ALL"}))
        return faults.push_back(at + ".capabilities must drop ALL");
    if (const auto* add = capabilities->if_contains("add"))
        if (*add != json::array{"NET_BIND_SERVICE"})
            faults.push_back(at + ".capabilities.add may hold NET_BIND_SERVICE alone");
}

void check_handlers(const json::object& container, const std::string& where, Faults& faults) {
    // The kubelet sends these requests itself, from the node.
    for (const auto probe : {"livenessProbe", "readinessProbe", "startupProbe"})
        for (const auto kind : {"httpGet", "tcpSocket"})
            if (const auto* p = object_at(container, probe))
                if (const auto* get = object_at(*p, kind))
                    if (get->contains("host"))
                        faults.push_back(
                            fmt::format("{}.{}.{}.host is not allowed", where, probe, kind));
    if (const auto* lifecycle = object_at(container, "lifecycle"))
        for (const auto event : {"postStart", "preStop"})
            if (const auto* e = object_at(*lifecycle, event))
                for (const auto kind : {"httpGet", "tcpSocket"})
                    if (const auto* get = object_at(*e, kind))
                        if (get->contains("host"))
                            faults.push_back(fmt::format("{}.lifecycle.{}.{}.host is not allowed",
                                                         where, event, kind));
}

void check_mounts(const json::object& container, const std::string& where, bool runner,
                  Faults& faults) {
    std::set<std::string_view> paths;
    const auto* mounts = list_at(container, "volumeMounts");
    if (mounts == nullptr) return;
    for (const auto& value : *mounts) {
        const auto* mount = value.if_object();
        if (mount == nullptr) {
            faults.push_back(where + ".volumeMounts must hold objects");
            continue;
        }
        const auto path = text_view_at(*mount, "mountPath");
        const auto volume = text_view_at(*mount, "name");
        if (!paths.insert(path).second)
            faults.push_back(fmt::format("{}.volumeMounts names {} twice", where, path));
        if (volume == "hearth-token" && !runner)
            faults.push_back(where + " must not mount the runner's token");
        if (text_view_at(*mount, "mountPropagation") == "Bidirectional")
            faults.push_back(where + ".volumeMounts.mountPropagation is not allowed");
        if (path.find("..") != std::string_view::npos || path.substr(0, 1) != "/")
            faults.push_back(fmt::format("{}.volumeMounts has the path \"{}\"", where, path));
        if (volume.substr(0, kOwnVolumes.size()) == kOwnVolumes) continue;
        for (const std::string_view reserved : kOwnPaths)
            if (path == reserved ||
                path.substr(0, reserved.size() + 1) == std::string(reserved) + "/")
                faults.push_back(fmt::format("{}.volumeMounts must not cover {}", where, reserved));
    }
}

void check_container(const json::object& container, const std::string& where, Faults& faults) {
    only(container, kContainerKeys, where, faults);
    const auto name = text_view_at(container, "name");
    if (name.empty() || text_view_at(container, "image").empty())
        faults.push_back(where + " needs a name and an image");
    check_security(container, where, faults);
    check_handlers(container, where, faults);
    check_mounts(container, where, name == kube_names::kRunnerContainer, faults);
    if (const auto* ports = list_at(container, "ports"))
        for (const auto& value : *ports)
            if (const auto* port = value.if_object())
                if (port->contains("hostPort") || port->contains("hostIP"))
                    faults.push_back(where + ".ports.hostPort is not allowed");
    const auto* resources = object_at(container, "resources");
    const auto* limits = resources != nullptr ? object_at(*resources, "limits") : nullptr;
    if (limits == nullptr || !limits->contains("memory") || !limits->contains("ephemeral-storage"))
        faults.push_back(where + ".resources.limits must bound memory and ephemeral-storage");
    if (const auto* policy = container.if_contains("restartPolicy"))
        if (where.find("initContainers") == std::string::npos || *policy != "Always")
            faults.push_back(where + ".restartPolicy is not allowed");
}

void check_containers(const json::object& spec, std::string_view key, std::set<std::string>& names,
                      Faults& faults) {
    const auto* containers = list_at(spec, key);
    if (containers == nullptr) return;
    for (const auto& value : *containers) {
        const auto* container = value.if_object();
        const auto name =
            container != nullptr ? text_view_at(*container, "name") : std::string_view();
        const auto where = fmt::format("{}[{}]", key, name);
        if (container == nullptr) {
            faults.push_back(where + " must be an object");
            continue;
        }
        if (!names.emplace(name).second) faults.push_back(where + " has a name that is taken");
        check_container(*container, where, faults);
    }
}

void check_projection(const json::object& source, const std::string& where, Faults& faults) {
    const auto* sources = list_at(source, "sources");
    if (sources == nullptr) return;
    for (const auto& value : *sources)
        if (const auto* projection = value.if_object())
            for (const auto& [kind, what] : *projection) {
                // A token or a trust bundle in the pod is what automountServiceAccountToken: false
                // is against.
                if (kind != "configMap" && kind != "secret" && kind != "downwardAPI")
                    faults.push_back(fmt::format("{}.projected.{} is not allowed", where,
                                                 std::string_view(kind)));
                if (kind == "secret" && what.is_object() &&
                    text_view_at(what.get_object(), "name") == kTokenSecret)
                    faults.push_back(where + " must not hold the runner's token");
            }
}

void check_volumes(const json::object& spec, Faults& faults) {
    const auto* volumes = list_at(spec, "volumes");
    if (volumes == nullptr) return;
    std::set<std::string_view> names;
    for (const auto& value : *volumes) {
        const auto* volume = value.if_object();
        const auto name = volume != nullptr ? text_view_at(*volume, "name") : std::string_view();
        const auto where = fmt::format("volumes[{}]", name);
        if (volume == nullptr || name.empty()) {
            faults.push_back(where + " needs a name");
            continue;
        }
        if (!names.insert(name).second) faults.push_back(where + " has a name that is taken");
        for (const auto& [kind, source] : *volume) {
            if (kind == "name") continue;
            if (!kVolumeKinds.contains(kind))
                faults.push_back(
                    fmt::format("{}.{} is not allowed", where, std::string_view(kind)));
            if (kind == "projected" && source.is_object())
                check_projection(source.get_object(), where, faults);
            if (kind == "secret" && source.is_object() && name != "hearth-token" &&
                text_view_at(source.get_object(), "secretName") == kTokenSecret)
                faults.push_back(where + " must not hold the runner's token");
        }
    }
}

void check_token_variables(const json::object& spec, Faults& faults) {
    const auto text = json::serialize(spec);
    // Once as a volume; a variable that refers to it would be a second time.
    const auto first = text.find(kTokenSecret);
    if (first != std::string::npos && text.find(kTokenSecret, first + 1) != std::string::npos)
        faults.push_back("the runner's token may be named by its volume alone");
}

const Keys kReferences = {"secretKeyRef", "configMapKeyRef", "secretRef", "configMapRef",
                          "secret",       "configMap",       "projected", "persistentVolumeClaim"};

bool refers(const json::value& value) {
    if (const auto* list = value.if_array()) return std::any_of(list->begin(), list->end(), refers);
    const auto* object = value.if_object();
    if (object == nullptr) return false;
    return std::any_of(object->begin(), object->end(), [](const auto& member) {
        return kReferences.contains(std::string_view(member.key())) || refers(member.value());
    });
}

}  // namespace

std::vector<std::string> unsafe_settings(const model::PodSettings& settings, bool own_namespace,
                                         const std::string& pods_ns) {
    Faults faults;
    for (const auto& value : settings.volumes)
        if (const auto* volume = value.if_object())
            if (text_view_at(*volume, "name").substr(0, kOwnVolumes.size()) == kOwnVolumes)
                faults.push_back(fmt::format(
                    "the volume {} has a name that is taken: {}… is kept for Hearth's own",
                    text_view_at(*volume, "name"), kOwnVolumes));
    if (own_namespace) return faults;
    bool found = refers(settings.volumes);
    const auto look = [&found](const model::ContainerSettings& c) {
        found = found || refers(c.env) || refers(c.env_from);
    };
    look(settings.main);
    for (const auto& c : settings.containers) look(c);
    for (const auto& c : settings.init_containers) look(c);
    if (found)
        faults.push_back(
            fmt::format("its pods run in namespace {} and would read Secrets, ConfigMaps or "
                        "volumes there, which are not its own",
                        pods_ns));
    return faults;
}

std::vector<std::string> unsafe_fields(const json::object& spec) {
    Faults faults;
    only(spec, kPodKeys, "spec", faults);
    if (!is(spec, "automountServiceAccountToken", false))
        faults.push_back("spec.automountServiceAccountToken must be false");
    const auto* context = object_at(spec, "securityContext");
    if (context == nullptr || !is(*context, "runAsNonRoot", true) ||
        !context->contains("seccompProfile"))
        faults.push_back("spec.securityContext must have runAsNonRoot and a seccompProfile");
    if (context != nullptr) {
        only(*context, kPodSecurityKeys, "spec.securityContext", faults);
        check_user(*context, "spec.securityContext", faults);
    }
    std::set<std::string> names;
    check_containers(spec, "containers", names, faults);
    check_containers(spec, "initContainers", names, faults);
    check_volumes(spec, faults);
    check_token_variables(spec, faults);
    return faults;
}

}  // namespace hearth::backend
