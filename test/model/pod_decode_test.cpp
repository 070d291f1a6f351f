#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
namespace json = boost::json;

namespace {

Resource accepted(const std::string& text) {
    auto parsed = parse_documents(text, "f.yaml");
    REQUIRE(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 1);
    auto checked = check(parsed.documents.front(), "default", Target::kubernetes);
    for (const auto& fault : checked.faults) UNSCOPED_INFO(to_string(fault));
    REQUIRE(checked.faults.empty());
    return checked.resource;
}

}  // namespace

TEST_CASE("an environment's container, pod, resources and pull secret become one pod") {
    const auto resource = accepted(R"(apiVersion: hearth/v1
kind: Environment
metadata:
  name: e
  labels: {team: a, app.kubernetes.io/managed-by: me, hearth.io/daemon: x}
  annotations: {prometheus.io/scrape: "true", sidecar.istio.io/userVolume: "[]", note: n}
spec:
  imagepullsecret: one
  resources: {limits: {memory: 128Mi, cpu: 1}, requests: {cpu: 100m}}
  runtime:
    image: i
    container:
      name: main
      env: [{name: A, value: x}, {name: LD_PRELOAD, value: y}]
      resources: {limits: {memory: 256Mi, nvidia.com/gpu: 1}}
    podspec:
      imagePullSecrets: [{name: two}]
      containers:
      - {name: side, image: s}
      - {name: main, args: [z], env: [{name: A, value: later}], securityContext: {privileged: false, runAsUser: 7}}
)");
    const auto spec = decode_environment(resource);
    REQUIRE(spec);
    REQUIRE(spec->pod);
    const auto& pod = *spec->pod;
    CHECK(json::serialize(pod.main.resources) ==
          R"({"limits":{"memory":"256Mi","cpu":1,"nvidia.com/gpu":1},"requests":{"cpu":"100m"}})");
    CHECK(spec->limits == Limits{256u << 20, 1000});
    CHECK(json::serialize(pod.main.env) ==
          R"([{"name":"A","value":"later"},{"name":"LD_PRELOAD","value":"y"}])");
    CHECK(pod.main.args == std::vector<std::string>{"z"});
    CHECK(pod.main.image.empty());
    CHECK(json::serialize(pod.main.security_context) == R"({"runAsUser":7})");
    REQUIRE(pod.containers.size() == 1);
    CHECK(pod.containers[0].name == "side");
    CHECK(pod.containers[0].image == "s");
    CHECK(json::serialize(pod.image_pull_secrets) == R"([{"name":"one"},{"name":"two"}])");
    CHECK(pod.labels == std::map<std::string, std::string>{{"team", "a"}});
    CHECK(pod.annotations ==
          std::map<std::string, std::string>{{"note", "n"}, {"prometheus.io/scrape", "true"}});
    // The process backend's variables: what a container may set, a process of this machine may not.
    CHECK(spec->env == std::map<std::string, std::string>{{"A", "x"}});
    CHECK(*decode_environment(resource) == *spec);
}

TEST_CASE("an environment that says nothing of pods has none") {
    const auto spec = decode_environment(
        accepted("apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec: {runtime: "
                 "{image: i}}\n"));
    REQUIRE(spec);
    CHECK_FALSE(spec->pod);
}

TEST_CASE("the only container of an environment's pod is the runtime's whatever its name") {
    const auto spec = decode_environment(
        accepted("apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec: {runtime: "
                 "{image: i, podspec: {containers: [{name: old, image: i, args: [x]}]}}}\n"));
    REQUIRE(spec);
    REQUIRE(spec->pod);
    CHECK(spec->pod->main.args == std::vector<std::string>{"x"});
    CHECK(spec->pod->containers.empty());
}

