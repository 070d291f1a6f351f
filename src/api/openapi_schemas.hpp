#pragma once

#include <boost/json/object.hpp>

#include "hearth/model/kinds.hpp"

namespace hearth::api {

/// components/schemas: every kind from its table, and the shapes of the other answers.
boost::json::object openapi_schemas();

/// A body that works, for one kind.
boost::json::object example_of(model::Kind kind);

}  // namespace hearth::api
