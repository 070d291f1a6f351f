#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "hearth/model/queue_trigger.hpp"
#include "hearth/model/specs.hpp"
#include "hearth/model/trigger_specs.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
using namespace std::chrono_literals;

namespace {

/// What `fission spec` writes for a hello function, zero values and all.
constexpr std::string_view kFissionSpec = R"(# written by a tool
apiVersion: fission.io/v1
kind: Environment
metadata:
  creationTimestamp: null
  name: python
  namespace: default
spec:
  builder:
    command: build
    image: ghcr.io/fission/python-builder
  imagepullsecret: ""
  keeparchive: false
  poolsize: 2
  resources: {}
  runtime:
    functionendpointport: 0
    image: ghcr.io/fission/python-env
    loadendpointpath: ""
    loadendpointport: 0
  terminationGracePeriod: 360
  version: 2
---
apiVersion: fission.io/v1
kind: Package
metadata:
  creationTimestamp: null
  name: hello-pkg
  namespace: default
spec:
  deployment:
    checksum: {}
    literal: ZGVmIG1haW4oKToKICAgIHJldHVybiAiaGkiCg==
    type: literal
  environment:
    name: python
    namespace: default
  source:
    checksum: {}
status:
  buildstatus: succeeded
  lastUpdateTimestamp: null
---
apiVersion: fission.io/v1
kind: Function
metadata:
  creationTimestamp: null
  name: hello
  namespace: default
spec:
  InvokeStrategy:
    ExecutionStrategy:
      ExecutorType: poolmgr
      MaxScale: 0
      MinScale: 0
      SpecializationTimeout: 90
      TargetCPUPercent: 0
    StrategyType: execution
  concurrency: 100
  configmaps: null
  environment:
    name: python
    namespace: default
  functionTimeout: 30
  idletimeout: 15
  package:
    functionName: main.main
    packageref:
      name: hello-pkg
      namespace: default
      resourceversion: "123"
  requestsPerPod: 0
  resources: {}
  secrets:
  - name: db
    namespace: default
    mountPath: db
---
apiVersion: fission.io/v1
kind: HTTPTrigger
metadata:
  creationTimestamp: null
  name: hello
  namespace: default
spec:
  createingress: false
  functionref:
    functionweights: null
    name: hello
    type: name
  host: ""
  ingressconfig:
    annotations: null
    host: '*'
    path: /hello
    tls: ""
  method: ""
  methods:
  - GET
  - post
  prefix: ""
  relativeurl: /hello
)";

std::vector<Checked> check_all(std::string_view text) {
    auto parsed = parse_documents(text, "f.yaml");
    for (const auto& fault : parsed.faults) UNSCOPED_INFO(to_string(fault));
    REQUIRE(parsed.faults.empty());
    std::vector<Checked> out;
    for (const auto& document : parsed.documents) {
        out.push_back(check(document));
        for (const auto& fault : out.back().faults) UNSCOPED_INFO(to_string(fault));
        for (const auto& fault : out.back().warnings) UNSCOPED_INFO("warning " << to_string(fault));
        REQUIRE(out.back().faults.empty());
    }
    return out;
}

Resource resource_of(std::string_view text) {
    return check_all(text).front().resource;
}

}  // namespace

TEST_CASE("a Fission spec applies unchanged") {
    const auto all = check_all(kFissionSpec);
    REQUIRE(all.size() == 4);
    for (const auto& one : all) CHECK(one.warnings.empty());

    const auto environment = decode_environment(all[0].resource);
    REQUIRE(environment);
    CHECK(environment->image == "ghcr.io/fission/python-env");
    CHECK(environment->version == 2);
    CHECK(environment->poolsize == 2);
    CHECK(environment->termination_grace == 360s);

    const auto package = decode_package(all[1].resource);
    REQUIRE(package);
    CHECK(package->environment == "python");
    CHECK(package->deployment.type == Archive::Type::literal);
    CHECK(package->deployment.literal == "def main():\n    return \"hi\"\n");
    CHECK(package->source.type == Archive::Type::none);

    const auto function = decode_function(all[2].resource);
    REQUIRE(function);
    CHECK(function->package == "hello-pkg");
    CHECK(function->function_name == "main.main");
    CHECK(function->function_timeout == 30s);
    CHECK(function->specialization_timeout == 90s);
    CHECK(function->idle_timeout == 15s);
    CHECK(function->concurrency == 100);
    CHECK(function->requests_per_pod == 1);
    CHECK(function->secrets == std::vector<FileMount>{{"db", "db"}});
    CHECK(function->config_maps.empty());

    const auto trigger = decode_http_trigger(all[3].resource);
    REQUIRE(trigger);
    CHECK(trigger->path == "/hello");
    CHECK_FALSE(trigger->prefix);
    CHECK(trigger->methods == std::vector<std::string>{"GET", "POST"});
    CHECK(trigger->function == "hello");
    CHECK(trigger->host.empty());
}

