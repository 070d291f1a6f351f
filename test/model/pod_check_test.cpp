#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "support/catch.hpp"

using namespace hearth::model;

namespace {

Checked check_as(const std::string& text, Target target) {
    auto parsed = parse_documents(text, "f.yaml");
    for (const auto& fault : parsed.faults) UNSCOPED_INFO(to_string(fault));
    REQUIRE(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 1);
    return check(parsed.documents.front(), "default", target);
}

std::vector<std::string> lines(const std::vector<Fault>& faults) {
    std::vector<std::string> out;
    for (const auto& fault : faults) out.push_back(fault.path + ": " + fault.message);
    return out;
}

using Lines = std::vector<std::string>;

/// The same settings where an Environment and where a Function says them.
std::string environment_pod(const std::string& pod) {
    return "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec:\n  runtime:\n"
           "    image: i\n    podspec: " +
           pod + "\n";
}

std::string function_pod(const std::string& pod) {
    return "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n"
           "  InvokeStrategy: {ExecutionStrategy: {ExecutorType: container, MaxScale: 3}}\n"
           "  podspec: " +
           pod + "\n";
}

std::string environment_container(const std::string& members) {
    return "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec:\n  runtime:\n"
           "    image: i\n    container: {name: e, " +
           members + "}\n";
}

bool names(const std::vector<Fault>& faults, const std::string& path_end,
           const std::string& message) {
    for (const auto& fault : faults) {
        UNSCOPED_INFO(to_string(fault));
        if (fault.path.ends_with(path_end) && fault.message.find(message) != std::string::npos)
            return true;
    }
    return false;
}

}  // namespace

TEST_CASE("what reaches beyond a pod is refused in every pod spec on every backend") {
    const auto row = GENERATE(table<std::string, std::string, std::string>({
        {"hostNetwork: true", "hostNetwork", "is refused. The pod would share the node's network"},
        {"hostPID: true", "hostPID", "is refused"},
        {"hostIPC: true", "hostIPC", "is refused"},
        {"shareProcessNamespace: true", "shareProcessNamespace", "is refused"},
        {"serviceAccountName: admin", "serviceAccountName", "no identity in the cluster's API"},
        {"serviceAccount: admin", "serviceAccount", "no identity in the cluster's API"},
        {"automountServiceAccountToken: true", "automountServiceAccountToken", "no token"},
        {"nodeName: n1", "nodeName", "use nodeSelector or affinity"},
        {"priorityClassName: system-node-critical", "priorityClassName", "the cluster's own"},
        {"ephemeralContainers: [{name: x}]", "ephemeralContainers", "is refused"},
        {"resourceClaims: [{name: x}]", "resourceClaims", "is refused"},
        {"volumes: [{name: v, hostPath: {path: /}}]", "volumes[0].hostPath", "the node's disk"},
        {"volumes: [{name: v, hostPath: {}}]", "volumes[0].hostPath", "the node's disk"},
        {"volumes: [{name: v, csi: {driver: d}}]", "volumes[0].csi", "may mount anything"},
        {"volumes: [{name: v, nfs: {server: s, path: /}}]", "volumes[0].nfs", "is refused"},
        {"volumes: [{name: v, gitRepo: {repository: r}}]", "volumes[0].gitRepo", "is refused"},
        {"volumes: [{name: v, rbd: {image: r}}]", "volumes[0].rbd", "is no known field"},
        {"volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]",
         "sources[0].serviceAccountToken", "no token"},
        {"volumes: [{name: v, secret: {secretName: hearth-runner-token}}]", "secret.secretName",
         "names a Secret of the platform"},
        {"volumes: [{name: v, secret: {secretName: sh.helm.release.v1.hearth.v1}}]",
         "secret.secretName", "names a Secret of the platform"},
        {"volumes: [{name: v, projected: {sources: [{secret: {name: hearth-runner-token}}]}}]",
         "sources[0].secret.name", "names a Secret of the platform"},
        {"volumes: [{name: hearth-token, emptyDir: {}}]", "volumes[0].name", "are reserved"},
        {"volumes: [{name: v, emptyDir: {}, configMap: {name: c}}]", "volumes[0]",
         "needs exactly one of emptyDir"},
        {"volumes: [{name: v, configMap: {name: c, items: [{key: k, path: ../x}]}}]",
         "items[0].path", "'..' is refused"},
        {"securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}", "sysctls",
         "is refused"},
        {"securityContext: {runAsUser: 0}", "securityContext.runAsUser", "must be between 1"},
        {"securityContext: {runAsNonRoot: false}", "runAsNonRoot", "never run as root"},
        {"securityContext: {fsGroup: 0}", "fsGroup", "must be between 1"},
        {"securityContext: {supplementalGroups: [0]}", "supplementalGroups", "group ids are 1"},
        {"securityContext: {seccompProfile: {type: Unconfined}}", "seccompProfile.type",
         "must be one of RuntimeDefault"},
        {"securityContext: {seccompProfile: {type: Localhost, localhostProfile: p}}",
         "localhostProfile", "is refused"},
        {"securityContext: {appArmorProfile: {type: Unconfined}}", "appArmorProfile.type",
         "must be one of RuntimeDefault"},
        {"securityContext: {seLinuxOptions: {type: spc_t}}", "seLinuxOptions", "is refused"},
        {"hostnetwork: true", "hostnetwork", "is no known field"},
        {"dnsPolicy: ClusterFirstWithHostNet", "dnsPolicy", "must be one of ClusterFirst"},
        {"initContainers: [{name: x, image: i, securityContext: {privileged: true}}]",
         "initContainers[0].securityContext.privileged", "root on the node"},
        {"tolerations: [{operator: Exists, value: x}]", "tolerations[0].value", "remove it"},
    }));
    const auto& [members, path, message] = row;
    INFO(members);
    for (const Target target : {Target::any, Target::process, Target::kubernetes}) {
        CHECK(names(check_as(environment_pod("{" + members + "}"), target).faults, path, message));
        const auto function = "{containers: [{name: f, image: i}], " + members + "}";
        CHECK(names(check_as(function_pod(function), target).faults, path, message));
    }
}

