#pragma once

#include <string>
#include <vector>

#include "hearth/model/resource.hpp"

namespace hearth::api {

/// An object that another one names; always in the same namespace.
struct Reference {
    model::Kind kind;
    std::string name;
    std::string path;       ///< field that names it
    bool optional = false;  ///< may be missing
};

/// What `resource` names. Pure.
std::vector<Reference> references(const model::Resource& resource);

/// Kinds whose objects may name one of `kind`.
std::vector<model::Kind> user_kinds(model::Kind kind);

}  // namespace hearth::api
