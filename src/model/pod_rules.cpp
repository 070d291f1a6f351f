#include "model/pod_rules.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "hearth/base/quantity.hpp"
#include "model/path.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

using Names = std::set<std::string, std::less<>>;

/// Calls `with` for each map of a list with its path.
template <class With>
void each(const json::object& object, std::string_view key, const std::string& path, With with) {
    const auto* list = list_at(object, key);
    for (std::size_t i = 0; list && i < list->size(); ++i) {
        const auto* item = (*list)[i].if_object();
        if (!item) continue;
        std::string at = join_path(path, key);
        append_index(at, i);
        with(*item, at);
    }
}

class PodRules {
 public:
    using Fault = std::function<void(const std::string&, std::string)>;
    PodRules(const MergedPod& merged, const Fault& fault) : merged_(merged), fault_(fault) {}

    void check(bool main_needs_image) {
        volumes();
        each(merged_.pod, "tolerations", merged_.path,
             [&](const json::object& item, const std::string& path) { toleration(item, path); });
        Names names;
        const auto* containers = list_at(merged_.pod, "containers");
        for (std::size_t i = 0; containers && i < containers->size(); ++i) {
            const auto* item = (*containers)[i].if_object();
            if (!item || i >= merged_.container_paths.size()) continue;
            container(*item, merged_.container_paths[i], i == 0, i > 0 || main_needs_image, names);
        }
        const auto* inits = list_at(merged_.pod, "initContainers");
        for (std::size_t i = 0; inits && i < inits->size(); ++i) {
            const auto* item = (*inits)[i].if_object();
            if (!item) continue;
            container(*item, merged_.init_paths[i], false, true, names);
            init_container(*item, merged_.init_paths[i]);
        }
    }

 private:
    static bool refused_source(const json::object& object) {
        return std::any_of(object.begin(), object.end(), [](const auto& member) {
            return member.key() != "name" &&
                   (member.value().is_object() || member.value().is_null());
        });
    }

    template <std::size_t N>
    void exactly_one(const json::object& object, const std::array<std::string_view, N>& keys,
                     const std::string& path) {
        std::size_t given = 0;
        std::string known;
        for (const auto key : keys) {
            given += object.contains(key) ? 1 : 0;
            known += (known.empty() ? "" : ", ") + std::string(key);
        }
        // A source that the rows refused has been told of.
        if (given == 0 && refused_source(object)) return;
        if (given != 1) fault_(path, "needs exactly one of " + known);
    }

    void volumes() {
        each(merged_.pod, "volumes", merged_.path,
             [&](const json::object& volume, const std::string& path) {
                 const auto name = text_at(volume, "name");
                 if (name.starts_with("hearth-"))
                     fault_(join_path(path, "name"), "names that begin with hearth- are reserved");
                 if (!volumes_.insert(std::string(name)).second)
                     fault_(join_path(path, "name"), std::string(name) + " is there twice");
                 static constexpr std::array<std::string_view, 7> kSources = {
                     "emptyDir",  "configMap",   "secret",
                     "projected", "downwardAPI", "persistentVolumeClaim",
                     "ephemeral"};
                 exactly_one(volume, kSources, path);
                 sources(volume, path);
             });
    }

    void sources(const json::object& volume, const std::string& path) {
        const auto files = [&](const json::object& item, const std::string& at) {
            static constexpr std::array<std::string_view, 2> kRefs = {"fieldRef",
                                                                      "resourceFieldRef"};
            exactly_one(item, kRefs, at);
        };
        if (const auto* downward = object_at(volume, "downwardAPI"))
            each(*downward, "items", join_path(path, "downwardAPI"), files);
        const auto* projected = object_at(volume, "projected");
        if (!projected) return;
        each(*projected, "sources", join_path(path, "projected"),
             [&](const json::object& source, const std::string& at) {
                 static constexpr std::array<std::string_view, 3> kSources = {"configMap", "secret",
                                                                              "downwardAPI"};
                 exactly_one(source, kSources, at);
                 if (const auto* downward = object_at(source, "downwardAPI"))
                     each(*downward, "items", join_path(at, "downwardAPI"), files);
             });
    }

    void toleration(const json::object& item, const std::string& path) {
        const bool exists = text_at(item, "operator") == "Exists";
        if (exists && !text_at(item, "value").empty())
            fault_(join_path(path, "value"), "goes not together with operator Exists; remove it");
        if (!exists && text_at(item, "key").empty())
            fault_(join_path(path, "key"), "is missing; only operator Exists goes without a key");
        if (item.contains("tolerationSeconds") && text_at(item, "effect") != "NoExecute")
            fault_(join_path(path, "tolerationSeconds"), "needs effect NoExecute");
    }

