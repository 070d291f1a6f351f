#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::base {

/// A named place where a test can break the control plane on purpose.
///
/// Inert unless the environment variable HEARTH_FAILPOINTS names the point when the process starts:
/// `name=action[@n]`, several separated by `;`. Actions: `kill` (SIGKILL to the own process), `error` (the
/// point returns Errc::io), `nospace` (Errc::no_space), `sleep:MS`. `@n` acts at the n-th hit only.
/// HEARTH_FAILPOINTS=`*=kill@n` counts hits of all points together. Used on write paths of the control
/// plane only, never on a request's path.
/// Thread: any.
Result<void> failpoint(std::string_view name);

/// Names of all points hit so far in this process; a test fails if one that it lists was never reached.
std::vector<std::string> failpoints_hit();

}  // namespace hearth::base
