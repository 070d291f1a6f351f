#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "backend/kube_pod_factory.hpp"
#include "hearth/backend/builder.hpp"

namespace hearth::backend {

/// The words of a build's command: the package's own, else the environment's, else `build`.
std::vector<std::string> build_words(const BuildOrder& order);
/// Memory limit of the container that builds.
std::uint64_t build_memory(const BuildOrder& order, const KubernetesBackendOptions& options);

/// The pod of one build: the builder's image runs the agent, which an init container puts there.
/// `life` ends it when nobody does. Pure. Errors: unsupported, when what the user's settings and
/// the defaults make together is not safe to start; the message names the field.
Result<boost::json::object> build_pod(const PodFactory& factory,
                                      const KubernetesBackendOptions& options,
                                      const BuildOrder& order, const std::string& ns,
                                      const std::string& name, std::chrono::seconds life);
/// The Secret with the token that this pod's agent alone answers to: what builds runs beside the
/// agent, so it must not see the installation's. It goes with the pod.
boost::json::object build_token(const PodFactory& factory, const std::string& ns,
                                const std::string& pod, const std::string& pod_uid,
                                const std::string& token);

}  // namespace hearth::backend
