#include "hearth/model/resource.hpp"

#include <boost/json.hpp>

#include "hearth/model/kinds.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

json::object to_object(const std::map<std::string, std::string>& map) {
    json::object out;
    out.reserve(map.size());
    for (const auto& [key, value] : map) out.emplace(key, value);
    return out;
}

json::object metadata_object(const Metadata& metadata) {
    json::object out;
    out["name"] = metadata.name;
    out["namespace"] = metadata.ns;
    if (!metadata.uid.empty()) out["uid"] = metadata.uid;
    if (metadata.generation != 0) out["generation"] = metadata.generation;
    if (metadata.revision != 0) out["resourceVersion"] = std::to_string(metadata.revision);
    if (!metadata.created.empty()) out["creationTimestamp"] = metadata.created;
    if (!metadata.labels.empty()) out["labels"] = to_object(metadata.labels);
    if (!metadata.annotations.empty()) out["annotations"] = to_object(metadata.annotations);
    return out;
}

}  // namespace

std::string qualified(const Metadata& metadata) {
    return metadata.ns + "/" + metadata.name;
}

json::object to_json(const Resource& resource, const json::object* status) {
    json::object out;
    out["apiVersion"] = "hearth/v1";
    out["kind"] = table(resource.kind).name;
    out["metadata"] = metadata_object(resource.metadata);
    if (resource.kind == Kind::secret || resource.kind == Kind::config_map) {
        for (const auto& member : resource.spec) out.emplace(member.key(), member.value());
    } else {
        out["spec"] = resource.spec;
    }
    if (status) out["status"] = *status;
    return out;
}

}  // namespace hearth::model
