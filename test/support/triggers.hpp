#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hearth/model/resource.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::test {

inline model::Metadata named(std::string name, std::string ns = "default",
                             std::string created = "2026-01-01T00:00:00.000Z") {
    model::Metadata metadata;
    metadata.name = std::move(name);
    metadata.ns = std::move(ns);
    metadata.created = std::move(created);
    return metadata;
}

/// A trigger of that exact path, or of that prefix when it ends in `*`: "/a/{id}", "/p*", "/p/*".
inline model::HttpTriggerSpec trigger(std::string path, std::vector<std::string> methods = {},
                                      std::string host = {}) {
    model::HttpTriggerSpec spec;
    if (path.ends_with('*')) {
        path.pop_back();
        spec.prefix = path;
    } else {
        spec.path = path;
    }
    spec.methods = std::move(methods);
    spec.host = std::move(host);
    spec.function = "fn";
    return spec;
}

}  // namespace hearth::test
