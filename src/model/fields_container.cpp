#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

#define HEARTH_CONTAINER_ROWS                                                                        \
    {"name", string, false, "", "dns1123", "Name in the pod."},                                      \
        {"image", string, false, "", "image", "Container image."},                                   \
        {"imagePullPolicy",           string, false, "", "enum:,Always,IfNotPresent,Never",          \
         "When the image is fetched."},                                                              \
        {"command", string_list, false, "", "", "Program, instead of the image's."},                 \
        {"args", string_list, false, "", "", "Its arguments."},                                      \
        {"workingDir", string, false, "", "abspath", "Folder it starts in."},                        \
        {"env", list, false, "", "tree:envvar", "Variables."},                                       \
        {"envFrom", list, false, "", "tree:envfrom", "Variables of whole Secrets and ConfigMaps."},  \
        {"ports", list, false, "", "tree:containerport", "Ports it listens on."},                    \
        {"resources", object, false, "", "tree:resources", "Limits and requests."},                  \
        {"volumeMounts", list, false, "", "tree:mount", "Where volumes appear."},                    \
        {"livenessProbe", object, false, "", "tree:probe", "Restarts it when it fails."},            \
        {"readinessProbe", object, false, "", "tree:probe", "Tells when it can be called."},         \
        {"startupProbe", object, false, "", "tree:probe", "Holds the others back while it starts."}, \
        {"lifecycle", object, false,                                                                 \
         "",          "",     "Commands run in the container as it starts and ends."},               \
        {"lifecycle.postStart", object, false, "", "tree:hook", "After the start."},                 \
        {"lifecycle.preStop", object, false, "", "tree:hook", "Before the end."},                    \
        {"securityContext", object, false, "", "tree:containersecurity", "User and rights."},        \
        {"terminationMessagePath", string, false, "", "noeffect", "Hearth reads the log."},          \
        {"terminationMessagePolicy", string, false, "", "noeffect", "Hearth reads the log."},        \
        {"stdin", boolean, false, "", "noeffect", "Nobody types."},                                  \
        {"stdinOnce", boolean, false, "", "noeffect", "Nobody types."},                              \
        {"tty", boolean, false, "", "noeffect", "Nobody types."},                                    \
        {"resizePolicy", any, false, "", "noeffect", "Hearth decides."}, {                           \
        "volumeDevices", list, false, "", "refused",                                                 \
            "Raw devices bypass the file system's permissions; use volumeMounts."                    \
    }

constexpr FieldRow kContainer[] = {HEARTH_CONTAINER_ROWS};

constexpr FieldRow kInitContainer[] = {HEARTH_CONTAINER_ROWS,
                                       {"restartPolicy", string, false, "", "enum:,Always",
                                        "Always: it runs beside the others until they end; before "
                                        "Kubernetes 1.29 it starts with them."}};

#undef HEARTH_CONTAINER_ROWS

constexpr FieldRow kEnvVar[] = {
    {"name", string, true, "", "podenv", "Name of the variable."},
    {"value", string, false, "", "", "Its value."},
    {"valueFrom", object, false, "", "", "Where the value comes from."},
    {"valueFrom.secretKeyRef", object, false, "", "", "One value of a Secret."},
    {"valueFrom.secretKeyRef.name", string, true, "", "secretname", "Name of the Secret."},
    {"valueFrom.secretKeyRef.key", string, true, "", "data", "Its key."},
    {"valueFrom.secretKeyRef.optional", boolean, false, "false", "", "It may be missing."},
    {"valueFrom.configMapKeyRef", object, false, "", "", "One value of a ConfigMap."},
    {"valueFrom.configMapKeyRef.name", string, true, "", "subdomain", "Name of the ConfigMap."},
    {"valueFrom.configMapKeyRef.key", string, true, "", "data", "Its key."},
    {"valueFrom.configMapKeyRef.optional", boolean, false, "false", "", "It may be missing."},
    {"valueFrom.fieldRef", object, false, "", "tree:fieldref", "A field of the pod."},
    {"valueFrom.resourceFieldRef", object, false, "", "tree:resourceref", "A limit or request."},
};

