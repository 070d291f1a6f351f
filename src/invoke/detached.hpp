#pragma once

#include "invoke/parts.hpp"

namespace hearth::invoke {

/// Makes one call that no client waits for. Thread: a shard.
Task<CallAnswer> run_detached(Parts& parts, DetachedCall call);

}  // namespace hearth::invoke
