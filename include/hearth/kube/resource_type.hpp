#pragma once

#include <string>
#include <string_view>

namespace hearth::kube {

/// One kind of object as the REST API knows it. Unknown kinds are found by Client::discover.
struct ResourceType {
    std::string group;    ///< empty for the core group
    std::string version;  ///< "v1"
    std::string plural;   ///< "pods"
    std::string kind;     ///< "Pod"
    bool namespaced = true;
    bool operator==(const ResourceType&) const = default;

    /// "v1", "apps/v1": what stands in an object's apiVersion.
    std::string api_version() const { return group.empty() ? version : group + "/" + version; }
    /// "/apis/apps/v1/namespaces/NS/deployments/NAME/scale". Without `ns` that of all namespaces,
    /// without `name` of the collection.
    std::string path(std::string_view ns, std::string_view name = {},
                     std::string_view subresource = {}) const;
};

// The kinds that Hearth itself deals with.
inline const ResourceType kPods{"", "v1", "pods", "Pod", true};
inline const ResourceType kSecrets{"", "v1", "secrets", "Secret", true};
inline const ResourceType kConfigMaps{"", "v1", "configmaps", "ConfigMap", true};
inline const ResourceType kServices{"", "v1", "services", "Service", true};
inline const ResourceType kEvents{"", "v1", "events", "Event", true};
inline const ResourceType kNodes{"", "v1", "nodes", "Node", false};
inline const ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline const ResourceType kDeployments{"apps", "v1", "deployments", "Deployment", true};
inline const ResourceType kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet", true};
inline const ResourceType kLeases{"coordination.k8s.io", "v1", "leases", "Lease", true};
inline const ResourceType kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices",
                                          "EndpointSlice", true};
inline const ResourceType kAccessReviews{"authorization.k8s.io", "v1", "selfsubjectaccessreviews",
                                         "SelfSubjectAccessReview", false};

}  // namespace hearth::kube