constexpr FieldRow kEnvFrom[] = {
    {"prefix", string, false, "", "", "Goes before each variable's name."},
    {"secretRef", object, false, "", "", "The Secret."},
    {"secretRef.name", string, true, "", "secretname", "Its name."},
    {"secretRef.optional", boolean, false, "false", "", "It may be missing."},
    {"configMapRef", object, false, "", "", "The ConfigMap."},
    {"configMapRef.name", string, true, "", "subdomain", "Its name."},
    {"configMapRef.optional", boolean, false, "false", "", "It may be missing."},
};

constexpr FieldRow kFieldRef[] = {
    {"apiVersion", string, false, "v1", "enum:,v1", "Always v1."},
    {"fieldPath", string, true, "", "fieldpath", "Which field."},
};

constexpr FieldRow kResourceRef[] = {
    {"resource", string, true, "",
     "enum:limits.cpu,limits.memory,limits.ephemeral-storage,requests.cpu,requests.memory,"
     "requests.ephemeral-storage",
     "Which one."},
    {"containerName", string, false, "", "dns1123", "Of which container."},
    {"divisor", any, false, "", "quantity", "Unit of the number."},
};

constexpr FieldRow kContainerPort[] = {
    {"containerPort", integer, true, "", "range:1..65535", "The port."},
    {"name", string, false, "", "portname", "Its name."},
    {"protocol", string, false, "TCP", "enum:,TCP,UDP,SCTP", "Its protocol."},
    {"hostPort", integer, false, "", "refused",
     "It opens a port of the node; calls go through the gateway."},
    {"hostIP", string, false, "", "refused",
     "It opens a port of the node; calls go through the gateway."},
};

constexpr FieldRow kResources[] = {
    {"limits", object, false, "", "extended", "What it may use at most."},
    {"limits.memory", bytes, false, "", "", "Memory, such as `256Mi`."},
    {"limits.cpu", cpu, false, "", "", "CPU, such as `500m` or `1`."},
    {"limits.ephemeral-storage", bytes, false, "", "", "Disk, such as `1Gi`."},
    {"requests", object, false, "", "extended", "What the scheduler sets aside for it."},
    {"requests.memory", bytes, false, "", "", "Memory asked of the scheduler."},
    {"requests.cpu", cpu, false, "", "", "CPU asked of the scheduler."},
    {"requests.ephemeral-storage", bytes, false, "", "", "Disk asked of the scheduler."},
    {"claims", list, false, "", "refused",
     "Devices are asked for as extended resources, such as nvidia.com/gpu in limits."},
};

constexpr FieldRow kMount[] = {
    {"name", string, true, "", "dns1123", "Name of the volume."},
    {"mountPath", string, true, "", "mountpath", "Absolute folder in the container."},
    {"subPath", string, false, "", "relpath", "Only this part of the volume."},
    {"readOnly", boolean, false, "false", "", "For reading alone."},
    {"mountPropagation", string, false, "", "enum:,None",
     "Always None: mounts do not travel between pod and node."},
    {"recursiveReadOnly", string, false, "", "noeffect", "Left to the cluster."},
    {"subPathExpr", string, false, "", "refused",
     "A path made of variables may lead out of the volume; use subPath."},
};

