#pragma once

#include <string>

#include "api/operations.hpp"

namespace hearth::api {

/// The OpenAPI 3.1 document of all documented operations, as JSON text.
std::string openapi_document(const OperationTable& table);

}  // namespace hearth::api
