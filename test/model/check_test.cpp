#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "hearth/model/kinds.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
namespace json = boost::json;

namespace {

Checked check_text(std::string_view text, std::string_view ns = "default") {
    auto parsed = parse_documents(text, "f.yaml");
    for (const auto& fault : parsed.faults) UNSCOPED_INFO(to_string(fault));
    REQUIRE(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 1);
    return check(parsed.documents.front(), ns);
}

std::vector<std::string> texts(const std::vector<Fault>& faults) {
    std::vector<std::string> out;
    for (const auto& fault : faults) out.push_back(to_string(fault));
    return out;
}

using Lines = std::vector<std::string>;

std::string function_with(std::string_view extra) {
    return "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  environment: "
           "{name: py}\n"
           "  package: {packageref: {name: p}}\n" +
           std::string(extra);
}

std::string trigger_with(std::string_view extra) {
    return "apiVersion: hearth/v1\nkind: HTTPTrigger\nmetadata: {name: t}\nspec:\n  functionref: "
           "{name: f}\n" +
           std::string(extra);
}

std::string package_with(std::string_view extra) {
    return "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: p}\nspec:\n  environment: "
           "{name: py}\n" +
           std::string(extra);
}

std::string environment_with(std::string_view extra) {
    return "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: e}\nspec:\n" +
           std::string(extra);
}

std::string served_kinds() {
    std::string out;
    for (const Kind kind : kAllKinds)
        out += (out.empty() ? "" : ", ") + std::string(table(kind).name);
    return out;
}

}  // namespace

TEST_CASE("a document says what it is") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"[x]\n", "f.yaml:1:2: a document is a map with apiVersion, kind and metadata"},
        {"a: 1\n", "f.yaml:1:1: kind: is missing; one of " + served_kinds()},
        {"kind: Funktion\n",
         "f.yaml:1:1: kind: \"Funktion\" is no known kind; did you mean Function?"},
        {"kind: function\n",
         "f.yaml:1:1: kind: \"function\" is no known kind; did you mean Function?"},
        {"kind: Deployment\n",
         "f.yaml:1:1: kind: \"Deployment\" is no known kind; known: " + served_kinds()},
        {"kind: Recorder\n",
         "f.yaml:1:1: kind: Recorder is not served by this server; it serves " + served_kinds()},
        {"kind: ArchiveUploadSpec\nname: x\n",
         "f.yaml:1:1: kind: ArchiveUploadSpec is for the command line: `hearth apply` resolves it "
         "before it sends the "
         "rest"},
        {"kind: Function\napiVersion: v1\nmetadata: {name: f}\nspec: {environment: {name: e}, "
         "package: {packageref: "
         "{name: p}}}\n",
         "f.yaml:2:1: apiVersion: v1 is for Secret and ConfigMap; write hearth/v1"},
        {"kind: Secret\napiVersion: hearth/v2\nmetadata: {name: s}\n",
         "f.yaml:2:1: apiVersion: must be one of hearth/v1, fission.io/v1, v1, not \"hearth/v2\"; "
         "did you mean "
         "hearth/v1?"},
    }));
    auto parsed = parse_documents(std::get<0>(row), "f.yaml");
    std::vector<std::string> lines;
    for (const auto& document : parsed.documents) {
        for (const auto& fault : check(document).faults) lines.push_back(to_string(fault));
    }
    INFO(std::get<0>(row));
    REQUIRE_FALSE(lines.empty());
    CHECK(lines.front() == std::get<1>(row));
}