TEST_CASE("a resource reads back from its own JSON") {
    for (const auto& one : check_all(kFissionSpec)) {
        Document again;
        again.value = to_json(one.resource);
        const auto twice = check(again);
        CHECK(twice.faults.empty());
        CHECK(boost::json::value(twice.resource.spec) == boost::json::value(one.resource.spec));
        CHECK(twice.resource.metadata == one.resource.metadata);
    }
}

TEST_CASE("everything a function can say is decoded") {
    const auto function = decode_function(resource_of(R"(
apiVersion: hearth/v1
kind: Function
metadata: {name: f, namespace: team}
spec:
  environment: {name: node}
  package: {packageref: {name: p}}
  env:
  - {name: A, value: x}
  - name: B
    valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}
  - name: C
    valueFrom: {configMapKeyRef: {name: c, key: k2}}
  envFrom:
  - {secretRef: {name: s2}, prefix: P_}
  - configMapRef: {name: c2}
  configmaps: [{name: c}]
  resources: {limits: {memory: 128Mi, cpu: 1}}
  onceOnly: true
  retainPods: 2
  requestsPerPod: 5
  streaming: {protocol: sse, maxDurationSeconds: 600}
  InvokeStrategy: {ExecutionStrategy: {ExecutorType: newdeploy, MinScale: 3, MaxScale: 9}}
)"));
    REQUIRE(function);
    REQUIRE(function->env.size() == 3);
    CHECK(function->env[0] == EnvVar{"A", "x", "", "", "", false});
    CHECK(function->env[1] == EnvVar{"B", "", "s", "", "k", true});
    CHECK(function->env[2] == EnvVar{"C", "", "", "c", "k2", false});
    CHECK(function->env_from == std::vector<EnvFrom>{{"s2", "", "P_"}, {"", "c2", ""}});
    CHECK(function->limits == Limits{128u << 20, 1000});
    CHECK(function->once_only);
    CHECK(function->requests_per_pod == 5);
    CHECK(function->executor_type == "newdeploy");
    CHECK(function->retain_pods == 3);
    CHECK(function->concurrency == 9);
    REQUIRE(function->streaming);
    CHECK(function->streaming->idle == 60s);
    CHECK(function->streaming->max == 600s);
}

TEST_CASE("defaults of a function") {
    const auto function =
        decode_function(resource_of("apiVersion: hearth/v1\nkind: Function\nmetadata: {name: "
                                    "f}\nspec: {environment: {name: e}, package: "
                                    "{packageref: {name: p}}}\n"));
    REQUIRE(function);
    FunctionSpec expected;
    expected.environment = "e";
    expected.package = "p";
    CHECK(*function == expected);
}

