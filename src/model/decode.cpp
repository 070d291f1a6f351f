#include <boost/json.hpp>

#include "hearth/base/ids.hpp"
#include "hearth/base/quantity.hpp"
#include "hearth/model/kinds.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"
#include "model/decode_pod.hpp"
#include "model/field_tree.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Error broken(const Resource& resource, std::string_view field, std::string_view what) {
    return Error(Errc::internal, std::string(table(resource.kind).name) + " " +
                                     qualified(resource.metadata) + ": spec." + std::string(field) +
                                     " " + std::string(what));
}

std::string quantity_text(const json::object& object, std::string_view path) {
    const auto* value = value_at(object, path);
    if (!value || value->is_null()) return {};
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

/// `field` names the place in messages.
Result<Limits> decode_limits(const Resource& resource, const json::object& spec,
                             std::string_view field) {
    Limits limits;
    const std::string path(field);
    if (const auto text = quantity_text(spec, "resources.limits.memory"); !text.empty()) {
        auto bytes = base::parse_bytes(text);
        if (!bytes) return broken(resource, path + "limits.memory", bytes.error().message);
        limits.memory_bytes = *bytes;
    }
    if (const auto text = quantity_text(spec, "resources.limits.cpu"); !text.empty()) {
        auto cpu = base::parse_millicores(text);
        if (!cpu) return broken(resource, path + "limits.cpu", cpu.error().message);
        limits.cpu_millicores = *cpu;
    }
    return limits;
}

/// Of the main container of a merged pod.
Result<Limits> decode_limits(const Resource& resource, const MergedPod& merged) {
    const auto* containers = list_at(merged.pod, "containers");
    static const json::object kNone;
    const auto* main = containers ? containers->front().if_object() : nullptr;
    return decode_limits(resource, main ? *main : kNone, "resources.");
}

/// A zero stands for the default where Fission's tools write zeroes for absent members.
int nonzero_or(std::int64_t value, int fallback) {
    return value == 0 ? fallback : static_cast<int>(value);
}

Result<Archive> decode_archive(const Resource& resource, std::string_view side) {
    Archive archive;
    const auto* object = object_at(resource.spec, side);
    if (!object) return archive;
    archive.sha256 = text_at(*object, "checksum.sum");
    for (char& c : archive.sha256) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
    }
    if (const auto literal = text_at(*object, "literal"); !literal.empty()) {
        archive.type = Archive::Type::literal;
        if (!base::base64_decode(literal, archive.literal)) {
            return broken(resource, std::string(side) + ".literal", "is not base64");
        }
    } else if (const auto* files = object_at(*object, "files"); files && !files->empty()) {
        archive.type = Archive::Type::files;
        archive.files = texts_at(*object, "files");
    } else if (const auto url = text_at(*object, "url"); !url.empty()) {
        archive.type = Archive::Type::url;
        archive.url = url;
    }
    return archive;
}

std::vector<FileMount> decode_mounts(const json::object& spec, std::string_view field) {
    std::vector<FileMount> mounts;
    if (const auto* list = list_at(spec, field)) {
        for (const auto& item : *list) {
            const auto* object = item.if_object();
            if (!object) continue;
            mounts.push_back({std::string(text_at(*object, "name")),
                              std::string(text_at(*object, "mountPath"))});
        }
    }
    return mounts;
}

std::vector<EnvVar> decode_env(const json::object& spec) {
    std::vector<EnvVar> variables;
    const auto* list = list_at(spec, "env");
    if (!list) return variables;
    for (const auto& item : *list) {
        const auto* object = item.if_object();
        if (!object) continue;
        EnvVar variable;
        variable.name = text_at(*object, "name");
        variable.value = text_at(*object, "value");
        if (const auto* secret = object_at(*object, "valueFrom.secretKeyRef")) {
            variable.secret = text_at(*secret, "name");
            variable.key = text_at(*secret, "key");
            variable.optional = bool_at(*secret, "optional");
        } else if (const auto* config = object_at(*object, "valueFrom.configMapKeyRef")) {
            variable.config_map = text_at(*config, "name");
            variable.key = text_at(*config, "key");
            variable.optional = bool_at(*config, "optional");
        }
        variables.push_back(std::move(variable));
    }
    return variables;
}

std::vector<EnvFrom> decode_env_from(const json::object& spec) {
    std::vector<EnvFrom> sources;
    const auto* list = list_at(spec, "envFrom");
    if (!list) return sources;
    for (const auto& item : *list) {
        const auto* object = item.if_object();
        if (!object) continue;
        sources.push_back({std::string(text_at(*object, "secretRef.name")),
                           std::string(text_at(*object, "configMapRef.name")),
                           std::string(text_at(*object, "prefix"))});
    }
    return sources;
}