TEST_CASE("every fault of a function has its place and its remedy") {
    const auto row = GENERATE(table<std::string, Lines>({
        {"  functiontimeout: 5\n",
         {"f.yaml:7:3: spec.functiontimeout: is no known field; did you mean functionTimeout?"}},
        {"  functionName: x\n",
         {"f.yaml:7:3: spec.functionName: is no known field; did you mean "
          "spec.package.functionName?"}},
        {"  wibble: x\n  functionTimeout: -5\n",
         {"f.yaml:7:3: spec.wibble: is no known field; known here: environment, package, secrets, "
          "configmaps, env, "
          "envFrom, resources, InvokeStrategy, functionTimeout, idletimeout, concurrency, "
          "requestsPerPod, onceOnly, "
          "retainPods, streaming, podspec, tool, state, invocation, provisionedConcurrency, "
          "versioning",
          "f.yaml:8:3: spec.functionTimeout: must be between 1 and 604800, not -5"}},
        {"  functionTimeout: \"60\"\n",
         {"f.yaml:7:3: spec.functionTimeout: must be a whole number, not text \"60\""}},
        {"  functionTimeout: 1.5\n",
         {"f.yaml:7:3: spec.functionTimeout: must be a whole number, not a number (1.5E0)"}},
        {"  onceOnly: yes\n",
         {"f.yaml:7:3: spec.onceOnly: must be true or false, not text \"yes\""}},
        {"  env:\n  - name: PORT\n    value: 8080\n",
         {"f.yaml:9:5: spec.env[0].value: must be text, not a number (8080); write it in quotes: "
          "\"8080\""}},
        {"  env:\n  - {name: A, value: x}\n  - {name: A, value: y}\n",
         {"f.yaml:9:6: spec.env[1].name: A is set twice"}},
        {"  env: [{name: FISSION_X, value: x}, {name: PYTHONPATH}, {name: 1a}, {value: z}]\n",
         {"f.yaml:7:10: spec.env[0].name: is reserved for the platform; choose another name",
          "f.yaml:7:39: spec.env[1].name: is reserved for the platform; choose another name",
          "f.yaml:7:59: spec.env[2].name: may hold letters, digits, '_', '-' and '.' only, and "
          "does not begin with a "
          "digit",
          "f.yaml:7:70: spec.env[3].name: is missing"}},
        {"  env:\n  - name: A\n    value: x\n    valueFrom: {fieldRef: {fieldPath: x}}\n",
         {"f.yaml:10:5: spec.env[0].valueFrom: goes not together with value; remove one of them",
          "f.yaml:10:5: spec.env[0].valueFrom: needs exactly one of secretKeyRef and "
          "configMapKeyRef",
          "f.yaml:10:17: spec.env[0].valueFrom.fieldRef: is no known field; known here: "
          "secretKeyRef, "
          "configMapKeyRef"}},
        {"  envFrom: [{secretRef: {name: a}, configMapRef: {name: b}}]\n",
         {"f.yaml:7:13: spec.envFrom[0]: needs exactly one of secretRef and configMapRef"}},
        {"  secrets: [{name: a}, {name: a}, {name: B_}]\n",
         {"f.yaml:7:25: spec.secrets[1].name: a is mounted twice",
          "f.yaml:7:36: spec.secrets[2].name: may hold lower-case letters, digits and '-' only, "
          "and begins and ends "
          "with a letter or digit; it is \"B_\""}},
        {"  configmaps: [{name: a, mountPath: x/}, {name: b, mountPath: ./x}, {name: c, mountPath: "
         "../x}]\n",
         {"f.yaml:7:52: spec.configmaps[1].mountPath: two mounts share the folder x",
          "f.yaml:7:79: spec.configmaps[2].mountPath: must stay below its folder: '..' is "
          "refused"}},
        {"  secrets: {name: a}\n", {"f.yaml:7:3: spec.secrets: must be a list, not a map"}},
        {"  secrets: [a]\n", {"f.yaml:7:13: spec.secrets[0]: must be a map, not text \"a\""}},
        {"  secrets: [{name: a, namespace: other}]\n",
         {"f.yaml:7:23: spec.secrets[0].namespace: must be the object's own namespace (default) or "
          "be left out, not "
          "other"}},
        {"  InvokeStrategy: {ExecutionStrategy: {ExecutorType: container}}\n",
         {"f.yaml:7:40: spec.InvokeStrategy.ExecutionStrategy.ExecutorType: container needs the "
          "kubernetes backend; "
          "use poolmgr"}},
        {"  InvokeStrategy: {ExecutionStrategy: {ExecutorType: newdeploy, MinScale: 3, MaxScale: "
         "2}}\n",
         {"f.yaml:7:65: spec.InvokeStrategy.ExecutionStrategy.MinScale: is above MaxScale (2)"}},
        {"  invokeStrategy: {}\n",
         {"f.yaml:7:3: spec.invokeStrategy: is no known field; did you mean InvokeStrategy?"}},
        {"  resources: {limits: {memory: 12Q, cpu: x}}\n  streaming: {idleTimeoutSeconds: 9, "
         "maxDurationSeconds: 5}\n",
         {}},
    }));
    const auto checked = check_text(function_with(std::get<0>(row)));
    INFO(std::get<0>(row));
    if (!std::get<1>(row).empty()) {
        CHECK(texts(checked.faults) == std::get<1>(row));
    } else {
        REQUIRE(checked.faults.size() == 3);
        CHECK(checked.faults[0].path == "spec.resources.limits.memory");
        CHECK(checked.faults[1].path == "spec.resources.limits.cpu");
        CHECK(texts(checked.faults)[2] ==
              "f.yaml:8:38: spec.streaming.maxDurationSeconds: is below idleTimeoutSeconds");
    }
}

