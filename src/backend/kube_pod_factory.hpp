#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>

#include "hearth/backend/backend.hpp"
#include "hearth/backend/kubernetes_options.hpp"

namespace hearth::backend {

inline constexpr std::uint16_t kRunnerPort = 8889;
inline constexpr std::uint16_t kEnvironmentPort = 8888;
inline constexpr std::uint16_t kServicePort = 80;
inline constexpr std::string_view kTokenSecret = "hearth-runner-token";

/// Every object the backend makes comes from here, so that what holds for one pod holds for all of
/// them: two containers that pass PodSecurity `restricted`, no service account token, limits, and
/// of a user's settings what the model's allowlist let through. Pure. Thread: any.
class PodFactory {
 public:
    explicit PodFactory(const KubernetesBackendOptions& options) : options_(options) {}

    /// Where the pods of a runtime live.
    std::string namespace_of(const Runtime& runtime) const;
    std::string image_of(const Runtime& runtime) const;
    const ImageTraits* traits_of(const std::string& image) const;
    /// Where the instance's own server listens.
    std::uint16_t port_of(const Runtime& runtime) const;
    /// Deployment, autoscaler, Service and the Secret of variables have names made of the runtime
    /// alone.
    std::string workload_name(const Runtime& runtime) const;
    std::string variables_name(const Runtime& runtime) const;
    bool autoscaled(const Runtime& runtime) const;

    /// Errors of all: unsupported, when what the user's settings and the defaults make together is
    /// not safe to start; the message names the field.
    Result<boost::json::object> pod(const Runtime& runtime, const std::string& name) const;
    Result<boost::json::object> deployment(const Runtime& runtime, int replicas) const;
    /// `api`: "autoscaling/v2" or "autoscaling/v2beta2".
    boost::json::object autoscaler(const Runtime& runtime, std::string_view api) const;
    /// The Service in front of a workload's ready replicas.
    boost::json::object service(const Runtime& runtime) const;
    /// The Service in front of one bare pod, which goes with the pod.
    boost::json::object pod_service(const std::string& ns, const std::string& pod,
                                    const std::string& uid, std::uint16_t port) const;
    /// Variables that may hold secrets: pods refer to them instead of showing them. Empty `data`:
    /// none is needed.
    boost::json::object variables(const Runtime& runtime) const;
    boost::json::object token_secret(const std::string& ns, const std::string& token) const;
    /// `metadata` of an object of this installation.
    boost::json::object metadata(const std::string& ns, const std::string& name,
                                 std::string_view kind) const;

 private:
    const KubernetesBackendOptions& options_;
};

/// What a finished pod spec holds that must not be there: one clause each, naming the field. Looks
/// at the whole object, whoever put a member there.
std::vector<std::string> unsafe_fields(const boost::json::object& pod_spec);

/// What of a user's settings is unsafe whatever is made of it. `own_namespace`: the pods run in the
/// namespace of who wrote the settings; anywhere else a reference would read what belongs to
/// others.
std::vector<std::string> unsafe_settings(const model::PodSettings& settings, bool own_namespace,
                                         const std::string& pods_namespace);

}  // namespace hearth::backend
