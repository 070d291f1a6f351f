#include "api/openapi_schemas.hpp"

#include <boost/json.hpp>

namespace hearth::api {

namespace json = boost::json;
using model::Kind;

namespace {

constexpr const char* kPlainSchemas = R"json({
"Fault": {"type": "object", "description": "One thing that is wrong with a text.",
  "properties": {"file": {"type": "string"}, "line": {"type": "integer"}, "column": {"type": "integer"},
                 "path": {"type": "string"}, "message": {"type": "string"}}, "required": ["message"]},
"Problem": {"type": "object", "description": "A problem document (RFC 9457).",
  "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
    "detail": {"type": "string"}, "code": {"type": "string"}, "component": {"type": "string"},
    "requestId": {"type": "string"}, "trace": {"type": "string"},
    "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}},
  "required": ["status", "title"]},
"Document": {"type": "object", "description": "A document of any kind; the schema of kind X is XInput.",
  "properties": {"apiVersion": {"type": "string", "enum": ["hearth/v1", "fission.io/v1", "v1"]},
    "kind": {"type": "string", "enum": ["Environment", "Package", "Function", "HTTPTrigger", "Secret", "ConfigMap",
      "MessageQueueTrigger", "TimeTrigger", "KubernetesWatchTrigger"]},
    "metadata": {"type": "object", "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
      "required": ["name"]}},
  "required": ["apiVersion", "kind", "metadata"]},
"OpenApi": {"type": "object", "properties": {"openapi": {"type": "string"}}, "required": ["openapi", "paths"]},
"Version": {"type": "object", "properties": {"version": {"type": "string"}, "backend": {"type": "string"},
  "gateway": {"type": "string"}, "startedAt": {"type": "string"}},
  "required": ["version", "backend", "gateway", "startedAt"]},
"Identity": {"type": "object", "properties": {"name": {"type": "string"},
  "role": {"type": "string", "enum": ["view", "call", "deploy", "admin"]},
  "namespace": {"type": ["string", "null"]}, "allNamespaces": {"type": "boolean"}}, "required": ["name", "role"]},
"Session": {"type": "object", "properties": {"name": {"type": "string"},
  "role": {"type": "string", "enum": ["view", "call", "deploy", "admin"]},
  "namespace": {"type": ["string", "null"]}, "allNamespaces": {"type": "boolean"},
  "csrf": {"type": "string", "description": "X-Hearth-Csrf of writes; absent where no cookie is used."},
  "expires": {"type": "string"}}, "required": ["name", "role"]},
"Deleted": {"type": "object", "properties": {"revision": {"type": "integer"},
  "deleted": {"type": "array", "items": {"type": "object",
    "properties": {"kind": {"type": "string"}, "namespace": {"type": "string"}, "name": {"type": "string"},
                   "reason": {"type": "string"}}, "required": ["kind", "namespace", "name"]}}},
  "required": ["deleted"]},
"Applied": {"type": "object", "properties": {"revision": {"type": "integer"}, "dryRun": {"type": "boolean"},
  "urls": {"type": "array", "items": {"type": "string"}},
  "results": {"type": "array", "items": {"type": "object", "properties": {
    "kind": {"type": "string"}, "namespace": {"type": "string"}, "name": {"type": "string"},
    "action": {"type": "string", "enum": ["created", "configured", "unchanged", "pruned"]},
    "revision": {"type": "integer"}, "reason": {"type": "string"},
    "warnings": {"type": "array", "items": {"type": "string"}},
    "upcoming": {"type": "array", "items": {"type": "string"}},
    "diff": {"type": "array", "items": {"type": "object", "properties": {"path": {"type": "string"}, "from": {}, "to": {}},
      "required": ["path"]}}},
    "required": ["kind", "namespace", "name", "action", "revision", "diff", "warnings"]}}},
  "required": ["revision", "results", "urls"]},
"Validated": {"type": "object", "properties": {"valid": {"type": "boolean"},
  "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
  "warnings": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}},
  "required": ["valid", "errors", "warnings"]},
"Archive": {"type": "object", "properties": {"digest": {"type": "string"}, "bytes": {"type": "integer"},
  "created": {"type": "string"}, "named": {"type": "boolean"}}, "required": ["digest", "bytes"]},
"ArchiveList": {"type": "object", "properties": {"kind": {"type": "string"},
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Archive"}}}, "required": ["items"]},
"Removed": {"type": "object", "properties": {"removed": {"type": "integer"}}, "required": ["removed"]},
"PackageFiles": {"type": "object", "properties": {"digest": {"type": "string"}, "truncated": {"type": "boolean"},
  "files": {"type": "object", "additionalProperties": {"type": "string"}}}, "required": ["files", "truncated"]},
"Build": {"type": "object", "properties": {"namespace": {"type": "string"}, "package": {"type": "string"},
  "environment": {"type": "string"},
  "buildstatus": {"type": "string", "enum": ["none", "pending", "running", "succeeded", "failed"]},
  "buildlog": {"type": "string"}, "sourceDigest": {"type": "string"}, "deploymentDigest": {"type": "string"},
  "startedAt": {"type": "string"}, "finishedAt": {"type": "string"}, "stale": {"type": "boolean"},
  "reason": {"type": "string"}, "error": {"type": "string"}}, "required": ["namespace", "package", "buildstatus"]},
"BuildList": {"type": "object", "properties": {"kind": {"type": "string"},
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Build"}}}, "required": ["items"]},
"Call": {"type": "object", "properties": {"id": {"type": "string"}, "namespace": {"type": "string"},
  "function": {"type": "string"}, "url": {"type": "string"},
  "state": {"type": "string", "enum": ["waiting", "running", "succeeded", "failed"]}, "reason": {"type": "string"},
  "message": {"type": "string"}, "origin": {"type": "string"}, "idempotencyKey": {"type": "string"},
  "depth": {"type": "integer"}, "created": {"type": "string"}, "due": {"type": "string"}, "expires": {"type": "string"},
  "ended": {"type": "string"}, "attempts": {"type": "integer"},
  "history": {"type": "array", "items": {"type": "object", "properties": {"number": {"type": "integer"},
    "started": {"type": "string"}, "ended": {"type": "string"}, "status": {"type": "integer"}, "error": {"type": "string"},
    "component": {"type": "string"}}, "required": ["number", "started"]}},
  "request": {"type": "object"}, "result": {"type": "object"}}, "required": ["id", "namespace", "state", "attempts"]},
"CallList": {"type": "object", "properties": {"kind": {"type": "string"}, "continue": {"type": "string"},
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}}, "required": ["items", "continue"]},
"WorkflowRun": {"type": "object", "description": "A run of a workflow; its name is its id.",
  "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string", "const": "WorkflowRun"},
  "metadata": {"type": "object"},
  "spec": {"type": "object", "properties": {"workflowRef": {"type": "string"}, "workflowGeneration": {"type": "integer"},
    "input": {}}, "required": ["workflowRef"]},
  "status": {"type": "object", "properties": {
    "phase": {"type": "string", "enum": ["Running", "Succeeded", "Failed", "Cancelled", "TimedOut"]},
    "startedAt": {"type": "string"}, "finishedAt": {"type": "string"}, "errorType": {"type": "string"},
    "cause": {"type": "string"}, "origin": {"type": "string"}, "parent": {"type": "string"},
    "idempotencyKey": {"type": "string"}, "output": {}, "activeStates": {"type": "array", "items": {"type": "string"}},
    "steps": {"type": "array", "items": {"type": "object", "properties": {"number": {"type": "integer"},
      "state": {"type": "string"}, "type": {"type": "string"}, "branch": {"type": "string"}, "status": {"type": "string"},
      "entered": {"type": "string"}, "left": {"type": "string"}, "errorType": {"type": "string"}, "cause": {"type": "string"},
      "workflow": {"type": "string"}, "token": {"type": "string"}, "input": {}, "output": {},
      "attempts": {"type": "array", "items": {"type": "object"}}}, "required": ["number", "state", "type", "status"]}}},
    "required": ["phase"]}}, "required": ["kind", "metadata", "spec", "status"]},
"WorkflowRunList": {"type": "object", "properties": {"kind": {"type": "string"}, "metadata": {"type": "object"},
  "items": {"type": "array", "items": {"$ref": "#/components/schemas/WorkflowRun"}}}, "required": ["items", "metadata"]},
"CallEdit": {"type": "object", "description": "What of a dead letter's request is changed.",
  "properties": {"method": {"type": "string"}, "target": {"type": "string"}, "body": {"type": "string"},
    "bodyBase64": {"type": "string"}, "headers": {"type": "object", "additionalProperties": {"type": "string"}}}},
"Description": {"type": "object", "properties": {"function": {"type": "object"}, "environment": {"type": ["object", "null"]},
  "package": {"type": ["object", "null"]}, "routes": {"type": "array", "items": {"type": "object"}},
  "triggers": {"type": "array", "items": {"type": "object"}},
  "urls": {"type": "array", "items": {"type": "string"}}, "instances": {"type": "array", "items": {"type": "object"}},
  "pool": {"type": ["object", "null"]}, "recentErrors": {"type": "array", "items": {"type": "object"}}},
  "required": ["function"]},
"InstanceList": {"type": "object", "properties": {"kind": {"type": "string"},
  "items": {"type": "array", "items": {"type": "object"}}}, "required": ["items"]},
"PoolList": {"type": "object", "properties": {"kind": {"type": "string"},
  "items": {"type": "array", "items": {"type": "object"}}}, "required": ["items"]},
"RouteMatch": {"type": "object", "properties": {"trigger": {"type": "string"}, "namespace": {"type": "string"},
  "name": {"type": "string"}}, "required": ["trigger"]},
"AvailableEnvironmentList": {"type": "object", "properties": {"kind": {"type": "string"},
  "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"},
    "image": {"type": "string"}, "builderImage": {"type": "string"},
    "extensions": {"type": "array", "items": {"type": "string"}},
    "state": {"type": "string", "enum": ["ok", "checking", "missing"]}, "detail": {"type": "string"},
    "starter": {"type": "boolean"}}, "required": ["name", "image", "state", "starter"]}}}, "required": ["items"]},