TEST_CASE("what is missing is named at its parent") {
    CHECK(texts(check_text("apiVersion: hearth/v1\nkind: Function\nmetadata:\n  labels: "
                           "{}\nspec:\n  package: {}\n")
                    .faults) == Lines{"f.yaml:3:1: metadata.name: is missing",
                                      "f.yaml:5:1: spec.environment: is missing",
                                      "f.yaml:6:3: spec.package.packageref: is missing"});
    CHECK(
        texts(
            check_text("kind: HTTPTrigger\nmetadata: {name: Bad_Name, namespace: x y}\n").faults) ==
        Lines{"f.yaml:1:1: apiVersion: is missing", "f.yaml:1:1: spec: is missing",
              "f.yaml:2:12: metadata.name: may hold lower-case letters, digits and '-' only, and "
              "begins and ends "
              "with a letter or digit; it is \"Bad_Name\"",
              "f.yaml:2:28: metadata.namespace: may hold lower-case letters, digits and '-' only, "
              "and begins and "
              "ends with a letter or digit; it is \"x y\""});
}

TEST_CASE("routes are checked") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"  relativeurl: /\n", ""},
        {"  relativeurl: /users/{id}/posts/{post-id}\n", ""},
        {"  prefix: /api\n  keepPrefix: true\n", ""},
        {"  relativeurl: \"\"\n  prefix: \"\"\n",
         "f.yaml:6:3: spec.relativeurl: is missing; a route needs relativeurl or prefix"},
        {"  host: x\n",
         "f.yaml:4:1: spec.relativeurl: is missing; a route needs relativeurl or prefix"},
        {"  relativeurl: hello\n", "f.yaml:6:3: spec.relativeurl: must begin with '/'"},
        {"  relativeurl: /a/../b\n",
         "f.yaml:6:3: spec.relativeurl: must not hold '.' or '..' as a segment"},
        {"  relativeurl: /a//b\n",
         "f.yaml:6:3: spec.relativeurl: must not hold an empty segment ('//')"},
        {"  relativeurl: /a?b\n",
         "f.yaml:6:3: spec.relativeurl: must be a path as it stands in a URL, without query, '#', "
         "'\\' or spaces"},
        {"  relativeurl: /fission-function/x\n",
         "f.yaml:6:3: spec.relativeurl: is below /fission-function/, which is kept for internal "
         "calls"},
        {"  relativeurl: \"/x{id}\"\n",
         "f.yaml:6:3: spec.relativeurl: a parameter is a whole segment, such as /users/{id}"},
        {"  relativeurl: \"/{id}/{id}\"\n",
         "f.yaml:6:3: spec.relativeurl: the parameter {id} is there twice"},
        {"  relativeurl: \"/{id:[0-9]+}\"\n",
         "f.yaml:6:3: spec.relativeurl: patterns in parameters are not supported; write {id}"},
        {"  prefix: \"/{id}\"\n",
         "f.yaml:6:3: spec.prefix: parameters are for relativeurl; a prefix is taken as it is"},
        {"  relativeurl: /\n  methods: [GET, FETCH]\n",
         "f.yaml:7:18: spec.methods[1]: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, "
         "CONNECT, OPTIONS, TRACE"},
        {"  relativeurl: /\n  host: Example.com:80\n",
         "f.yaml:7:3: spec.host: must be a DNS name in lower case without port, such as "
         "api.example.com or "
         "*.example.com"},
        {"  relativeurl: /\n  invocationMode: async\n", ""},
        {"  relativeurl: /\n  corsConfig: {allowOrigins: ['*'], allowCredentials: true}\n",
         "f.yaml:7:37: spec.corsConfig.allowCredentials: goes not together with the origin '*'; "
         "name the origins"},
        {"  relativeurl: /\n  corsConfig: {allowOrigins: ['https://a.b/c']}\n",
         "f.yaml:7:31: spec.corsConfig.allowOrigins[0]: an origin is '*' or scheme and host alone, "
         "such as "
         "https://app.example.com"},
        {"  relativeurl: /\n  timeout: 0s\n",
         "f.yaml:7:3: spec.timeout: must be more than nothing"},
        {"  relativeurl: /\n  timeout: 30\n",
         "f.yaml:7:3: spec.timeout: must be a duration such as \"30s\", not a number (30)"},
        {"  relativeurl: /\n  auth: {hmac: {secret: s}}\n",
         "f.yaml:7:10: spec.auth.hmac.key: is missing"},
    }));
    const auto faults = texts(check_text(trigger_with(std::get<0>(row))).faults);
    INFO(std::get<0>(row));
    CHECK((faults.empty() ? "" : faults.front()) == std::get<1>(row));
    CHECK(faults.size() == (std::get<1>(row).empty() ? 0u : 1u));
}

