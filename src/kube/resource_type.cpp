#include "hearth/kube/resource_type.hpp"

#include "hearth/http/message.hpp"

namespace hearth::kube {

std::string ResourceType::path(std::string_view ns, std::string_view name,
                               std::string_view subresource) const {
    std::string text = group.empty() ? "/api/" + version : "/apis/" + group + "/" + version;
    // Names come from people: one must not reach another path.
    if (namespaced && !ns.empty()) text.append("/namespaces/").append(http::percent_encode(ns));
    text.append("/").append(plural);
    if (!name.empty()) text.append("/").append(http::percent_encode(name));
    if (!subresource.empty()) text.append("/").append(subresource);
    return text;
}

}  // namespace hearth::kube