void decode_scale(const json::object& spec, FunctionSpec& out) {
    const auto* strategy = object_at(spec, "InvokeStrategy.ExecutionStrategy");
    out.concurrency = nonzero_or(integer_at(spec, "concurrency"), out.concurrency);
    out.retain_pods = static_cast<int>(integer_at(spec, "retainPods"));
    if (!strategy) return;
    if (const auto type = text_at(*strategy, "ExecutorType"); !type.empty())
        out.executor_type = type;
    const auto load = integer_at(*strategy, "SpecializationTimeout");
    if (load > 0) out.specialization_timeout = seconds(load);
    if (!out.has_workload()) return;
    const auto max = integer_at(*strategy, "MaxScale");
    if (max > 0) out.concurrency = static_cast<int>(max);
    out.min_scale = static_cast<int>(integer_at(*strategy, "MinScale"));
    out.max_scale = std::max(out.concurrency, out.min_scale);
    out.retain_pods = std::max(out.retain_pods, out.min_scale);
    out.target_cpu_percent = static_cast<int>(integer_at(*strategy, "TargetCPUPercent"));
    if (const auto* metrics = list_at(*strategy, "hpaMetrics")) out.hpa_metrics = *metrics;
    if (const auto* behavior = object_at(*strategy, "hpaBehavior")) out.hpa_behavior = *behavior;
}

int port_of(const ContainerSettings& container) {
    if (container.ports.empty()) return kDefaultContainerPort;
    const auto* first = container.ports.front().if_object();
    return first ? static_cast<int>(integer_at(*first, "containerPort", kDefaultContainerPort))
                 : kDefaultContainerPort;
}

Result<void> decode_function_pod(const Resource& resource, FunctionSpec& out) {
    const bool container = out.executor_type == "container";
    auto merged = merge_function_pod(resource, container);
    auto limits = decode_limits(resource, merged);
    if (!limits) return limits.error();
    out.limits = *limits;
    if (!out.has_workload()) return {};
    auto pod = decode_pod(std::move(merged), resource, container);
    if (!pod) return pod.error();
    out.pod = std::move(*pod);
    if (container) out.container_port = port_of(out.pod->main);
    return {};
}

void add_container_env(const json::object& container, std::map<std::string, std::string>& env) {
    const auto* list = list_at(container, "env");
    if (!list) return;
    for (const auto& item : *list) {
        const auto* object = item.if_object();
        const auto* value = object ? object->if_contains("value") : nullptr;
        if (!value || !value->is_string()) continue;
        // A container may set what a process of this machine may not.
        static const TextRule kName = text_rule("env");
        if (!kName(text_at(*object, "name")).empty()) continue;
        env.emplace(std::string(text_at(*object, "name")), std::string(value->get_string()));
    }
}

Result<BuilderSpec> decode_builder(const Resource& resource) {
    BuilderSpec out;
    const auto* builder = object_at(resource.spec, "builder");
    if (!builder) return out;
    out.image = text_at(*builder, "image");
    out.command = command_words(text_at(*builder, "command"));
    const auto* container = object_at(*builder, "container");
    if (!container) return out;
    add_container_env(*container, out.env);
    auto limits = decode_limits(resource, *container, "builder.container.resources.");
    if (!limits) return limits.error();
    out.limits = *limits;
    return out;
}

}  // namespace

Result<PodSettingsPtr> decode_builder_pod(const Resource& environment) {
    return decode_pod(merge_builder_pod(environment), environment, false);
}

Result<EnvironmentSpec> decode_environment(const Resource& resource) {
    EnvironmentSpec out;
    const json::object& spec = resource.spec;
    out.version = static_cast<int>(integer_at(spec, "version", out.version));
    out.image = text_at(spec, "runtime.image");
    out.local_command = strings_at(spec, "runtime.local.command");
    out.local_http = text_at(spec, "runtime.local.protocol") == "http";
    if (out.image.empty() && out.local_command.empty())
        return broken(resource, "runtime.image", "is missing");
    out.env = texts_at(spec, "runtime.local.env");
    if (const auto* container = object_at(spec, "runtime.container"))
        add_container_env(*container, out.env);
    out.poolsize = static_cast<int>(integer_at(spec, "poolsize", out.poolsize));
    out.keeparchive = bool_at(spec, "keeparchive");
    out.termination_grace =
        seconds(integer_at(spec, "terminationGracePeriod", out.termination_grace.count()));
    auto merged = merge_environment_pod(resource);
    auto limits = decode_limits(resource, merged);
    if (!limits) return limits.error();
    out.limits = *limits;
    auto pod = decode_pod(std::move(merged), resource, false);
    if (!pod) return pod.error();
    out.pod = std::move(*pod);
    auto builder = decode_builder(resource);
    if (!builder) return builder.error();
    out.builder = std::move(*builder);
    return out;
}

