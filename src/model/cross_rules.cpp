#include "model/cross_rules.hpp"

#include <boost/json.hpp>

#include <set>

#include "hearth/base/ids.hpp"
#include "hearth/base/quantity.hpp"
#include "model/path.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

void check_environment_rules(const Resource& resource, Findings& findings, Target target) {
    const auto* command = list_at(resource.spec, "runtime.local.command");
    const bool runtime = object_at(resource.spec, "runtime") != nullptr;
    if (runtime && text_at(resource.spec, "runtime.image").empty()) {
        if (target == Target::kubernetes)
            findings.fault("spec.runtime.image", "is missing; the kubernetes backend runs images");
        else if (!command)
            findings.fault("spec.runtime.image",
                           "is missing; give an image or runtime.local.command");
    }
    if (text_at(resource.spec, "runtime.local.protocol") == "http" && !command)
        findings.fault("spec.runtime.local.protocol",
                       "is http, which needs runtime.local.command; environments that an image "
                       "names speak the contract");
    check_environment_pod(resource, findings, target);
    if (text_at(resource.spec, "allowedFunctionsPerContainer") == "infinite") {
        findings.warn("spec.allowedFunctionsPerContainer",
                      "infinite is treated as single by this server");
    }
}

namespace {

bool has_content(const json::object& archive) {
    for (const char* key : {"literal", "files", "url", "oci"}) {
        const auto* value = archive.if_contains(key);
        if (value && !is_zero(*value)) return true;
    }
    // An empty map of files is no archive, an empty text in one is.
    const auto* files = archive.if_contains("files");
    return files && files->is_object() && !files->get_object().empty();
}

void check_archive(const json::object& archive, const std::string& path, Findings& findings) {
    std::vector<std::string_view> given;
    for (const std::string_view key : {"literal", "files", "url", "oci"}) {
        const auto* value = archive.if_contains(key);
        const bool files =
            key == "files" && value && value->is_object() && !value->get_object().empty();
        if (value && (files || !is_zero(*value))) given.push_back(key);
    }
    if (given.size() > 1) {
        std::string names;
        for (const auto key : given) names += (names.empty() ? "" : ", ") + std::string(key);
        findings.fault(path, "takes one of literal, files and url, but has " + names);
        return;
    }
    const std::string_view type = text_at(archive, "type");
    if (type == "oci" || (!given.empty() && given.front() == "oci")) {
        findings.fault(join_path(path, type == "oci" ? "type" : "oci"),
                       "oci archives are not supported by this server; use files, literal or url");
        return;
    }
    // `files` are literal too: they stand in the document itself.
    const bool inline_files = !given.empty() && given.front() == "files" && type == "literal";
    if (!given.empty() && !type.empty() && type != given.front() && !inline_files) {
        findings.fault(join_path(path, "type"), "is " + std::string(type) +
                                                    ", but the archive is given as " +
                                                    std::string(given.front()));
    }
    if (given.empty() && !type.empty()) {
        findings.fault(
            path, "is of type " + std::string(type) + ", but " + std::string(type) + " is missing");
    }
    if (text_at(archive, "checksum.type").empty() != text_at(archive, "checksum.sum").empty()) {
        findings.fault(join_path(path, "checksum"), "needs both type and sum, or neither");
    }
}

}  // namespace

void check_package_rules(const Resource& resource, Findings& findings, Target target) {
    const auto* deployment = object_at(resource.spec, "deployment");
    const auto* source = object_at(resource.spec, "source");
    if (deployment) check_archive(*deployment, "spec.deployment", findings);
    if (source) check_archive(*source, "spec.source", findings);
    const bool deployed = deployment && has_content(*deployment);
    const bool has_source = source && has_content(*source);
    const bool typed = (deployment && !text_at(*deployment, "type").empty()) ||
                       (source && !text_at(*source, "type").empty());
    if (!deployed && !has_source && !typed) {
        findings.fault("spec.deployment", "is missing; give the code as files, literal or url");
    }
    if (!deployed && has_source && target == Target::kubernetes) {
        findings.warn("spec.source",
                      "is not built by the kubernetes backend; functions of this package load once "
                      "spec.deployment is given");
    }
}

namespace {

void check_mounts(const Resource& resource, std::string_view field, Findings& findings) {
    const auto* list = list_at(resource.spec, field);
    if (!list) return;
    std::set<std::string, std::less<>> names, folders;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const auto* item = (*list)[i].if_object();
        if (!item) continue;
        std::string path = "spec." + std::string(field);
        append_index(path, i);
        const std::string name(text_at(*item, "name"));
        if (!name.empty() && !names.insert(name).second) {
            findings.fault(join_path(path, "name"), name + " is mounted twice");
            continue;
        }
        std::string folder(text_at(*item, "mountPath"));
        while (folder.starts_with("./")) folder.erase(0, 2);
        while (folder.ends_with('/')) folder.pop_back();
        if (folder.empty() || folder == ".") folder = resource.metadata.ns + "/" + name;
        if (!folders.insert(folder).second) {
            findings.fault(join_path(path, "mountPath"), "two mounts share the folder " + folder);
        }
    }
}

void check_env(const Resource& resource, Findings& findings) {
    const auto* list = list_at(resource.spec, "env");
    if (!list) return;
    std::set<std::string, std::less<>> names;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const auto* item = (*list)[i].if_object();
        if (!item) continue;
        std::string path = "spec.env";
        append_index(path, i);
        const std::string name(text_at(*item, "name"));
        if (!name.empty() && !names.insert(name).second) {
            findings.fault(join_path(path, "name"), name + " is set twice");
        }
        if (value_at(*item, "value") && value_at(*item, "valueFrom")) {
            findings.fault(join_path(path, "valueFrom"),
                           "goes not together with value; remove one of them");
        }
        const auto* from = object_at(*item, "valueFrom");
        if (!from) continue;
        const bool secret = from->contains("secretKeyRef"),
                   config = from->contains("configMapKeyRef");
        if (secret == config) {
            findings.fault(join_path(path, "valueFrom"),
                           "needs exactly one of secretKeyRef and configMapKeyRef");
        }
    }
}

