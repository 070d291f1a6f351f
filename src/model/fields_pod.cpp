#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

// What a user may say of a pod. Whatever could reach beyond the pod (node, other pods, the
// cluster's API) is refused with the reason; whatever is not listed is unknown and refused as well.
constexpr FieldRow kPod[] = {
    {"containers", list, false, "", "tree:container", "The main container and those beside it."},
    {"initContainers", list, false, "", "tree:initcontainer", "Containers that run before."},
    {"volumes", list, false, "", "tree:volume", "Volumes that containers mount."},
    {"nodeSelector", string_map, false, "", "keys:label;labelvalue", "Labels a node must have."},
    {"affinity", object, false, "", "tree:affinity", "Where the scheduler puts the pod."},
    {"tolerations", list, false, "", "tree:toleration", "Taints of nodes that are borne."},
    {"topologySpreadConstraints", list, false, "", "tree:spread", "How pods spread."},
    {"imagePullSecrets", list, false, "", "tree:pullsecret", "Secrets for image registries."},
    {"securityContext", object, false, "", "tree:podsecurity", "User and groups of the pod."},
    {"runtimeClassName", string, false, "", "subdomain", "RuntimeClass of the pod."},
    {"priorityClassName", string, false, "", "priorityclass", "PriorityClass of the pod."},
    {"schedulerName", string, false, "", "subdomain", "Scheduler that places the pod."},
    {"terminationGracePeriodSeconds", integer, false, "", "range:0..86400",
     "Seconds a pod gets to end after it was told to."},
    {"hostname", string, false, "", "dns1123", "Host name inside the pod."},
    {"subdomain", string, false, "", "dns1123", "Its domain."},
    {"hostAliases", list, false, "", "tree:hostalias", "Lines of the pod's own hosts file."},
    {"dnsPolicy", string, false, "", "enum:,ClusterFirst,Default,None",
     "Where names are looked up."},
    {"dnsConfig", object, false, "", "tree:dnsconfig", "The resolver's settings."},
    {"restartPolicy", string, false, "", "enum:,Always,OnFailure,Never;noeffect",
     "Hearth decides when a pod ends."},
    {"enableServiceLinks", boolean, false, "", "noeffect", "Services are never made variables."},
    {"automountServiceAccountToken", boolean, false, "", "refused",
     "Pods of functions get no token of the cluster's API; remove it."},
    {"serviceAccountName", string, false, "", "refused",
     "Pods of functions get no identity in the cluster's API; remove it."},
    {"serviceAccount", string, false, "", "refused",
     "Pods of functions get no identity in the cluster's API; remove it."},
    {"hostNetwork", boolean, false, "", "refused",
     "The pod would share the node's network; remove it."},
    {"hostPID", boolean, false, "", "refused",
     "The pod would see the node's processes; remove it."},
    {"hostIPC", boolean, false, "", "refused",
     "The pod would share the node's memory segments; remove it."},
    {"hostUsers", boolean, false, "", "noeffect", "Left to the cluster."},
    {"shareProcessNamespace", boolean, false, "", "refused",
     "A container would see the processes and variables of the others; remove it."},
    {"nodeName", string, false, "", "refused",
     "It goes round the scheduler and its taints; use nodeSelector or affinity."},
    {"priority", integer, false, "", "refused", "Use priorityClassName."},
    {"ephemeralContainers", list, false, "", "refused", "Use containers."},
    {"readinessGates", list, false, "", "refused",
     "Nobody would open the gate; use a readinessProbe."},
    {"resourceClaims", list, false, "", "refused",
     "Devices are asked for as extended resources, such as nvidia.com/gpu in resources.limits."},
    {"activeDeadlineSeconds", integer, false, "", "refused",
     "Instances end by idletimeout; remove it."},
    {"overhead", any, false, "", "refused", "Its RuntimeClass sets it; use runtimeClassName."},
};