    void container(const json::object& item, const std::string& path, bool main, bool needs_image,
                   Names& names) {
        const std::string name(text_at(item, "name"));
        if (name.empty() && !main) fault_(join_path(path, "name"), "is missing");
        if (!name.empty() && !names.insert(name).second)
            fault_(join_path(path, "name"), name + " is the name of two containers");
        const bool own = name == "runner" || name.starts_with("istio-") ||
                         name.starts_with("hearth-") || (name == "environment" && !main);
        if (own)
            fault_(join_path(path, "name"),
                   name + " is the name of a container of the platform; choose another");
        if (needs_image && text_at(item, "image").empty())
            fault_(join_path(path, "image"), "is missing");
        variables(item, path);
        mounts(item, path);
        ports(item, path);
        resources(item, path);
        for (const std::string_view probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
            static constexpr std::array<std::string_view, 4> kHandlers = {"httpGet", "tcpSocket",
                                                                          "grpc", "exec"};
            if (const auto* given = object_at(item, probe); given && !given->empty())
                exactly_one(*given, kHandlers, join_path(path, probe));
        }
        for (const std::string_view hook : {"postStart", "preStop"}) {
            static constexpr std::array<std::string_view, 2> kHandlers = {"exec", "sleep"};
            if (const auto* given = object_at(item, "lifecycle." + std::string(hook)))
                exactly_one(*given, kHandlers, join_path(join_path(path, "lifecycle"), hook));
        }
    }

    void init_container(const json::object& item, const std::string& path) {
        if (text_at(item, "restartPolicy") == "Always") return;
        for (const std::string_view key :
             {"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"}) {
            if (item.contains(key))
                fault_(join_path(path, key), "needs restartPolicy Always in an init container");
        }
    }

    void variables(const json::object& item, const std::string& path) {
        Names seen;
        each(item, "env", path, [&](const json::object& variable, const std::string& at) {
            const std::string name(text_at(variable, "name"));
            if (!name.empty() && !seen.insert(name).second)
                fault_(join_path(at, "name"), name + " is set twice");
            const auto* from = object_at(variable, "valueFrom");
            if (!from || from->empty()) return;
            if (!text_at(variable, "value").empty())
                fault_(join_path(at, "valueFrom"),
                       "goes not together with value; remove one of them");
            static constexpr std::array<std::string_view, 4> kSources = {
                "secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef"};
            exactly_one(*from, kSources, join_path(at, "valueFrom"));
        });
        each(item, "envFrom", path, [&](const json::object& source, const std::string& at) {
            static constexpr std::array<std::string_view, 2> kSources = {"secretRef",
                                                                         "configMapRef"};
            exactly_one(source, kSources, at);
        });
    }

    void mounts(const json::object& item, const std::string& path) {
        Names paths;
        each(item, "volumeMounts", path, [&](const json::object& mount, const std::string& at) {
            const std::string name(text_at(mount, "name"));
            if (!name.empty() && volumes_.count(name) == 0)
                fault_(join_path(at, "name"), "there is no volume " + name);
            std::string folder(text_at(mount, "mountPath"));
            while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
            if (!folder.empty() && !paths.insert(folder).second)
                fault_(join_path(at, "mountPath"), "two volumes are mounted at " + folder);
        });
    }

    void ports(const json::object& item, const std::string& path) {
        Names names;
        each(item, "ports", path, [&](const json::object& port, const std::string& at) {
            const std::string name(text_at(port, "name"));
            if (!name.empty() && !names.insert(name).second)
                fault_(join_path(at, "name"), name + " is the name of two ports");
        });
    }

    static std::optional<std::uint64_t> amount(std::string_view resource,
                                               const json::value* value) {
        if (!value) return std::nullopt;
        const auto text =
            value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
        if (resource == "cpu") {
            const auto cores = base::parse_millicores(text);
            return cores ? std::optional<std::uint64_t>(*cores) : std::nullopt;
        }
        const auto bytes = base::parse_bytes(text);
        return bytes ? std::optional<std::uint64_t>(*bytes) : std::nullopt;
    }

    void resources(const json::object& item, const std::string& path) {
        const auto* limits = object_at(item, "resources.limits");
        const auto* requests = object_at(item, "resources.requests");
        if (!requests) return;
        for (const auto& member : *requests) {
            const std::string_view name = member.key();
            const bool extended = name.find('/') != std::string_view::npos;
            const auto wanted = amount(name, &member.value());
            const auto most = amount(name, limits ? limits->if_contains(name) : nullptr);
            const auto at = join_path(join_path(join_path(path, "resources"), "requests"), name);
            if (extended && wanted && wanted != most)
                fault_(at, "must be the same as in limits, since it cannot be overcommitted");
            if (!extended && wanted && most && *wanted > *most) fault_(at, "is above the limit");
        }
    }

    const MergedPod& merged_;
    const Fault& fault_;
    Names volumes_;
};

}  // namespace

void check_pod_rules(const MergedPod& merged, bool main_needs_image,
                     const std::function<void(const std::string&, std::string)>& fault) {
    PodRules(merged, fault).check(main_needs_image);
}

}  // namespace hearth::model
