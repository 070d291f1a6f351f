#include "model/pod_merge.hpp"

#include <boost/json.hpp>

#include <optional>

#include "model/path.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

/// Adds the items of `from`; one of the same `key` is replaced.
void merge_list(json::array& into, const json::array& from, std::string_view key) {
    for (const auto& item : from) {
        const auto* object = item.if_object();
        const auto name = object ? text_at(*object, key) : std::string_view();
        json::value* same = nullptr;
        for (auto& known : into) {
            const auto* other = known.if_object();
            if (other && !name.empty() && text_at(*other, key) == name) same = &known;
        }
        if (same) {
            *same = item;
        } else {
            into.push_back(item);
        }
    }
}

void merge_resources(json::object& into, const json::object& from) {
    for (const char* side : {"limits", "requests"}) {
        const auto* given = object_at(from, side);
        if (!given || given->empty()) continue;
        auto& known = into[side];
        if (!known.is_object()) known.emplace_object();
        for (const auto& member : *given) known.get_object()[member.key()] = member.value();
    }
}

void merge_container(json::object& into, const json::object& from) {
    for (const auto& member : from) {
        const std::string_view key = member.key();
        auto& known = into[key];
        if (key == "resources" && member.value().is_object()) {
            if (!known.is_object()) known.emplace_object();
            merge_resources(known.get_object(), member.value().get_object());
        } else if ((key == "env" || key == "volumeMounts") && member.value().is_array() &&
                   known.is_array()) {
            merge_list(known.get_array(), member.value().get_array(),
                       key == "env" ? "name" : "mountPath");
        } else {
            known = member.value();
        }
    }
}

/// Index of the main container among those of a pod spec.
std::optional<std::size_t> main_of(const json::array& containers,
                                   const std::vector<std::string_view>& names) {
    for (const auto name : names) {
        for (std::size_t i = 0; i < containers.size(); ++i) {
            const auto* container = containers[i].if_object();
            if (container && !name.empty() && text_at(*container, "name") == name) return i;
        }
    }
    return std::nullopt;
}

void put_containers(MergedPod& out, json::object main, const json::array* containers,
                    std::optional<std::size_t> main_index) {
    json::array all;
    all.emplace_back(std::move(main));
    for (std::size_t i = 0; containers && i < containers->size(); ++i) {
        if (i == main_index) continue;
        all.push_back((*containers)[i]);
        std::string path = out.path + ".containers";
        append_index(path, i);
        out.container_paths.push_back(std::move(path));
    }
    out.pod["containers"] = std::move(all);
    if (const auto* inits = list_at(out.pod, "initContainers")) {
        for (std::size_t i = 0; i < inits->size(); ++i) {
            std::string path = out.path + ".initContainers";
            append_index(path, i);
            out.init_paths.push_back(std::move(path));
        }
    }
}

std::string indexed(const std::string& path, std::optional<std::size_t> index) {
    std::string out = path + ".containers";
    if (index) append_index(out, *index);
    return out;
}

/// What an Environment's `part` (runtime or builder) says of its pods, laid over `main`.
MergedPod merge_part(const Resource& environment, const std::string& part, json::object main) {
    MergedPod out;
    const json::object& spec = environment.spec;
    const auto* container = object_at(spec, part + ".container");
    if (container) merge_container(main, *container);
    const auto* pod = object_at(spec, part + ".podspec");
    if (pod) out.pod = *pod;
    out.path = "spec." + part + ".podspec";
    const auto* containers = pod ? list_at(*pod, "containers") : nullptr;
    std::optional<std::size_t> index;
    if (containers) {
        // As Fission names them.
        const std::string_view own = part == "builder" ? part : environment.metadata.name;
        index = main_of(*containers, {own, container ? text_at(*container, "name") : ""});
        // Fission's tools put one container there and forget the name.
        const auto* only = containers->size() == 1 ? containers->front().if_object() : nullptr;
        if (!index && only) {
            const auto image = text_at(*only, "image");
            if (image.empty() || image == text_at(spec, part + ".image")) index = 0;
        }
        if (index) merge_container(main, (*containers)[*index].get_object());
    }
    out.container_paths.push_back(index       ? indexed(out.path, index)
                                  : container ? "spec." + part + ".container"
                                              : "spec." + part);
    const auto secret = text_at(spec, "imagepullsecret");
    if (!secret.empty()) {
        json::object name;
        name["name"] = secret;
        auto& list = out.pod["imagePullSecrets"];
        json::array all;
        all.emplace_back(std::move(name));
        if (list.is_array()) merge_list(all, list.get_array(), "name");
        list = std::move(all);
    }
    out.given = container || pod || !secret.empty();
    put_containers(out, std::move(main), containers, index);
    return out;
}

}  // namespace

MergedPod merge_environment_pod(const Resource& environment) {
    json::object main;
    const auto* resources = object_at(environment.spec, "resources");
    if (resources) merge_resources(main["resources"].emplace_object(), *resources);
    auto out = merge_part(environment, "runtime", std::move(main));
    out.given = out.given || resources;
    return out;
}

MergedPod merge_builder_pod(const Resource& environment) {
    return merge_part(environment, "builder", json::object());
}

MergedPod merge_function_pod(const Resource& function, bool with_podspec) {
    MergedPod out;
    const json::object& spec = function.spec;
    json::object main;
    const auto* resources = object_at(spec, "resources");
    if (resources) merge_resources(main["resources"].emplace_object(), *resources);
    const auto* pod = with_podspec ? object_at(spec, "podspec") : nullptr;
    if (pod) out.pod = *pod;
    out.path = "spec.podspec";
    const auto* containers = pod ? list_at(*pod, "containers") : nullptr;
    std::optional<std::size_t> index;
    if (containers) {
        index = main_of(*containers, {function.metadata.name});
        if (!index && containers->size() == 1 && containers->front().is_object()) index = 0;
        if (index) merge_container(main, (*containers)[*index].get_object());
    }
    out.container_paths.push_back(index ? indexed(out.path, index) : out.path);
    out.given = pod || resources;
    put_containers(out, std::move(main), containers, index);
    return out;
}

}  // namespace hearth::model