constexpr FieldRow kPodSecurity[] = {
    {"runAsUser", integer, false, "", "range:1..4294967294", "User id; root (0) is refused."},
    {"runAsGroup", integer, false, "", "range:1..4294967294", "Group id; root (0) is refused."},
    {"runAsNonRoot", boolean, false, "", "onlytrue", "Always true."},
    {"fsGroup", integer, false, "", "range:1..4294967294", "Group that owns volumes."},
    {"fsGroupChangePolicy", string, false, "", "enum:,Always,OnRootMismatch",
     "When volumes get that group."},
    {"supplementalGroups", any, false, "", "groups", "Further groups, as a list of numbers."},
    {"seccompProfile", object, false, "", "tree:profile", "Always RuntimeDefault."},
    {"appArmorProfile", object, false, "", "tree:profile", "Always RuntimeDefault."},
    {"sysctls", list, false, "", "refused", "Kernel settings are the node's; remove them."},
    {"seLinuxOptions", any, false, "", "refused", "The container runtime sets them; remove them."},
    {"windowsOptions", any, false, "", "refused", "Pods run on Linux; remove them."},
};

constexpr FieldRow kProfile[] = {
    {"type", string, false, "", "enum:,RuntimeDefault",
     "The runtime's own profile; Unconfined and Localhost are refused."},
    {"localhostProfile", string, false, "", "refused",
     "A profile of the node may allow anything; remove it."},
};

constexpr FieldRow kVolume[] = {
    {"name", string, true, "", "dns1123", "Name of the volume in the pod."},
    {"emptyDir", object, false, "", "", "Empty folder that lives as long as the pod."},
    {"emptyDir.medium", string, false, "", "enum:,Memory", "Disk, or memory."},
    {"emptyDir.sizeLimit", bytes, false, "", "", "Most that it may hold."},
    {"configMap", object, false, "", "", "Files from a ConfigMap of the pod's namespace."},
    {"configMap.name", string, true, "", "subdomain", "Its name."},
    {"configMap.optional", boolean, false, "false", "", "It may be missing."},
    {"configMap.defaultMode", integer, false, "420", "range:0..511", "Permissions of the files."},
    {"configMap.items", list, false, "", "tree:keypath", "Only these keys."},
    {"secret", object, false, "", "", "Files from a Secret of the pod's namespace."},
    {"secret.secretName", string, true, "", "secretname", "Its name."},
    {"secret.optional", boolean, false, "false", "", "It may be missing."},
    {"secret.defaultMode", integer, false, "420", "range:0..511", "Permissions of the files."},
    {"secret.items", list, false, "", "tree:keypath", "Only these keys."},
    {"downwardAPI", object, false, "", "", "Files that tell of the pod itself."},
    {"downwardAPI.defaultMode", integer, false, "420", "range:0..511", "Permissions."},
    {"downwardAPI.items", list, false, "", "tree:downwardfile", "The files."},
    {"projected", object, false, "", "", "Several of these in one folder."},
    {"projected.defaultMode", integer, false, "420", "range:0..511", "Permissions of the files."},
    {"projected.sources", list, false, "", "tree:projection", "What is put together."},
    {"persistentVolumeClaim", object, false, "", "", "A claim of the pod's namespace."},
    {"persistentVolumeClaim.claimName", string, true, "", "subdomain", "Its name."},
    {"persistentVolumeClaim.readOnly", boolean, false, "false", "", "Mounted for reading alone."},
    {"ephemeral", object, false, "", "", "A claim made for each pod and deleted with it."},
    {"ephemeral.volumeClaimTemplate", object, true, "", "", "What is claimed."},
    {"ephemeral.volumeClaimTemplate.spec", object, true, "", "", "The claim."},
    {"ephemeral.volumeClaimTemplate.spec.accessModes", string_list, true, "",
     "enum:ReadWriteOnce,ReadOnlyMany,ReadWriteMany,ReadWriteOncePod;nonempty",
     "How it is mounted."},
    {"ephemeral.volumeClaimTemplate.spec.storageClassName", string, false, "", "subdomain",
     "StorageClass; the cluster's default without one."},
    {"ephemeral.volumeClaimTemplate.spec.volumeMode", string, false, "", "enum:,Filesystem",
     "Always Filesystem."},
    {"ephemeral.volumeClaimTemplate.spec.resources", object, true, "", "", "Its size."},
    {"ephemeral.volumeClaimTemplate.spec.resources.requests", object, true, "", "", "Its size."},
    {"ephemeral.volumeClaimTemplate.spec.resources.requests.storage", bytes, true, "", "",
     "Such as `1Gi`."},
    {"hostPath", any, false, "", "refused",
     "It reaches the node's disk; use emptyDir or persistentVolumeClaim."},
    {"csi", any, false, "", "refused",
     "A driver named by a pod may mount anything the node can; use persistentVolumeClaim or "
     "ephemeral with a StorageClass."},
    {"nfs", any, false, "", "refused", "Use persistentVolumeClaim."},
    {"iscsi", any, false, "", "refused", "Use persistentVolumeClaim."},
    {"gitRepo", any, false, "", "refused", "The node would run git as root; use a Package."},
    {"flexVolume", any, false, "", "refused", "Use persistentVolumeClaim."},
    {"image", any, false, "", "refused", "Use the image of a container."},
};