TEST_CASE("what reaches beyond a container is refused in each of them") {
    const auto row = GENERATE(table<std::string, std::string, std::string>({
        {"securityContext: {privileged: true}", "privileged", "root on the node"},
        {"securityContext: {allowPrivilegeEscalation: true}", "allowPrivilegeEscalation",
         "is refused"},
        {"securityContext: {capabilities: {add: [SYS_TIME]}}", "capabilities.add[0]",
         "must be one of NET_BIND_SERVICE"},
        {"securityContext: {capabilities: {add: [NET_BIND_SERVICE, ALL]}}", "capabilities.add[1]",
         "must be one of NET_BIND_SERVICE"},
        {"securityContext: {procMount: Unmasked}", "procMount", "must be one of Default"},
        {"securityContext: {runAsUser: 0}", "runAsUser", "must be between 1"},
        {"securityContext: {seccompProfile: {type: Unconfined}}", "seccompProfile.type",
         "must be one of RuntimeDefault"},
        {"securityContext: {windowsOptions: {hostProcess: true}}", "windowsOptions", "is refused"},
        {"ports: [{containerPort: 80, hostPort: 80}]", "ports[0].hostPort", "a port of the node"},
        {"ports: [{containerPort: 80, hostIP: 0.0.0.0}]", "ports[0].hostIP", "a port of the node"},
        {"lifecycle: {preStop: {httpGet: {host: 169.254.169.254, port: 80}}}", "preStop.httpGet",
         "use exec"},
        {"lifecycle: {postStart: {tcpSocket: {port: 80}}}", "postStart.tcpSocket", "use exec"},
        {"livenessProbe: {httpGet: {host: 169.254.169.254, port: 80}}", "httpGet.host",
         "requests to other hosts"},
        {"startupProbe: {tcpSocket: {host: 10.0.0.1, port: 80}}", "tcpSocket.host",
         "connect to other hosts"},
        {"readinessProbe: {httpGet: {port: 70000}}", "httpGet.port", "must be a port"},
        {"readinessProbe: {periodSeconds: 3}", "readinessProbe", "needs exactly one of httpGet"},
        {"volumeDevices: [{name: v, devicePath: /dev/x}]", "volumeDevices", "is refused"},
        {"volumeMounts: [{name: v, mountPath: /x, subPath: ../../etc}]", "subPath",
         "'..' is refused"},
        {"volumeMounts: [{name: v, mountPath: /x, subPathExpr: $(X)}]", "subPathExpr",
         "use subPath"},
        {"volumeMounts: [{name: v, mountPath: /x, mountPropagation: Bidirectional}]",
         "mountPropagation", "must be one of None"},
        {"volumeMounts: [{name: v, mountPath: /x}]", "volumeMounts[0].name",
         "there is no volume v"},
        {"volumeMounts: [{name: v, mountPath: /userfunc/x}]", "mountPath", "reserved"},
        {"volumeMounts: [{name: v, mountPath: //secrets/./x}]", "mountPath", "reserved"},
        {"volumeMounts: [{name: v, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]",
         "mountPath", "reserved"},
        {"volumeMounts: [{name: v, mountPath: /x/../proc}]", "mountPath", "'..' is refused"},
        {"volumeMounts: [{name: v, mountPath: /}]", "mountPath", "below '/'"},
        {"env: [{name: HEARTH_LISTEN, value: x}]", "env[0].name", "reserved for the platform"},
        {"env: [{name: A, valueFrom: {secretKeyRef: {name: hearth-runner-token, key: token}}}]",
         "secretKeyRef.name", "names a Secret of the platform"},
        {"env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}]",
         "fieldPath", "must be metadata.name"},
        {"env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}, fieldRef: {fieldPath: "
         "metadata.name}}}]",
         "env[0].valueFrom", "needs exactly one of"},
        {"envFrom: [{secretRef: {name: hearth-runner-token}}]", "secretRef.name",
         "names a Secret of the platform"},
        {"resources: {limits: {cpu: 1}, requests: {cpu: 2}}", "requests.cpu", "above the limit"},
        {"resources: {limits: {nvidia.com/gpu: 1}, requests: {nvidia.com/gpu: 2}}",
         "requests[\"nvidia.com/gpu\"]", "the same as in limits"},
        {"resources: {limits: {nvidia.com/gpu: half}}", "limits[\"nvidia.com/gpu\"]",
         "whole numbers"},
        {"resources: {claims: [{name: x}]}", "resources.claims", "is refused"},
        {"restartPolicy: Always", "restartPolicy", "is no known field"},
    }));
    const auto& [members, path, message] = row;
    INFO(members);
    const auto in_pod = [&](const std::string& before) {
        return "{containers: [" + before + "{name: s, image: j, " + members + "}]}";
    };
    for (const Target target : {Target::any, Target::process, Target::kubernetes}) {
        CHECK(names(check_as(environment_container(members), target).faults, path, message));
        // Beside the main container as well as in its place.
        CHECK(names(check_as(environment_pod(in_pod("")), target).faults, path, message));
        CHECK(names(check_as(function_pod(in_pod("{name: f, image: i}, ")), target).faults, path,
                    message));
        CHECK(names(
            check_as(function_pod("{containers: [{name: f, image: i, " + members + "}]}"), target)
                .faults,
            path, message));
    }
}

