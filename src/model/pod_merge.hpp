#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

#include "hearth/model/resource.hpp"

namespace hearth::model {

/// All that an Environment or a Function says of its pods, put together into one pod spec of
/// Kubernetes' form whose first container is the main one. What check() looks at is what is used.
struct MergedPod {
    boost::json::object pod;
    /// Where each container and init container stands in the resource, for messages.
    std::vector<std::string> container_paths, init_paths;
    std::string path;    ///< of the pod spec itself
    bool given = false;  ///< something was said at all
};

MergedPod merge_environment_pod(const Resource& environment);
/// Of its builder: spec.builder.container and spec.builder.podspec.
MergedPod merge_builder_pod(const Resource& environment);
/// Only a container function has a pod spec; `with_podspec` false leaves it out.
MergedPod merge_function_pod(const Resource& function, bool with_podspec = true);

}  // namespace hearth::model
