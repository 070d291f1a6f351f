#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::model {

enum class Kind {
    environment,
    package,
    function,
    http_trigger,
    secret,
    config_map,
    api_token,
    message_queue_trigger,
    time_trigger,
    kubernetes_watch_trigger,
    workflow
};
inline constexpr Kind kAllKinds[] = {Kind::environment,  Kind::package,
                                     Kind::function,     Kind::http_trigger,
                                     Kind::secret,       Kind::config_map,
                                     Kind::api_token,    Kind::message_queue_trigger,
                                     Kind::time_trigger, Kind::kubernetes_watch_trigger,
                                     Kind::workflow};

struct Metadata {
    std::string name;
    std::string ns = "default";
    std::string uid;              ///< given by the API on create, kept for life
    std::int64_t generation = 0;  ///< counts changes of the spec; the first is 1
    std::int64_t revision =
        0;                ///< the store's revision of the last change; `resourceVersion` in JSON
    std::string created;  ///< RFC 3339, given on create
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> annotations;
    bool operator==(const Metadata&) const = default;
};

/// One stored object as users write it. For Secret and ConfigMap `spec` holds {"data": {...}}
/// (Secret values in base64 as given by the wire form, `stringData` already folded in) and, for
/// Secret, "type".
struct Resource {
    Kind kind = Kind::function;
    Metadata metadata;
    boost::json::object spec;
};

/// "namespace/name", as messages show it.
std::string qualified(const Metadata& metadata);

/// The whole object as JSON: apiVersion hearth/v1, kind, metadata, spec (data/type at top level for
/// Secret and ConfigMap), and `status` when given.
boost::json::object to_json(const Resource& resource, const boost::json::object* status = nullptr);

}  // namespace hearth::model