"SystemInfo": {"type": "object", "properties": {"version": {"type": "string"}, "backend": {"type": "string"},
  "gatewayUrl": {"type": "string"}, "builds": {"type": "boolean"}, "startedAt": {"type": "string"}, "revision": {"type": "integer"},
  "probes": {"type": "array", "items": {"type": "object"}},
  "environments": {"type": "array", "items": {"type": "object"}}}, "required": ["version", "backend"]}
})json";

json::object reference(std::string_view name) {
    json::object made;
    made["$ref"] = "#/components/schemas/" + std::string(name);
    return made;
}

json::object list_schema(std::string_view item) {
    json::object list =
        json::parse(
            R"json({"type": "object", "required": ["kind", "items", "metadata"], "properties": {
        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "items": {"type": "array"},
        "metadata": {"type": "object", "required": ["revision", "continue"], "properties": {
            "revision": {"type": "integer", "description": "Watch from here."},
            "continue": {"type": "string", "description": "Of the next page; empty: this is the last."}}}}})json")
            .as_object();
    list["properties"].as_object()["items"].as_object()["items"] = reference(item);
    return list;
}

/// What is answered differs from what is written: values of Secrets are null.
json::object shown_schema(Kind kind, const json::object& written) {
    json::object shown = written;
    auto& properties = shown["properties"].as_object();
    if (kind == Kind::secret) {
        if (auto* data = properties.if_contains("data")) {
            *data = json::parse(
                R"json({"type": "object", "additionalProperties": {"type": ["string", "null"]},
                "description": "Keys with null; values with reveal=true."})json");
        }
    }
    if (kind == Kind::api_token) {
        properties["token"] = json::parse(R"json({"type": "string",
            "description": "The token's text, in the answer to its creation alone."})json");
    }
    return shown;
}

}  // namespace

