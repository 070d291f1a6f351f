#pragma once

#include "hearth/base/result.hpp"
#include "hearth/model/specs.hpp"
#include "model/pod_merge.hpp"

namespace hearth::model {

/// The typed form of a merged pod. It is looked at again by the same rows and rules as in check():
/// a database of an older or foreign daemon may hold what was never checked. Null when nothing was
/// said. Errors: internal.
Result<PodSettingsPtr> decode_pod(MergedPod merged, const Resource& resource,
                                  bool main_needs_image);

}  // namespace hearth::model