TEST_CASE("the parts of a pod are checked as the one object they become") {
    // Each part is fine by itself.
    const auto twice = check_as(
        "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec:\n  resources: "
        "{limits: {memory: 64Mi}}\n  runtime:\n    image: i\n    container: {resources: {requests: "
        "{memory: 128Mi}}}\n    podspec: {containers: [{name: e, image: other}, {name: e2}]}\n",
        Target::kubernetes);
    CHECK(lines(twice.faults) ==
          Lines{"spec.runtime.podspec.containers[0].resources.requests.memory: is above the limit",
                "spec.runtime.podspec.containers[0].image: is another image than "
                "spec.runtime.image; give it there",
                "spec.runtime.podspec.containers[1].image: is missing"});
    const auto builder = check_as(
        "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec:\n  runtime: {image: "
        "i}\n  builder:\n    image: b\n    podspec: {hostNetwork: true, containers: [{name: "
        "builder, image: other}]}\n",
        Target::kubernetes);
    CHECK(names(builder.faults, "spec.builder.podspec.hostNetwork", ""));
    CHECK(names(builder.faults, "spec.builder.podspec.containers[0].image",
                "is another image than spec.builder.image"));
    const auto reserved = check_as(
        environment_pod("{containers: [{name: e}, {name: runner, image: x}, {name: istio-proxy, "
                        "image: x}, {name: e, image: x}]}"),
        Target::kubernetes);
    CHECK(
        lines(reserved.faults) ==
        Lines{"spec.runtime.podspec.containers[1].name: runner is the name of a container of the "
              "platform; choose another",
              "spec.runtime.podspec.containers[2].name: istio-proxy is the name of a container of "
              "the platform; choose another",
              "spec.runtime.podspec.containers[3].name: e is the name of two containers"});
}