json::object openapi_schemas() {
    json::object schemas = json::parse(kPlainSchemas).as_object();
    for (const auto kind : model::kAllKinds) {
        const std::string name(model::table(kind).name);
        const auto written = model::schema(kind);
        schemas[name + "Input"] = written;
        schemas[name] = shown_schema(kind, written);
        schemas[name + "List"] = list_schema(name);
    }
    return schemas;
}

json::object example_of(Kind kind) {
    const auto text = [](Kind which) -> const char* {
        switch (which) {
            case Kind::environment:
                return R"json({"apiVersion": "hearth/v1", "kind": "Environment", "metadata": {"name": "python"},
                    "spec": {"version": 3, "runtime": {"image": "ghcr.io/fission/python-env"}, "poolsize": 3}})json";
            case Kind::package:
                return R"json({"apiVersion": "hearth/v1", "kind": "Package", "metadata": {"name": "hello"},
                    "spec": {"environment": {"name": "python"},
                             "deployment": {"files": {"hello.py": "def main():\n    return 'hello'\n"}}}})json";
            case Kind::function:
                return R"json({"apiVersion": "hearth/v1", "kind": "Function", "metadata": {"name": "hello"},
                    "spec": {"environment": {"name": "python"},
                             "package": {"packageref": {"name": "hello"}, "functionName": "hello.main"}}})json";
            case Kind::http_trigger:
                return R"json({"apiVersion": "hearth/v1", "kind": "HTTPTrigger", "metadata": {"name": "hello"},
                    "spec": {"relativeurl": "/hello", "methods": ["GET"],
                             "functionref": {"type": "name", "name": "hello"}}})json";
            case Kind::message_queue_trigger:
                return R"json({"apiVersion": "hearth/v1", "kind": "MessageQueueTrigger", "metadata": {"name": "orders"},
                    "spec": {"messageQueueType": "kafka", "topic": "orders", "errorTopic": "orders-failed", "maxRetries": 3,
                             "functionref": {"type": "name", "name": "hello"},
                             "metadata": {"bootstrapServers": "127.0.0.1:9092"}}})json";
            case Kind::secret:
                return R"json({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
                    "stringData": {"password": "example"}})json";
            case Kind::config_map:
                return R"json({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
                    "data": {"greeting": "hello"}})json";
            case Kind::api_token:
                return R"json({"apiVersion": "hearth/v1", "kind": "ApiToken", "metadata": {"name": "ci"},
                    "spec": {"role": "deploy"}})json";
            case Kind::time_trigger:
                return R"json({"apiVersion": "hearth/v1", "kind": "TimeTrigger", "metadata": {"name": "nightly"},
                    "spec": {"cron": "30 2 * * *", "timeZone": "Europe/Berlin",
                             "functionref": {"type": "name", "name": "hello"}}})json";
            case Kind::kubernetes_watch_trigger:
                return R"json({"apiVersion": "hearth/v1", "kind": "KubernetesWatchTrigger", "metadata": {"name": "pods"},
                    "spec": {"type": "POD", "labelselector": {"app": "web"},
                             "functionref": {"type": "name", "name": "hello"}}})json";
            case Kind::workflow:
                return R"json({"apiVersion": "hearth/v1", "kind": "Workflow", "metadata": {"name": "order"},
                    "spec": {"startAt": "charge", "states": {
                        "charge": {"type": "Task", "function": {"name": "hello"}, "next": "pause"},
                        "pause": {"type": "Wait", "duration": "30s", "next": "done"},
                        "done": {"type": "Succeed"}}}})json";
        }
        return "{}";
    };
    return json::parse(text(kind)).as_object();
}

}  // namespace hearth::api