TEST_CASE("weights, aliases and versions are refused by name") {
    const auto checked = check_text(
        "apiVersion: fission.io/v1\nkind: HTTPTrigger\nmetadata: {name: t}\nspec:\n  relativeurl: "
        "/x\n  functionref:\n"
        "    type: function-weights\n    name: f\n    alias: a\n    functionweights: {f: 50, g: "
        "50}\n");
    CHECK(texts(checked.faults) == Lines{"f.yaml:7:5: spec.functionref.type: function-weights is "
                                         "not supported by this server: use type name",
                                         "f.yaml:9:5: spec.functionref.alias: is not supported by "
                                         "this server: use type name and name alone",
                                         "f.yaml:10:5: spec.functionref.functionweights: is not "
                                         "supported by this server: use type name"});
}

TEST_CASE("packages hold exactly one archive") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"  deployment: {files: {main.py: \"x\"}}\n", ""},
        {"  deployment: {files: {empty.py: \"\"}}\n", ""},
        {"  deployment: {type: literal, files: {main.py: \"x\"}}\n", ""},
        {"  deployment: {type: literal, literal: aGk=}\n  source: {checksum: {}}\n", ""},
        {"  deployment: {type: url, url: \"archive://x\", checksum: {type: \"\", sum: \"\"}}\n",
         ""},
        {"  buildcmd: \"\"\n",
         "f.yaml:4:1: spec.deployment: is missing; give the code as files, literal or url"},
        {"  deployment: {literal: aGk=, url: \"http://x/y\"}\n",
         "f.yaml:6:3: spec.deployment: takes one of literal, files and url, but has literal, url"},
        {"  deployment: {type: url, literal: aGk=}\n",
         "f.yaml:6:16: spec.deployment.type: is url, but the archive is given as literal"},
        {"  deployment: {type: literal}\n",
         "f.yaml:6:3: spec.deployment: is of type literal, but literal is missing"},
        {"  deployment: {type: oci, oci: {image: x}}\n",
         "f.yaml:6:16: spec.deployment.type: oci archives are not supported by this "
         "server; use files, literal or url"},
        {"  deployment: {literal: \"a b\"}\n",
         "f.yaml:6:16: spec.deployment.literal: is not base64 (RFC 4648 with padding)"},
        {"  deployment: {files: {../x: a}}\n",
         "f.yaml:6:24: spec.deployment.files[\"../x\"]: must stay below its folder: '..' is "
         "refused"},
        {"  deployment: {files: {/x: a}}\n",
         "f.yaml:6:24: spec.deployment.files[\"/x\"]: must be a relative path"},
        {"  deployment: {files: {x: null}}\n",
         "f.yaml:6:24: spec.deployment.files.x: has no value"},
        {"  deployment: {url: \"ftp://x\"}\n",
         "f.yaml:6:16: spec.deployment.url: must be archive:// with the SHA-256 of an uploaded "
         "archive, or an http(s) "
         "address"},
        {"  deployment: {url: \"http://x/\", checksum: {type: sha256, sum: abc}}\n",
         "f.yaml:6:59: spec.deployment.checksum.sum: must be 64 hexadecimal digits"},
        {"  deployment: {url: \"http://x/\", checksum: {type: sha256}}\n",
         "f.yaml:6:34: spec.deployment.checksum: needs both type and sum, or neither"},
    }));
    const auto faults = texts(check_text(package_with(std::get<0>(row))).faults);
    INFO(std::get<0>(row));
    CHECK((faults.empty() ? "" : faults.front()) == std::get<1>(row));
    CHECK(faults.size() == (std::get<1>(row).empty() ? 0u : 1u));
}