Result<PackageSpec> decode_package(const Resource& resource) {
    PackageSpec out;
    out.environment = text_at(resource.spec, "environment.name");
    if (out.environment.empty()) return broken(resource, "environment.name", "is missing");
    out.buildcmd = text_at(resource.spec, "buildcmd");
    auto source = decode_archive(resource, "source");
    if (!source) return source.error();
    auto deployment = decode_archive(resource, "deployment");
    if (!deployment) return deployment.error();
    out.source = std::move(*source);
    out.deployment = std::move(*deployment);
    return out;
}

Result<FunctionSpec> decode_function(const Resource& resource) {
    FunctionSpec out;
    const json::object& spec = resource.spec;
    out.environment = text_at(spec, "environment.name");
    out.package = text_at(spec, "package.packageref.name");
    decode_scale(spec, out);
    const bool container = out.executor_type == "container";
    if (container) {
        // Its image holds the code; what it names beside is not used.
        out.environment.clear();
        out.package.clear();
    }
    if (!container && out.environment.empty())
        return broken(resource, "environment.name", "is missing");
    if (!container && out.package.empty())
        return broken(resource, "package.packageref.name", "is missing");
    out.function_name = text_at(spec, "package.functionName");
    out.secrets = decode_mounts(spec, "secrets");
    out.config_maps = decode_mounts(spec, "configmaps");
    out.env = decode_env(spec);
    out.env_from = decode_env_from(spec);
    if (auto pod = decode_function_pod(resource, out); pod.has_error()) return pod.error();
    out.function_timeout = seconds(integer_at(spec, "functionTimeout", 60));
    if (out.function_timeout.count() <= 0)
        return broken(resource, "functionTimeout", "must be positive");
    out.idle_timeout = seconds(integer_at(spec, "idletimeout", 120));
    out.requests_per_pod = nonzero_or(integer_at(spec, "requestsPerPod"), 1);
    out.requests_per_pod_given = integer_at(spec, "requestsPerPod") > 0;
    out.once_only = bool_at(spec, "onceOnly");
    if (const auto* streaming = object_at(spec, "streaming")) {
        FunctionSpec::Streaming stream;
        if (const auto idle = integer_at(*streaming, "idleTimeoutSeconds"); idle > 0)
            stream.idle = seconds(idle);
        stream.max = seconds(integer_at(*streaming, "maxDurationSeconds"));
        out.streaming = stream;
    }
    return out;
}

Result<ApiTokenSpec> decode_api_token(const Resource& resource) {
    ApiTokenSpec out;
    const auto role = text_at(resource.spec, "role");
    using Role = ApiTokenSpec::Role;
    if (role == "view") {
        out.role = Role::view;
    } else if (role == "call") {
        out.role = Role::call;
    } else if (role == "deploy") {
        out.role = Role::deploy;
    } else if (role == "admin") {
        out.role = Role::admin;
    } else {
        return broken(resource, "role", "is none of view, call, deploy, admin");
    }
    out.sha256 = text_at(resource.spec, "sha256");
    out.all_namespaces = bool_at(resource.spec, "allNamespaces");
    out.expires = text_at(resource.spec, "expires");
    return out;
}

Result<std::map<std::string, std::string>> decode_data(const Resource& resource) {
    std::map<std::string, std::string> out;
    const bool secret = resource.kind == Kind::secret;
    for (const char* field : {"data", "binaryData"}) {
        const bool encoded = secret || std::string_view(field) == "binaryData";
        for (auto& [key, value] : texts_at(resource.spec, field)) {
            if (!encoded) {
                out.emplace(key, std::move(value));
                continue;
            }
            std::string bytes;
            if (!base::base64_decode(value, bytes)) {
                return Error(Errc::internal, std::string(table(resource.kind).name) + " " +
                                                 qualified(resource.metadata) + ": the value of " +
                                                 key + " is not base64");
            }
            out.emplace(key, std::move(bytes));
        }
    }
    return out;
}

}  // namespace hearth::model
