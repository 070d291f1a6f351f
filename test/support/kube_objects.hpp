#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <string>

#include "hearth/kube/client.hpp"

namespace hearth::test {

/// A small pod as the API server writes it.
inline std::string pod_text(const std::string& name, const std::string& version,
                            const std::string& uid = {}) {
    return "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" + name +
           "\",\"namespace\":\"ns\",\"uid\":\"" + (uid.empty() ? "uid-" + name : uid) +
           "\",\"resourceVersion\":\"" + version + "\"}}";
}

inline boost::json::object pod_object(const std::string& name, const std::string& version,
                                      const std::string& uid = {}) {
    return boost::json::parse(pod_text(name, version, uid)).as_object();
}

/// A list of such pods.
inline std::string list_text(const std::string& items, const std::string& version,
                             const std::string& next = {}) {
    return "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" +
           version + "\"" + (next.empty() ? "" : ",\"continue\":\"" + next + "\"") +
           "},\"items\":[" + items + "]}";
}

inline kube::WatchEvent watch_event(kube::WatchEvent::Type type, boost::json::object object) {
    kube::WatchEvent event;
    event.type = type;
    event.object = std::move(object);
    return event;
}

}  // namespace hearth::test