TEST_CASE("what an environment says of its builder becomes one pod of its own") {
    const auto resource = accepted(R"(apiVersion: hearth/v1
kind: Environment
metadata: {name: e}
spec:
  imagepullsecret: pull
  resources: {limits: {memory: 64Mi}}
  runtime: {image: i, podspec: {nodeSelector: {disk: slow}}}
  builder:
    image: b
    container: {env: [{name: A, value: x}], resources: {limits: {memory: 3Gi}}}
    podspec:
      nodeSelector: {disk: fast}
      volumes: [{name: npmrc, secret: {secretName: s}}]
      containers:
      - {name: builder, volumeMounts: [{name: npmrc, mountPath: /config}]}
      - {name: proxy, image: p}
)");
    const auto pod = decode_builder_pod(resource);
    REQUIRE(pod);
    REQUIRE(*pod);
    const PodSettings& settings = **pod;
    CHECK(json::serialize(settings.main.env) == R"([{"name":"A","value":"x"}])");
    CHECK(json::serialize(settings.main.resources) == R"({"limits":{"memory":"3Gi"}})");
    CHECK(settings.main.volume_mounts.size() == 1);
    CHECK(settings.node_selector.at("disk") == "fast");
    REQUIRE(settings.containers.size() == 1);
    CHECK(settings.containers[0].name == "proxy");
    CHECK(json::serialize(settings.image_pull_secrets) == R"([{"name":"pull"}])");
    const auto nothing = decode_builder_pod(
        accepted("apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec: {runtime: "
                 "{image: i}, builder: {image: b}}\n"));
    REQUIRE(nothing);
    CHECK_FALSE(*nothing);
}

TEST_CASE("a container function has a pod, a port and no code") {
    const auto spec = decode_function(accepted(R"(apiVersion: hearth/v1
kind: Function
metadata: {name: f}
spec:
  resources: {limits: {memory: 64Mi}}
  InvokeStrategy: {ExecutionStrategy: {ExecutorType: container, MinScale: 1, MaxScale: 4, TargetCPUPercent: 70}}
  podspec:
    terminationGracePeriodSeconds: 5
    containers:
    - {name: side, image: s}
    - {name: f, image: web:1, ports: [{containerPort: 8080}, {containerPort: 9090}]}
)"));
    REQUIRE(spec);
    REQUIRE(spec->pod);
    CHECK(spec->pod->main.image == "web:1");
    CHECK(spec->pod->containers.size() == 1);
    CHECK(spec->pod->termination_grace_seconds == 5);
    CHECK(spec->container_port == 8080);
    CHECK(spec->limits.memory_bytes == 64u << 20);
    CHECK(spec->environment.empty());
    CHECK(spec->package.empty());
    CHECK(spec->min_scale == 1);
    CHECK(spec->max_scale == 4);
    CHECK(spec->target_cpu_percent == 70);
    CHECK_FALSE(spec->requests_per_pod_given);
    CHECK(spec->requests_per_replica() == kRequestsPerReplica);
    CHECK(spec->requests_per_pod == 1);
}

TEST_CASE("scale of the other types") {
    const std::string head =
        "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  environment: {name: "
        "e}\n  package: {packageref: {name: p}}\n";
    const auto pooled = decode_function(accepted(
        head + "  InvokeStrategy: {ExecutionStrategy: {ExecutorType: poolmgr, MinScale: 3}}\n"));
    REQUIRE(pooled);
    CHECK(pooled->min_scale == 0);
    CHECK_FALSE(pooled->pod);
    CHECK_FALSE(pooled->has_workload());
    const auto deployed = decode_function(
        accepted(head + "  requestsPerPod: 7\n  concurrency: 30\n  InvokeStrategy: "
                        "{ExecutionStrategy: {ExecutorType: newdeploy, MinScale: 2}}\n"));
    REQUIRE(deployed);
    CHECK(deployed->min_scale == 2);
    CHECK(deployed->max_scale == 30);
    CHECK(deployed->requests_per_replica() == 7);
    CHECK(deployed->container_port == 0);
}

TEST_CASE("what an older daemon kept unchecked is not decoded") {
    Resource function;
    function.kind = Kind::function;
    function.metadata.name = "f";
    function.spec = json::parse(R"({"InvokeStrategy":{"ExecutionStrategy":{"ExecutorType":
        "container"}},"podspec":{"hostPID":true,"containers":[{"name":"f","image":"i"}]}})")
                        .as_object();
    auto spec = decode_function(function);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().code == Errc::internal);
    CHECK(spec.error().message.find("hostPID is refused") != std::string::npos);
    Resource environment;
    environment.kind = Kind::environment;
    environment.metadata.name = "e";
    environment.spec =
        json::parse(
            R"({"runtime":{"image":"i","container":{"securityContext":{"privileged":true}}}})")
            .as_object();
    CHECK_FALSE(decode_environment(environment));
}
