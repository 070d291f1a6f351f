#pragma once

#include "api/context.hpp"

namespace hearth::api {

/// Checks the query against the operation's parameters: unknown names, wrong types, missing ones. A
/// misspelt `dryrun` must not become a real write. Errors: invalid_argument naming the parameter
/// and the nearest known one.
Result<void> check_parameters(const Operation& operation, std::string_view query);

/// A DNS label of at most 63 characters, as namespaces and names are.
bool is_name(std::string_view text);

/// The request's own id (1 to 192 printable ASCII characters), else a new one.
std::string request_id_of(const http::RequestHead& head);

}  // namespace hearth::api