void check_env_from(const Resource& resource, Findings& findings) {
    const auto* list = list_at(resource.spec, "envFrom");
    if (!list) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const auto* item = (*list)[i].if_object();
        if (!item || item->contains("secretRef") != item->contains("configMapRef")) continue;
        std::string path = "spec.envFrom";
        append_index(path, i);
        findings.fault(path, "needs exactly one of secretRef and configMapRef");
    }
}

void check_invocation_rules(const Resource& resource, Findings& findings) {
    constexpr std::int64_t kLongestAgeMs = 168LL * 3'600'000;
    const auto age = base::parse_duration_ms(text_at(resource.spec, "invocation.maxAge"));
    if (age && *age > kLongestAgeMs)
        findings.fault("spec.invocation.maxAge", "must be at most 168h");
    for (const char* which : {"onSuccess", "onFailure"}) {
        const auto* to = object_at(resource.spec, std::string("invocation.") + which);
        if (!to) continue;
        const std::string path = std::string("spec.invocation.") + which;
        const int named = !text_at(*to, "function").empty() + !text_at(*to, "url").empty() +
                          (object_at(*to, "topic") != nullptr);
        if (named != 1) findings.fault(path, "needs exactly one of function, url and topic");
        if (text_at(*to, "url").starts_with("archive:"))
            findings.fault(join_path(path, "url"), "must begin with http:// or https://");
    }
}

}  // namespace

void check_function_rules(const Resource& resource, Findings& findings, Target target) {
    check_mounts(resource, "secrets", findings);
    check_mounts(resource, "configmaps", findings);
    check_env(resource, findings);
    check_env_from(resource, findings);
    check_strategy_rules(resource, findings, target);
    check_invocation_rules(resource, findings);
    const auto idle = integer_at(resource.spec, "streaming.idleTimeoutSeconds");
    const auto longest = integer_at(resource.spec, "streaming.maxDurationSeconds");
    if (longest > 0 && idle > longest) {
        findings.fault("spec.streaming.maxDurationSeconds", "is below idleTimeoutSeconds");
    }
}

void check_function_reference(const Resource& resource, Findings& findings) {
    const json::object& spec = resource.spec;
    if (text_at(spec, "functionref.type") == "function-weights") {
        findings.fault("spec.functionref.type",
                       "function-weights is not supported by this server: use type name");
    }
    const auto* weights = value_at(spec, "functionref.functionweights");
    if (weights && !is_zero(*weights)) {
        findings.fault("spec.functionref.functionweights",
                       "is not supported by this server: use type name");
    }
    for (const char* key : {"alias", "version"}) {
        const std::string path = std::string("functionref.") + key;
        if (!text_at(spec, path).empty()) {
            findings.fault("spec." + path,
                           "is not supported by this server: use type name and name alone");
        }
    }
}

void check_http_trigger_rules(const Resource& resource, Findings& findings) {
    const json::object& spec = resource.spec;
    if (text_at(spec, "relativeurl").empty() && text_at(spec, "prefix").empty()) {
        findings.fault("spec.relativeurl", "is missing; a route needs relativeurl or prefix");
    }
    check_function_reference(resource, findings);
    for (const char* key : {"header", "prefix"}) {
        const auto preset = text_at(spec, "auth.hmac.preset");
        if (preset.empty() || !value_at(spec, std::string("auth.hmac.") + key)) continue;
        findings.fault(std::string("spec.auth.hmac.") + key,
                       "is set by the preset " + std::string(preset) + "; leave it out");
    }
    if (value_at(spec, "auth.hmac.tolerance") && text_at(spec, "auth.hmac.preset") != "stripe" &&
        text_at(spec, "auth.hmac.preset") != "slack") {
        findings.fault("spec.auth.hmac.tolerance",
                       "needs the preset stripe or slack: only these sign a time");
    }
    if (bool_at(spec, "corsConfig.allowCredentials")) {
        for (const std::string& origin : strings_at(spec, "corsConfig.allowOrigins")) {
            if (origin != "*") continue;
            findings.fault("spec.corsConfig.allowCredentials",
                           "goes not together with the origin '*'; name the origins");
        }
    }
}

void check_data_rules(Resource& resource, Findings& findings) {
    json::object& spec = resource.spec;
    json::object data;
    if (auto* given = spec.if_contains("data"); given && given->is_object())
        data = given->get_object();
    if (auto* plain = object_at(spec, "stringData")) {
        for (const auto& member : *plain) {
            if (const auto* text = member.value().if_string()) {
                data[member.key()] = base::base64_encode(*text);
            }
        }
    }
    std::size_t bytes = 0;
    for (const auto& member : data) {
        bytes += member.key().size();
        if (const auto* text = member.value().if_string()) bytes += text->size();
    }
    if (const auto* binary = object_at(spec, "binaryData")) {
        for (const auto& member : *binary) {
            bytes += member.value().is_string() ? member.value().get_string().size() : 0;
            if (data.contains(member.key())) {
                findings.fault(join_path("binaryData", member.key()), "the key is in data as well");
            }
        }
    }
    constexpr std::size_t kLimit = 1u << 20;
    if (bytes > kLimit * 4 / 3) findings.fault("data", "holds more than 1 MiB");
    spec.erase("stringData");
    spec["data"] = std::move(data);
}

}  // namespace hearth::model
