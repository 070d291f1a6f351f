#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>

#include "hearth/model/document.hpp"
#include "hearth/model/kinds.hpp"
#include "model/cross_rules.hpp"
#include "model/spec_view.hpp"
#include "model/walker.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 5> kOtherFissionKinds = {
    "CanaryConfig", "FunctionVersion", "FunctionAlias", "FissionTenant", "Recorder"};

std::string served_kinds() {
    std::string out;
    for (const Kind kind : kAllKinds)
        out += (out.empty() ? "" : ", ") + std::string(table(kind).name);
    return out;
}

std::string unknown_kind(std::string_view name) {
    if (std::find(kOtherFissionKinds.begin(), kOtherFissionKinds.end(), name) !=
        kOtherFissionKinds.end()) {
        return std::string(name) + " is not served by this server; it serves " + served_kinds();
    }
    if (name == "WorkflowRun") {
        return "WorkflowRun is no document that is applied: `hearth workflow run` or a POST to "
               "workflowruns starts a run";
    }
    if (name == "DeploymentConfig" || name == "ArchiveUploadSpec") {
        return std::string(name) +
               " is for the command line: `hearth apply` resolves it before it sends the rest";
    }
    std::vector<std::string_view> names;
    for (const Kind kind : kAllKinds) names.push_back(table(kind).name);
    std::string message =
        json::serialize(json::value(json::string(name.substr(0, 64)))) + " is no known kind";
    const std::string_view near = nearest(name, names);
    if (!near.empty()) return message + "; did you mean " + std::string(near) + "?";
    return message + "; known: " + served_kinds();
}

/// The kind, or nothing with its fault noted.
std::optional<Kind> kind_of(const json::object& object, Findings& findings) {
    const json::value* kind = object.if_contains("kind");
    if (!kind || !kind->is_string()) {
        findings.fault("kind", !kind ? "is missing; one of " + served_kinds() : "must be text");
        return std::nullopt;
    }
    const std::string_view name = kind->get_string();
    for (const Kind known : kAllKinds) {
        if (table(known).name == name) return known;
    }
    findings.fault("kind", unknown_kind(name));
    return std::nullopt;
}

void check_api_version(const json::object& object, Kind kind, Findings& findings) {
    const bool data = kind == Kind::secret || kind == Kind::config_map;
    if (text_at(object, "apiVersion") == "v1" && !data) {
        findings.fault("apiVersion", "v1 is for Secret and ConfigMap; write hearth/v1");
    }
}

std::int64_t revision_of(const json::object& metadata, Findings& findings) {
    const json::value* value = metadata.if_contains("resourceVersion");
    if (!value || value->is_null()) return 0;
    if (value->is_int64() && value->get_int64() >= 0) return value->get_int64();
    std::int64_t revision = 0;
    if (const auto* text = value->if_string()) {
        if (text->empty()) return 0;
        const char* end = text->data() + text->size();
        const auto [stop, ec] = std::from_chars(text->data(), end, revision);
        if (ec == std::errc() && stop == end && revision >= 0) return revision;
    }
    findings.fault("metadata.resourceVersion",
                   "must be a revision this server gave; leave it out to write regardless");
    return 0;
}

void check_annotation_size(const Metadata& metadata, Findings& findings) {
    std::size_t bytes = 0;
    for (const auto& [key, value] : metadata.annotations) bytes += key.size() + value.size();
    if (bytes > std::size_t{256} * 1024)
        findings.fault("metadata.annotations", "hold more than 256 KiB");
}

void read_metadata(const json::object& object, std::string_view default_namespace,
                   Metadata& metadata, Findings& findings) {
    metadata.ns = default_namespace;
    const auto* given = object_at(object, "metadata");
    if (!given) return;
    metadata.name = text_at(*given, "name");
    if (const auto ns = text_at(*given, "namespace"); !ns.empty()) metadata.ns = ns;
    metadata.labels = texts_at(*given, "labels");
    metadata.annotations = texts_at(*given, "annotations");
    metadata.revision = revision_of(*given, findings);
    check_annotation_size(metadata, findings);
}

/// False when there is no spec to speak of.
bool move_spec(json::object& object, Resource& resource) {
    const bool data = resource.kind == Kind::secret || resource.kind == Kind::config_map;
    if (!data) {
        json::value* spec = object.if_contains("spec");
        if (!spec || !spec->is_object()) return false;
        resource.spec = std::move(spec->get_object());
        return true;
    }
    for (const char* key : {"type", "data", "stringData", "binaryData"}) {
        if (json::value* value = object.if_contains(key))
            resource.spec.emplace(key, std::move(*value));
    }
    return true;
}

void check_rules(Resource& resource, Findings& findings, Target target) {
    switch (resource.kind) {
        case Kind::environment:
            return check_environment_rules(resource, findings, target);
        case Kind::package:
            return check_package_rules(resource, findings, target);
        case Kind::function:
            return check_function_rules(resource, findings, target);
        case Kind::http_trigger:
            return check_http_trigger_rules(resource, findings);
        case Kind::secret:
        case Kind::config_map:
            return check_data_rules(resource, findings);
        case Kind::message_queue_trigger:
            return check_message_queue_trigger_rules(resource, findings);
        case Kind::time_trigger:
            return check_time_trigger_rules(resource, findings);
        case Kind::kubernetes_watch_trigger:
            return check_kubernetes_watch_trigger_rules(resource, findings);
        case Kind::workflow:
            return check_workflow_rules(resource, findings);
        case Kind::api_token:
            return;
    }
}

}  // namespace

Target target_of(std::string_view backend) {
    if (backend == "process") return Target::process;
    return backend == "kubernetes" ? Target::kubernetes : Target::any;
}

Checked check(const Document& document, std::string_view default_namespace, Target target) {
    Checked out;
    Findings findings(document, out);
    const auto* given = document.value.if_object();
    if (!given) {
        findings.fault("", "a document is a map with apiVersion, kind and metadata");
        return out;
    }
    const auto kind = kind_of(*given, findings);
    if (!kind) return out;
    out.resource.kind = *kind;
    json::object object = *given;
    check_api_version(object, *kind, findings);
    // An empty namespace is what Fission's tools write for an absent one.
    if (auto* metadata = object.if_contains("metadata"); metadata && metadata->is_object()) {
        const auto* ns = metadata->get_object().if_contains("namespace");
        if (ns && ns->is_string() && ns->get_string().empty())
            metadata->get_object().erase("namespace");
    }
    read_metadata(object, default_namespace, out.resource.metadata, findings);
    Walker walker(findings, field_tree(*kind), target);
    walker.set_namespace(out.resource.metadata.ns);
    walker.walk(object);
    if (move_spec(object, out.resource)) check_rules(out.resource, findings, target);
    std::stable_sort(out.faults.begin(), out.faults.end(), [](const Fault& a, const Fault& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return out;
}

}  // namespace hearth::model
