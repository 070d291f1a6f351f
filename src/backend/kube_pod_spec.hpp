#pragma once

#include <boost/json/object.hpp>

#include <string>

#include "hearth/backend/backend.hpp"
#include "hearth/backend/kubernetes_options.hpp"
#include "hearth/model/pod_settings.hpp"

namespace hearth::backend {

/// Everything one pod spec is made of.
struct PodSpecInput {
    const KubernetesBackendOptions& options;
    const Runtime& runtime;
    std::string image;
    const ImageTraits* traits = nullptr;  ///< null: an image nobody knows
    std::uint16_t port = 0;
    std::string ns;
    std::string variables;  ///< name of the Secret of variables; empty: there is none
    bool replica = false;   ///< of a Deployment, which restarts containers
};

/// The settings of an environment with a function's own laid over them.
model::PodSettings merge_settings(const model::PodSettings& base, const model::PodSettings& over);
/// `spec` of a pod.
boost::json::object make_pod_spec(const PodSpecInput& input);

}  // namespace hearth::backend