TEST_CASE("a literal past Fission's limit is refused") {
    // 262,144 bytes are 349,528 characters of base64.
    const std::string fits(349524, 'A');
    CHECK(check_text(package_with("  deployment: {literal: " + fits + "AA==}\n")).faults.empty());
    CHECK(check_text(package_with("  deployment: {literal: " + fits + "AAAAAAAA}\n"))
              .faults.front()
              .message ==
          "holds more than 262144 bytes; upload it as an archive and name it in url");
}

TEST_CASE("environments need an image or a command") {
    CHECK(check_text(environment_with("  runtime: {image: x}\n")).faults.empty());
    CHECK(check_text(environment_with("  runtime: {local: {command: [python3, x.py]}}\n"))
              .faults.empty());
    CHECK(
        texts(check_text(environment_with("  version: 4\n  runtime: {local: {}}\n  poolsize: -1\n"))
                  .faults) ==
        Lines{"f.yaml:5:3: spec.version: must be between 1 and 3, not 4",
              "f.yaml:6:3: spec.runtime.image: is missing; give an image or runtime.local.command",
              "f.yaml:7:3: spec.poolsize: must be between 0 and 1000, not -1"});
    CHECK(texts(check_text(environment_with("  runtime: {image: x, local: {protocol: http}}\n"))
                    .faults) ==
          Lines{"f.yaml:5:31: spec.runtime.local.protocol: is http, which needs "
                "runtime.local.command; environments that an image names "
                "speak the contract"});
    CHECK(check_text(environment_with("  runtime: {local: {command: [x], protocol: http}}\n"))
              .faults.empty());
}

