#include "api/openapi.hpp"

#include <boost/json.hpp>

#include <set>

#include "api/openapi_schemas.hpp"
#include "hearth/base/version.hpp"
#include "hearth/http/message.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::string_view kLabel = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

json::object reference(std::string_view section, std::string_view name) {
    json::object made;
    made["$ref"] = "#/components/" + std::string(section) + "/" + std::string(name);
    return made;
}

json::object schema_of(const Parameter& parameter) {
    json::object schema;
    schema["type"] = "string";
    if (parameter.type == "boolean") schema["type"] = "boolean";
    if (parameter.type == "integer") {
        schema["type"] = "integer";
        schema["minimum"] = parameter.name == "since" ? 0 : 1;
        if (parameter.name == "limit") schema["maximum"] = 500;
    }
    if (parameter.type == "digest") schema["pattern"] = "^[0-9a-f]{64}$";
    if (parameter.type == "duration") schema["pattern"] = "^[0-9]+(ms|s|m|h)$";
    if (parameter.name == "namespace") schema["pattern"] = kLabel;
    if (parameter.name == "path") schema["pattern"] = "^/";
    return schema;
}

json::object described(const Parameter& parameter) {
    json::object made;
    made["name"] = parameter.name;
    made["in"] = parameter.in;
    made["description"] = parameter.doc;
    made["required"] = parameter.required;
    made["schema"] = schema_of(parameter);
    if (!parameter.example.empty()) {
        json::value example = json::string(parameter.example);
        if (parameter.type == "boolean") example = parameter.example == "true";
        if (parameter.type == "integer") example = std::stoll(std::string(parameter.example));
        made["example"] = std::move(example);
    }
    return made;
}

json::object path_parameter(std::string_view name) {
    json::object schema;
    schema["type"] = "string";
    schema["pattern"] = name == "digest" ? std::string_view("^[0-9a-f]{64}$") : kLabel;
    json::object made;
    made["name"] = name;
    made["in"] = "path";
    made["required"] = true;
    made["description"] = name == "ns"       ? "Namespace."
                          : name == "digest" ? "SHA-256 of the archive."
                                             : "Name of the object.";
    made["schema"] = std::move(schema);
    made["example"] = name == "ns"       ? std::string("default")
                      : name == "digest" ? std::string(64, '0')
                                         : std::string("hello");
    return made;
}

json::array parameters_of(const Operation& operation) {
    json::array list;
    for (const std::string_view name : {"ns", "name", "digest"}) {
        if (operation.path.find("{" + std::string(name) + "}") != std::string::npos)
            list.push_back(path_parameter(name));
    }
    for (const auto& parameter : operation.parameters) list.push_back(described(parameter));
    return list;
}

json::object content(std::string_view media, json::value schema) {
    json::object entry, made;
    entry["schema"] = std::move(schema);
    made[media] = std::move(entry);
    return made;
}

/// The same schema as JSON and as YAML.
json::object text_content(const json::value& schema, const json::value* example) {
    json::object made;
    for (const std::string_view media : {"application/json", "application/yaml"}) {
        json::object entry;
        entry["schema"] = schema;
        if (example != nullptr) entry["example"] = *example;
        made[media] = std::move(entry);
    }
    return made;
}

std::optional<json::object> body_of(const Operation& operation) {
    json::object body;
    body["required"] = true;
    switch (operation.body) {
        case BodyShape::none:
            return std::nullopt;
        case BodyShape::object: {
            const json::value example = example_of(*operation.kind);
            const std::string name = std::string(model::table(*operation.kind).name) + "Input";
            body["content"] = text_content(reference("schemas", name), &example);
            break;
        }
        case BodyShape::documents: {
            json::object many;
            json::array list;
            using model::Kind;
            for (const auto kind : {Kind::environment, Kind::package, Kind::function}) {
                list.push_back(example_of(kind));
            }
            many["type"] = "array";
            many["minItems"] = 1;
            many["items"] = reference("schemas", "Document");
            const json::value example = std::move(list);
            body["description"] =
                "One document, a JSON list of documents, or a stream of YAML documents.";
            body["content"] = text_content(many, &example);
            break;
        }
        case BodyShape::merge_patch: {
            json::object schema;
            schema["type"] = "object";
            body["content"] = content("application/merge-patch+json", std::move(schema));
            break;
        }
        case BodyShape::archive:
            body["description"] = "The archive: zip, tar.gz, tar.zst, tar, or a single file.";
            body["content"] = content("application/octet-stream", json::object());
            break;
        case BodyShape::anything:
            body["required"] = false;
            body["content"] = content("*/*", json::object());
            break;
    }
    return body;
}