TEST_CASE("everything a route can say is decoded") {
    const auto trigger = decode_http_trigger(resource_of(R"(
apiVersion: hearth/v1
kind: HTTPTrigger
metadata: {name: t}
spec:
  host: api.example.com
  prefix: /v1
  relativeurl: /ignored
  keepPrefix: true
  method: PUT
  methods: [GET, PUT]
  functionref: {name: f}
  corsConfig: {allowOrigins: ["https://a.b"], allowMethods: [get], allowHeaders: [X-A], exposeHeaders: [X-B],
               allowCredentials: true, maxAge: 10m}
  auth: {apiKeySecret: keys, hmac: {secret: s, key: k, prefix: ""}}
  timeout: 1500ms
  maxBodySize: 10Mi
  serverTiming: true
)"));
    REQUIRE(trigger);
    CHECK(trigger->host == "api.example.com");
    CHECK(trigger->prefix == "/v1");
    CHECK(trigger->path.empty());
    CHECK(trigger->methods == std::vector<std::string>{"GET", "PUT"});
    REQUIRE(trigger->cors);
    CHECK(trigger->cors->allow_methods == std::vector<std::string>{"GET"});
    CHECK(trigger->cors->max_age == 600s);
    CHECK(trigger->cors->allow_credentials);
    CHECK(trigger->auth.api_key_secret == "keys");
    REQUIRE(trigger->auth.hmac);
    CHECK(trigger->auth.hmac->header == "X-Hub-Signature-256");
    CHECK(trigger->auth.hmac->prefix.empty());
    CHECK(trigger->timeout == 1500ms);
    CHECK(trigger->max_body_bytes == 10u << 20);
    CHECK(trigger->server_timing);
}

TEST_CASE("local runtimes carry their command and variables") {
    const auto environment = decode_environment(resource_of(R"(
apiVersion: hearth/v1
kind: Environment
metadata: {name: e}
spec:
  runtime:
    local: {command: [python3, -m, server], env: {A: local}, protocol: http}
    container: {name: e, env: [{name: A, value: container}, {name: B, value: b}, {name: C, valueFrom: {}}]}
  resources: {limits: {memory: 1G, cpu: 250m}}
)"));
    REQUIRE(environment);
    CHECK(environment->local_command == std::vector<std::string>{"python3", "-m", "server"});
    CHECK(environment->env == std::map<std::string, std::string>{{"A", "local"}, {"B", "b"}});
    CHECK(environment->local_http);
    CHECK(environment->limits == Limits{1'000'000'000, 250});
    CHECK(environment->poolsize == 3);
    CHECK(environment->termination_grace == 90s);
}

TEST_CASE("data is decoded to bytes") {
    const auto secret =
        decode_data(resource_of("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: "
                                "AAE=}\nstringData: {b: text}\n"));
    REQUIRE(secret);
    CHECK(*secret ==
          std::map<std::string, std::string>{{"a", std::string("\0\1", 2)}, {"b", "text"}});
    const auto config =
        decode_data(resource_of("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {a: "
                                "AAE=}\nbinaryData: {b: AAE=}\n"));
    REQUIRE(config);
    CHECK(*config ==
          std::map<std::string, std::string>{{"a", "AAE="}, {"b", std::string("\0\1", 2)}});
}

TEST_CASE("a resource that never passed the check is an internal error, not a crash") {
    for (const Kind kind : kAllKinds) {
        Resource resource;
        resource.kind = kind;
        resource.spec = {
            {"environment", 5}, {"functionref", "x"}, {"runtime", nullptr}, {"data", {{"a", "%"}}}};
        for (const bool failed :
             {decode_environment(resource).has_error(), decode_package(resource).has_error(),
              decode_function(resource).has_error(), decode_http_trigger(resource).has_error(),
              decode_api_token(resource).has_error(),
              decode_message_queue_trigger(resource).has_error(),
              decode_time_trigger(resource).has_error(),
              decode_kubernetes_watch_trigger(resource).has_error()}) {
            CHECK(failed);
        }
    }
    CHECK(decode_function(Resource{}).error().message ==
          "Function default/: spec.environment.name is missing");
}

TEST_CASE("tokens are decoded") {
    const auto token =
        decode_api_token(resource_of("apiVersion: hearth/v1\nkind: ApiToken\nmetadata: {name: "
                                     "t}\nspec: {role: call, allNamespaces: true}\n"));
    REQUIRE(token);
    CHECK(token->role == ApiTokenSpec::Role::call);
    CHECK(token->all_namespaces);
    CHECK(token->expires.empty());
}

TEST_CASE("time triggers are decoded") {
    const auto plain = decode_time_trigger(
        resource_of("apiVersion: fission.io/v1\nkind: TimeTrigger\nmetadata: {name: t}\n"
                    "spec: {cron: '@every 5s', functionref: {type: name, name: f}}\n"));
    REQUIRE(plain);
    TimeTriggerSpec wanted;
    wanted.cron = "@every 5s";
    wanted.function = "f";
    wanted.starting_deadline = 60s;
    CHECK(*plain == wanted);
    const auto full = decode_time_trigger(resource_of(
        "apiVersion: hearth/v1\nkind: TimeTrigger\nmetadata: {name: t}\n"
        "spec: {cron: '0 2 * * *', timeZone: Europe/Berlin, functionref: {name: f}, method: put, "
        "subpath: 'a?b=1', body: '{}', contentType: application/json, concurrencyPolicy: Replace, "
        "missedRunPolicy: RunOnce, suspend: true}\n"));
    REQUIRE(full);
    CHECK(full->time_zone == "Europe/Berlin");
    CHECK(full->method == "PUT");
    CHECK(full->target == "/a?b=1");
    CHECK(full->content_type == "application/json");
    CHECK(full->concurrency == TimeTriggerSpec::Concurrency::replace);
    CHECK(full->missed == TimeTriggerSpec::Missed::run_once);
    CHECK_FALSE(full->starting_deadline);
    CHECK(full->suspend);
}

TEST_CASE("Kubernetes watch triggers are decoded") {
    const auto fissions = decode_kubernetes_watch_trigger(
        resource_of("apiVersion: fission.io/v1\nkind: KubernetesWatchTrigger\nmetadata: {name: w}\n"
                    "spec: {namespace: default, type: job, labelselector: {app: web, tier: a}, "
                    "functionref: {type: name, name: f}}\n"));
    REQUIRE(fissions);
    CHECK(fissions->api_version == "batch/v1");
    CHECK(fissions->kind == "Job");
    CHECK(fissions->ns == "default");
    CHECK(fissions->label_selector == "app=web,tier=a");
    CHECK((fissions->added && fissions->modified && fissions->deleted));
    CHECK(fissions->max_retries == 10);
    const auto any = decode_kubernetes_watch_trigger(
        resource_of("apiVersion: hearth/v1\nkind: KubernetesWatchTrigger\nmetadata: {name: w}\n"
                    "spec: {type: apps/v1/Deployment, allNamespaces: true, events: [DELETED], "
                    "labelExpression: 'a in (b, c)', labelselector: {d: e}, "
                    "fieldselector: metadata.name=x, skipExisting: true, maxRetries: 0, "
                    "functionref: {name: f}}\n"));
    REQUIRE(any);
    CHECK(any->api_version == "apps/v1");
    CHECK(any->ns.empty());
    CHECK(any->label_selector == "a in (b, c),d=e");
    CHECK((!any->added && !any->modified && any->deleted));
    CHECK(any->max_retries == 0);
}
