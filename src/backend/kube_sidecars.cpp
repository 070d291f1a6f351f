#include "backend/kube_sidecars.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <string>

namespace hearth::backend {
namespace {

namespace json = boost::json;

constexpr int kFirstMinor = 29;  // where the feature gate SidecarContainers is on by default

bool is_sidecar(const json::value& container) {
    const auto* object = container.if_object();
    const auto* policy = object != nullptr ? object->if_contains("restartPolicy") : nullptr;
    return policy != nullptr && *policy == "Always";
}

json::array* list_at(json::object& of, std::string_view key) {
    auto* list = of.if_contains(key);
    return list != nullptr ? list->if_array() : nullptr;
}

}  // namespace

bool knows_sidecars(std::string_view version) {
    constexpr std::string_view kMajor = "v1.";
    if (!version.starts_with(kMajor)) return true;
    version.remove_prefix(kMajor.size());
    int minor = kFirstMinor;
    std::from_chars(version.data(), version.data() + version.size(), minor);
    return minor >= kFirstMinor;
}

bool has_sidecars(const json::object& pod_spec) {
    const auto* init = pod_spec.if_contains("initContainers");
    if (init == nullptr || !init->is_array()) return false;
    for (const auto& container : init->get_array())
        if (is_sidecar(container)) return true;
    return false;
}

void make_sidecars_plain(json::object& pod_spec) {
    auto* init = list_at(pod_spec, "initContainers");
    auto* containers = list_at(pod_spec, "containers");
    if (init == nullptr || containers == nullptr) return;
    json::array rest;
    for (auto& container : *init) {
        if (!is_sidecar(container)) {
            rest.push_back(std::move(container));
            continue;
        }
        container.get_object().erase("restartPolicy");
        containers->push_back(std::move(container));
    }
    *init = std::move(rest);
    if (init->empty()) pod_spec.erase("initContainers");
}

}  // namespace hearth::backend