json::object response(std::string description, json::object body) {
    json::object made;
    made["description"] = std::move(description);
    if (!body.empty()) made["content"] = std::move(body);
    return made;
}

json::object success_of(const Operation& operation) {
    json::value schema = json::object();
    if (!operation.response.empty()) schema = reference("schemas", operation.response);
    if (operation.response.empty() && operation.media != "*/*" &&
        operation.media != "application/octet-stream") {
        json::object text;
        text["type"] = "string";
        schema = std::move(text);
    }
    auto made = response(std::string(http::reason_phrase(operation.success)),
                         content(operation.media, std::move(schema)));
    const bool tagged = operation.kind.has_value() && operation.op != Op::list_objects &&
                        operation.op != Op::delete_object;
    if (tagged) {
        made["headers"] = json::parse(
            R"json({"ETag": {"description": "The object's revision.", "schema": {"type": "string"}}})json");
    }
    return made;
}

json::object responses_of(const Operation& operation) {
    std::set<int> errors(operation.errors.begin(), operation.errors.end());
    errors.insert(500);
    if (operation.role) errors.insert({400, 401, 403, 406, 429, 503});
    if (operation.role && operation.namespaced()) errors.insert(404);
    json::object all;
    all[std::to_string(operation.success)] = success_of(operation);
    if (operation.op == Op::put_object) {
        auto created = success_of(operation);
        created["description"] = "Created";
        all["201"] = std::move(created);
    }
    if (operation.op == Op::create_object && *operation.kind != model::Kind::api_token) {
        auto dry = success_of(operation);
        dry["description"] = "What dryRun would create.";
        all["200"] = std::move(dry);
    }
    if (operation.op == Op::get_object) all["304"] = response("Not Modified", {});
    for (const int status : errors) {
        json::object named = reference("responses", "Problem");
        named["description"] = http::reason_phrase(status);
        all[std::to_string(status)] = std::move(named);
    }
    all["default"] = operation.op == Op::call_function
                         ? response("Whatever the function answers.", {})
                         : reference("responses", "Problem");
    return all;
}

json::object described(const Operation& operation) {
    json::object made;
    made["operationId"] = operation.id;
    made["summary"] = operation.summary;
    std::string tag = "system";
    if (operation.kind) tag = model::table(*operation.kind).plural;
    if (operation.path.find("/archives") != std::string::npos) tag = "archives";
    if (operation.path.find("/functions/") != std::string::npos) tag = "functions";
    made["tags"] = json::array{json::value(tag)};
    auto parameters = parameters_of(operation);
    if (!parameters.empty()) made["parameters"] = std::move(parameters);
    if (auto body = body_of(operation)) made["requestBody"] = std::move(*body);
    made["responses"] = responses_of(operation);
    if (operation.role) {
        made["description"] = "Needs the role " + std::string(to_string(*operation.role)) + ".";
    } else {
        made["security"] = json::array();
    }
    return made;
}

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return text;
}

}  // namespace

std::string openapi_document(const OperationTable& table) {
    json::object paths;
    for (const auto& operation : table.rows()) {
        if (!operation.documented) continue;
        if (!paths.contains(operation.path)) paths[operation.path] = json::object();
        paths[operation.path].as_object()[lower(operation.method)] = described(operation);
        if (operation.op != Op::get_archive) continue;
        auto head = described(operation);
        head["operationId"] = "headArchive";
        head["summary"] = "Whether the archive is there, and its size.";
        paths[operation.path].as_object()["head"] = std::move(head);
    }
    json::object document = json::parse(R"json({
        "openapi": "3.1.0",
        "info": {"title": "Hearth", "version": "", "description": "Runs functions. Bodies are JSON or YAML; failures are RFC 9457 problem documents; every answer carries X-Request-Id.",
                 "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer",
                "description": "A token of kind ApiToken; the first one stands in the data folder's run/admin-token."}},
            "responses": {"Problem": {"description": "A problem document (RFC 9457).",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}}}})json")
                                .as_object();
    document["info"].as_object()["version"] = base::version();
    document["components"].as_object()["schemas"] = openapi_schemas();
    document["paths"] = std::move(paths);
    return json::serialize(document);
}

}  // namespace hearth::api