constexpr FieldRow kKeyPath[] = {
    {"key", string, true, "", "data", "A key."},
    {"path", string, true, "", "filepath", "Its file, below the volume's folder."},
    {"mode", integer, false, "", "range:0..511", "Permissions of the file."},
};

constexpr FieldRow kDownwardFile[] = {
    {"path", string, true, "", "filepath", "The file, below the volume's folder."},
    {"mode", integer, false, "", "range:0..511", "Permissions of the file."},
    {"fieldRef", object, false, "", "tree:fieldref", "A field of the pod."},
    {"resourceFieldRef", object, false, "", "tree:resourceref", "A limit or request."},
};

constexpr FieldRow kProjection[] = {
    {"configMap", object, false, "", "", "Files from a ConfigMap."},
    {"configMap.name", string, true, "", "subdomain", "Its name."},
    {"configMap.optional", boolean, false, "false", "", "It may be missing."},
    {"configMap.items", list, false, "", "tree:keypath", "Only these keys."},
    {"secret", object, false, "", "", "Files from a Secret."},
    {"secret.name", string, true, "", "secretname", "Its name."},
    {"secret.optional", boolean, false, "false", "", "It may be missing."},
    {"secret.items", list, false, "", "tree:keypath", "Only these keys."},
    {"downwardAPI", object, false, "", "", "Files that tell of the pod."},
    {"downwardAPI.items", list, false, "", "tree:downwardfile", "The files."},
    {"serviceAccountToken", any, false, "", "refused",
     "Pods of functions get no token of the cluster's API; remove it."},
    {"clusterTrustBundle", any, false, "", "refused", "Put the certificates into a ConfigMap."},
    {"podCertificate", any, false, "", "refused",
     "Pods of functions get no identity in the cluster's API; remove it."},
};

constexpr FieldRow kPullSecret[] = {
    {"name", string, true, "", "secretname", "A Secret of the pod's namespace."},
};

constexpr FieldRow kHostAlias[] = {
    {"ip", string, true, "", "ip", "The address."},
    {"hostnames", string_list, true, "", "nonempty;subdomain", "Its names."},
};

constexpr FieldRow kDnsConfig[] = {
    {"nameservers", string_list, false, "", "ip", "Addresses of servers."},
    {"searches", string_list, false, "", "hostname", "Domains that are tried."},
    {"options", list, false, "", "", "Options of the resolver."},
    {"options[].name", string, true, "", "nonempty", "Such as `ndots`."},
    {"options[].value", string, false, "", "", "Its value."},
};

}  // namespace

std::span<const PodPart> pod_parts() {
    static constexpr PodPart kParts[] = {
        {"pod", kPod},
        {"podsecurity", kPodSecurity},
        {"profile", kProfile},
        {"volume", kVolume},
        {"keypath", kKeyPath},
        {"downwardfile", kDownwardFile},
        {"projection", kProjection},
        {"pullsecret", kPullSecret},
        {"hostalias", kHostAlias},
        {"dnsconfig", kDnsConfig},
    };
    return kParts;
}

}  // namespace hearth::model