TEST_CASE("secrets and config maps fold their forms of data") {
    const auto secret = check_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: Opaque\ndata: {a: "
        "aGk=}\nstringData: {b: ho}\n");
    CHECK(secret.faults.empty());
    CHECK(json::serialize(secret.resource.spec) ==
          R"({"type":"Opaque","data":{"a":"aGk=","b":"aG8="}})");
    CHECK(
        json::serialize(to_json(secret.resource)) ==
        R"({"apiVersion":"hearth/v1","kind":"Secret","metadata":{"name":"s","namespace":"default"},"type":"Opaque","data":{"a":"aGk=","b":"aG8="}})");
    CHECK(texts(check_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: 'x', b: "
                           "null, '../c': aGk=}\n")
                    .faults) == Lines{"f.yaml:4:8: data.a: is not base64 (RFC 4648 with padding)",
                                      "f.yaml:4:16: data.b: has no value",
                                      "f.yaml:4:25: data[\"../c\"]: a key may hold letters, "
                                      "digits, '_', '-' and '.' only, at most 253"});
    CHECK(texts(check_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {port: "
                           "8080}\nbinaryData: {port: aGk=}\n")
                    .faults) == Lines{"f.yaml:4:8: data.port: must be text, not a number (8080); "
                                      "write it in quotes: \"8080\"",
                                      "f.yaml:5:14: binaryData.port: the key is in data as well"});
}

TEST_CASE("tokens have a role and an end") {
    const std::string head = "apiVersion: hearth/v1\nkind: ApiToken\nmetadata: {name: t}\nspec:\n";
    CHECK(check_text(head + "  role: deploy\n  expires: 2027-01-31T12:00:00Z\n").faults.empty());
    CHECK(texts(check_text(head + "  role: root\n  expires: tomorrow\n").faults) ==
          Lines{"f.yaml:5:3: spec.role: must be one of view, call, deploy, admin, not \"root\"",
                "f.yaml:6:3: spec.expires: must be a date and time such as 2027-01-31T12:00:00Z"});
}

TEST_CASE("metadata keeps what is the user's and drops what is the server's") {
    const auto checked = check_text(
        "apiVersion: fission.io/v1\nkind: Environment\nmetadata:\n  name: e\n  namespace: \"\"\n  "
        "uid: abc\n  generation: 7\n"
        "  resourceVersion: \"42\"\n  creationTimestamp: null\n  managedFields: [{a: 1}]\n  "
        "labels: {app: x}\n"
        "  annotations: {hearth.io/note: \"any text\"}\nspec: {runtime: {image: i}, builder: "
        "null}\nstatus: {x: 1}\n",
        "team");
    CHECK(checked.faults.empty());
    const Metadata& metadata = checked.resource.metadata;
    CHECK(metadata.ns == "team");
    CHECK(metadata.revision == 42);
    CHECK(metadata.uid.empty());
    CHECK(metadata.generation == 0);
    CHECK(metadata.labels.at("app") == "x");
    CHECK(metadata.annotations.at("hearth.io/note") == "any text");
    CHECK(json::serialize(checked.resource.spec) == R"({"runtime":{"image":"i"}})");
    CHECK(texts(check_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s, resourceVersion: x, "
                           "labels: {a: '-'}}\n")
                    .faults) == Lines{"f.yaml:3:21: metadata.resourceVersion: must be a revision "
                                      "this server gave; leave it out to write "
                                      "regardless",
                                      "f.yaml:3:50: metadata.labels.a: a label's value has at most "
                                      "63 letters, digits, '_', '-', '.', and "
                                      "begins and ends with a letter or digit"});
}

TEST_CASE("what has no effect is a warning") {
    const auto checked =
        check_text(function_with("  podspec: {containers: []}\n  tool: {description: x}\n"));
    CHECK(checked.faults.empty());
    CHECK(texts(checked.warnings) == Lines{"f.yaml:8:3: spec.tool: has no effect on this server"});
}

TEST_CASE("objects that are there twice are found across files") {
    auto one = parse_documents(function_with(""), "a.yaml");
    auto two = parse_documents(function_with(""), "b.yaml");
    std::vector<Document> documents = {one.documents[0], two.documents[0]};
    std::vector<Checked> checked = {check(documents[0]), check(documents[1])};
    CHECK(texts(repeated(documents, checked)) ==
          Lines{"b.yaml:3:12: metadata.name: Function default/f is there twice; the first is at "
                "a.yaml:3"});
}