TEST_CASE("a safe pod passes on the kubernetes backend and is told of on the process backend") {
    const std::string text = environment_pod(R"(
      nodeSelector: {disk: ssd}
      tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a, b]}]}]
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 10
            podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}
      imagePullSecrets: [{name: registry}]
      runtimeClassName: gvisor
      priorityClassName: high
      terminationGracePeriodSeconds: 30
      hostNetwork: false
      restartPolicy: Always
      securityContext: {runAsUser: 1000, runAsNonRoot: true, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
      volumes:
      - {name: scratch, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
      - {name: settings, configMap: {name: c, items: [{key: a, path: x/a}]}}
      - {name: keys, secret: {secretName: s, optional: true}}
      - {name: all, projected: {sources: [{secret: {name: s}}, {downwardAPI: {items: [{path: l, fieldRef: {fieldPath: metadata.labels}}]}}]}}
      - {name: disk, persistentVolumeClaim: {claimName: d, readOnly: true}}
      - name: own
        ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}
      initContainers:
      - {name: wait, image: w, command: [sh, -c, "true"]}
      - {name: proxy, image: w, restartPolicy: Always, startupProbe: {tcpSocket: {port: 99}}}
      containers:
      - name: e
        env:
        - {name: A, value: x}
        - {name: HTTP_PROXY, value: http://proxy}
        - {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: C, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
        - {name: D, valueFrom: {resourceFieldRef: {resource: limits.memory}}}
        envFrom: [{configMapRef: {name: c}, prefix: P_}]
        resources: {limits: {memory: 256Mi, cpu: 1, ephemeral-storage: 1Gi, nvidia.com/gpu: "1"}, requests: {cpu: 100m}}
        securityContext: {capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}
        volumeMounts: [{name: scratch, mountPath: /scratch, subPath: a/b}, {name: disk, mountPath: /disk, readOnly: true}]
        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 2}
        lifecycle: {preStop: {exec: {command: [sleep, "1"]}}}
        ports: [{containerPort: 8888, name: http}]
      - {name: cache, image: redis}
)");
    const auto kubernetes = check_as(text, Target::kubernetes);
    CHECK(lines(kubernetes.faults) == Lines{});
    CHECK(lines(kubernetes.warnings) ==
          Lines{"spec.runtime.podspec.restartPolicy: has no effect on this server"});
    const auto process = check_as(text, Target::process);
    CHECK(lines(process.faults) == Lines{});
    CHECK(names(process.warnings, "spec.runtime.podspec", "has no effect on this server"));
    const auto any = check_as(text, Target::any);
    CHECK(lines(any.faults) == Lines{});
    CHECK(names(any.warnings, "spec.runtime.podspec", "with the kubernetes backend alone"));
}