constexpr FieldRow kProbe[] = {
    {"httpGet", object, false, "", "", "A GET that must be answered with 2xx or 3xx."},
    {"httpGet.path", string, false, "/", "", "Its path."},
    {"httpGet.port", any, true, "", "port", "Number or name of a port of the container."},
    {"httpGet.scheme", string, false, "HTTP", "enum:,HTTP,HTTPS", "HTTP or HTTPS."},
    {"httpGet.httpHeaders", list, false, "", "", "Headers that are sent."},
    {"httpGet.httpHeaders[].name", string, true, "", "header", "Name of a header."},
    {"httpGet.httpHeaders[].value", string, false, "", "", "Its value."},
    {"httpGet.host", string, false, "", "refused",
     "The node would send requests to other hosts; remove it."},
    {"tcpSocket", object, false, "", "", "A connection that must be taken."},
    {"tcpSocket.port", any, true, "", "port", "Number or name of a port of the container."},
    {"tcpSocket.host", string, false, "", "refused",
     "The node would connect to other hosts; remove it."},
    {"grpc", object, false, "", "", "A gRPC health check (Kubernetes 1.24 and newer)."},
    {"grpc.port", integer, true, "", "range:1..65535", "Its port."},
    {"grpc.service", string, false, "", "", "Its service."},
    {"exec", object, false, "", "", "A command in the container that must end with 0."},
    {"exec.command", string_list, true, "", "nonempty", "The command."},
    {"initialDelaySeconds", integer, false, "0", "range:0..86400", "Seconds before the first."},
    {"timeoutSeconds", integer, false, "1", "range:0..86400;zero-ok", "Seconds for the answer."},
    {"periodSeconds", integer, false, "10", "range:0..86400;zero-ok", "Seconds between two."},
    {"successThreshold", integer, false, "1", "range:0..100;zero-ok", "Successes in a row."},
    {"failureThreshold", integer, false, "3", "range:0..1000;zero-ok", "Failures in a row."},
    {"terminationGracePeriodSeconds", integer, false, "", "range:1..86400",
     "Seconds to end after it failed."},
};

constexpr FieldRow kHook[] = {
    {"exec", object, false, "", "", "A command in the container."},
    {"exec.command", string_list, true, "", "nonempty", "The command."},
    {"sleep", object, false, "", "", "A pause (Kubernetes 1.30 and newer)."},
    {"sleep.seconds", integer, true, "", "range:0..3600", "Its seconds."},
    {"httpGet", any, false, "", "refused", "The node would send the request; use exec."},
    {"tcpSocket", any, false, "", "refused", "The node would connect; use exec."},
};

constexpr FieldRow kContainerSecurity[] = {
    {"runAsUser", integer, false, "", "range:1..4294967294", "User id; root (0) is refused."},
    {"runAsGroup", integer, false, "", "range:1..4294967294", "Group id; root (0) is refused."},
    {"runAsNonRoot", boolean, false, "", "onlytrue", "Always true."},
    {"readOnlyRootFilesystem", boolean, false, "", "", "The image's files cannot be written."},
    {"capabilities", object, false, "", "", "All are dropped."},
    {"capabilities.add", string_list, false, "", "enum:NET_BIND_SERVICE",
     "NET_BIND_SERVICE alone may be added, for ports below 1024."},
    {"capabilities.drop", string_list, false, "", "nonempty-items", "All are dropped anyway."},
    {"allowPrivilegeEscalation", boolean, false, "", "refused",
     "The process could gain rights it was not started with; remove it."},
    {"privileged", boolean, false, "", "refused",
     "The container would be root on the node; remove it."},
    {"procMount", string, false, "", "enum:,Default", "Always Default: /proc stays masked."},
    {"seccompProfile", object, false, "", "tree:profile", "Always RuntimeDefault."},
    {"appArmorProfile", object, false, "", "tree:profile", "Always RuntimeDefault."},
    {"seLinuxOptions", any, false, "", "refused", "The container runtime sets them; remove them."},
    {"windowsOptions", any, false, "", "refused", "Pods run on Linux; remove them."},
};

}  // namespace

std::span<const PodPart> container_parts() {
    static constexpr PodPart kParts[] = {
        {"container", kContainer},
        {"initcontainer", kInitContainer},
        {"envvar", kEnvVar},
        {"envfrom", kEnvFrom},
        {"fieldref", kFieldRef},
        {"resourceref", kResourceRef},
        {"containerport", kContainerPort},
        {"resources", kResources},
        {"mount", kMount},
        {"probe", kProbe},
        {"hook", kHook},
        {"containersecurity", kContainerSecurity},
    };
    return kParts;
}

}  // namespace hearth::model
