#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hearth::model {

/// One container of a pod as the allowlist let it through. The JSON members are Kubernetes' own (core/v1), checked key
/// by key, and may go into a pod as they are; what is not here cannot be set by a user.
struct ContainerSettings {
    std::string name;
    std::string image;                      ///< empty for an environment's main container: spec.runtime.image
    std::string image_pull_policy;          ///< "", Always, IfNotPresent, Never
    std::vector<std::string> command, args;
    std::string working_dir;
    boost::json::array env;                 ///< EnvVar: literal, secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef
    boost::json::array env_from;
    boost::json::array ports;               ///< containerPort, name, protocol
    boost::json::object resources;          ///< limits and requests; spec.resources laid beneath the container's own
    boost::json::array volume_mounts;
    boost::json::object liveness_probe, readiness_probe, startup_probe;
    boost::json::object lifecycle;
    boost::json::object security_context;   ///< runAsUser, runAsGroup, runAsNonRoot, readOnlyRootFilesystem, capabilities, seccompProfile
    bool sidecar = false;                   ///< of init_containers: restartPolicy Always
    bool operator==(const ContainerSettings&) const = default;
};

/// What an Environment or a Function says of its pods: the final merged object (spec.resources and imagepullsecret,
/// runtime.container, podspec: later ones win), which is what check() looked at. Immutable once decoded.
struct PodSettings {
    ContainerSettings main;
    std::vector<ContainerSettings> init_containers, containers;  ///< beside the main one
    boost::json::object node_selector, affinity;
    boost::json::array tolerations, topology_spread_constraints;
    boost::json::array image_pull_secrets;  ///< [{"name": …}]
    boost::json::array volumes;             ///< emptyDir, configMap, secret, projected, downwardAPI, persistentVolumeClaim, ephemeral
    boost::json::array host_aliases;
    boost::json::object security_context;   ///< of the pod: as the container's, with fsGroup, supplementalGroups
    boost::json::object dns_config;
    std::string dns_policy;                 ///< "", ClusterFirst, Default, None
    std::string runtime_class, priority_class, scheduler, hostname, subdomain;
    std::optional<std::int64_t> termination_grace_seconds;
    std::map<std::string, std::string> labels, annotations;  ///< none with a reserved prefix
    bool operator==(const PodSettings&) const = default;
};

}  // namespace hearth::model