TEST_CASE("one function file serves both backends, with warnings where one cannot") {
    const std::string container = function_pod("{containers: [{name: f, image: i}]}");
    CHECK(lines(check_as(container, Target::kubernetes).faults) == Lines{});
    CHECK(lines(check_as(container, Target::kubernetes).warnings) == Lines{});
    CHECK(lines(check_as(container, Target::process).faults) ==
          Lines{"spec.InvokeStrategy.ExecutionStrategy.ExecutorType: container needs the "
                "kubernetes backend; use poolmgr"});
    const auto any = check_as(container, Target::any);
    CHECK(lines(any.faults) == Lines{});
    CHECK(names(any.warnings, "ExecutorType", "the process backend refuses it"));

    const std::string scaled =
        "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  environment: {name: "
        "e}\n  package: {packageref: {name: p}}\n  InvokeStrategy: {ExecutionStrategy: "
        "{ExecutorType: newdeploy, MinScale: 1, MaxScale: 4, hpaMetrics: [{type: Resource, "
        "resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}], "
        "hpaBehavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}}}\n";
    CHECK(lines(check_as(scaled, Target::kubernetes).faults) == Lines{});
    CHECK(lines(check_as(scaled, Target::kubernetes).warnings) == Lines{});
    CHECK(lines(check_as(scaled, Target::process).faults) == Lines{});
    CHECK(lines(check_as(scaled, Target::process).warnings) ==
          Lines{"spec.InvokeStrategy.ExecutionStrategy.hpaMetrics: has no effect on this server",
                "spec.InvokeStrategy.ExecutionStrategy.hpaBehavior: has no effect on this server"});
}

TEST_CASE("a container function says which container serves") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"{}",
         "spec.podspec.containers: is missing; ExecutorType container runs the image given "
         "there"},
        {"{containers: [{name: a, image: i}, {name: b, image: i}]}",
         "spec.podspec.containers: has several containers; name the one that serves f, as the "
         "function"},
        {"{containers: [{name: a}]}", "spec.podspec.containers[0].image: is missing"},
    }));
    INFO(std::get<0>(row));
    const auto checked = check_as(function_pod(std::get<0>(row)), Target::kubernetes);
    REQUIRE(!checked.faults.empty());
    CHECK(lines(checked.faults).front() == std::get<1>(row));
}

TEST_CASE("autoscaler settings are checked") {
    const auto row = GENERATE(table<std::string, std::string, std::string>({
        {"hpaMetrics: [{type: Pods}]", "hpaMetrics[0].pods", "is missing"},
        {"hpaMetrics: [{type: Memory}]", "hpaMetrics[0].type", "must be one of Resource"},
        {"hpaMetrics: [{type: Resource, resource: {name: cpu}}]", "resource.target", "is missing"},
        {"hpaBehavior: {scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 60}]}}",
         "policies[0].value", "must be between"},
        {"hpaBehavior: {scaledown: {}}", "hpaBehavior.scaledown", "did you mean scaleDown?"},
        {"MinScale: 4, MaxScale: 3", "MinScale", "is above MaxScale (3)"},
    }));
    const auto& [members, path, message] = row;
    INFO(members);
    const std::string text =
        "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  environment: {name: "
        "e}\n  package: {packageref: {name: p}}\n  InvokeStrategy: {ExecutionStrategy: "
        "{ExecutorType: newdeploy, " +
        members + "}}\n";
    for (const Target target : {Target::process, Target::kubernetes})
        CHECK(names(check_as(text, target).faults, path, message));
}

TEST_CASE("an environment of the kubernetes backend needs an image") {
    const std::string local =
        "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec: {runtime: {local: "
        "{command: [x]}}}\n";
    CHECK(lines(check_as(local, Target::process).faults) == Lines{});
    CHECK(lines(check_as(local, Target::any).faults) == Lines{});
    CHECK(lines(check_as(local, Target::kubernetes).faults) ==
          Lines{"spec.runtime.image: is missing; the kubernetes backend runs images"});
}
