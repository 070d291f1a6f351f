#pragma once

#include <string_view>

#include "hearth/base/error.hpp"

namespace hearth::kube {

/// Error::component of every failure that the API server, or the way to it, reported.
inline constexpr std::string_view kComponent = "kubernetes";

/// The machine-readable reason of the server's Status ("NotFound", "AlreadyExists", "Expired",
/// "Forbidden"…): what Error::detail holds. Empty for failures that came from elsewhere.
///
/// What the codes of a kube call mean:
///   not_found          404
///   already_exists     409 with the reason AlreadyExists
///   conflict           409 otherwise, and 410
///   invalid_argument   400, 405, 406, 415, 422
///   unauthenticated    401
///   forbidden          403; the message is RBAC's sentence
///   too_large          413, or past our own limit
///   exhausted          429, or the request budget, for longer than the deadline allows
///   unavailable        no connection, a lost one, 5xx, or no Kubernetes answer
///   deadline_exceeded  ours
///   cancelled          the caller, or the client was stopped
std::string_view reason_of(const Error& error);

/// 410: the resourceVersion or continue token is older than what the server still has.
bool is_expired(const Error& error);
/// 403 because a ResourceQuota is used up (RBAC's kind of 403 is not).
bool is_quota(const Error& error);

}  // namespace hearth::kube