TEST_CASE("client-side documents are told apart") {
    auto parsed = parse_documents(
        "kind: DeploymentConfig\n---\nkind: ArchiveUploadSpec\n---\nkind: Function\n", "f");
    REQUIRE(parsed.documents.size() == 3);
    CHECK(is_client_side(parsed.documents[0]));
    CHECK(is_client_side(parsed.documents[1]));
    CHECK_FALSE(is_client_side(parsed.documents[2]));
}

TEST_CASE("kinds are found by all their names") {
    CHECK(find_kind("Function") == Kind::function);
    CHECK(find_kind("functions") == Kind::function);
    CHECK(find_kind("FN") == Kind::function);
    CHECK(find_kind("route") == Kind::http_trigger);
    CHECK(find_kind("cm") == Kind::config_map);
    CHECK_FALSE(find_kind("canaryconfig"));
    CHECK_FALSE(find_kind(""));
}

namespace {

std::string timer_with(std::string_view extra) {
    return "apiVersion: hearth/v1\nkind: TimeTrigger\nmetadata: {name: t}\nspec:\n  functionref: "
           "{name: f}\n" +
           std::string(extra);
}

std::string watch_with(std::string_view extra) {
    return "apiVersion: hearth/v1\nkind: KubernetesWatchTrigger\nmetadata: {name: w}\nspec:\n  "
           "functionref: {name: f}\n" +
           std::string(extra);
}

}  // namespace

TEST_CASE("time triggers: schedule, zone and policies are checked") {
    CHECK(check_text(timer_with("  cron: '*/5 * * * *'\n  timeZone: Europe/Berlin\n"))
              .faults.empty());
    CHECK(check_text(timer_with("  cron: CRON_TZ=Asia/Tokyo @daily\n")).faults.empty());
    struct Row {
        std::string_view spec, says;
    };
    constexpr Row kRows[] = {
        {"  cron: 61 * * * *\n", "f.yaml:6:3: spec.cron: minute: 61 is not within 0 to 59"},
        {"  cron: '@hourly'\n  timeZone: Mars\n",
         "f.yaml:7:3: spec.timeZone: there is no time zone \"Mars\"; it takes a name such as "
         "Europe/Berlin, America/New_York or UTC"},
        {"  cron: '@hourly'\n  concurrencyPolicy: Never\n",
         "f.yaml:7:3: spec.concurrencyPolicy: must be one of"},
        {"  cron: '@hourly'\n  subpath: 'a b'\n", "f.yaml:7:3: spec.subpath: must be a path"},
        {"  timeZone: UTC\n", "spec.cron: is missing"},
    };
    for (const auto& row : kRows) {
        INFO(row.spec);
        const auto faults = texts(check_text(timer_with(row.spec)).faults);
        REQUIRE(faults.size() == 1);
        CHECK_THAT(faults.front(), Catch::Contains(std::string(row.says)));
    }
}

TEST_CASE("Kubernetes watch triggers: types and namespaces are checked") {
    for (const auto type :
         {"POD", "service", "v1/ConfigMap", "apps/v1/Deployment", "example.com/v1beta1/Thing"}) {
        INFO(type);
        CHECK(check_text(watch_with(std::string("  type: ") + type + "\n")).faults.empty());
    }
    for (const auto type :
         {"PODS", "Deployment", "apps/Deployment", "apps/v1/deployment", "a/b/v1/C"}) {
        INFO(type);
        const auto faults =
            texts(check_text(watch_with(std::string("  type: ") + type + "\n")).faults);
        REQUIRE(faults.size() == 1);
        CHECK_THAT(faults.front(), Catch::Contains("spec.type: must be POD, SERVICE"));
    }
    CHECK(texts(check_text(watch_with("  type: POD\n  allNamespaces: true\n  namespace: x\n"))
                    .faults) == Lines{"f.yaml:8:3: spec.namespace: goes not together with "
                                      "allNamespaces; remove one of them"});
}
