#include "api/present.hpp"

#include <boost/json.hpp>

#include "api/packages.hpp"
#include "hearth/model/kinds.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {

namespace json = boost::json;
using model::Kind;

namespace {

json::object condition(std::string_view type, bool holds, std::string_view reason,
                       std::string message = {}) {
    json::object made;
    made["type"] = type;
    made["status"] = holds ? "True" : "False";
    made["reason"] = reason;
    if (!message.empty()) made["message"] = std::move(message);
    return made;
}

std::string capital(std::string word) {
    if (!word.empty()) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    return word;
}

/// The daemon's own record is shown as the package's status.
void hide_build(json::object& object) {
    auto* metadata = object.if_contains("metadata");
    auto* annotations = metadata && metadata->is_object()
                            ? metadata->get_object().if_contains("annotations")
                            : nullptr;
    if (!annotations || !annotations->is_object()) return;
    annotations->get_object().erase(model::kBuildAnnotation);
    if (annotations->get_object().empty()) metadata->get_object().erase("annotations");
}

}  // namespace

json::object shown(const model::Resource& resource, bool reveal, const json::object* status) {
    json::object object = model::to_json(resource, status);
    if (resource.kind == Kind::package) hide_build(object);
    if (resource.kind == Kind::secret && !reveal) {
        if (auto* data = object.if_contains("data"); data && data->is_object()) {
            for (auto& member : data->get_object()) member.value() = nullptr;
        }
    }
    if (resource.kind == Kind::api_token) {
        if (auto* spec = object.if_contains("spec"); spec && spec->is_object())
            spec->get_object().erase("sha256");
    }
    return object;
}

const std::vector<executor::InstanceStats>& StatusReader::instances() {
    if (!instances_) instances_ = context_.executor.instances();
    return *instances_;
}

const std::vector<executor::PoolStats>& StatusReader::pools() {
    if (!pools_) pools_ = context_.executor.pools();
    return *pools_;
}

json::object StatusReader::status_of(const model::Resource& resource) {
    switch (resource.kind) {
        case Kind::function:
            return of_function(resource);
        case Kind::package:
            return of_package(resource);
        case Kind::http_trigger:
            return of_trigger(resource);
        case Kind::environment:
            return of_environment(resource);
        case Kind::message_queue_trigger:
        case Kind::time_trigger:
        case Kind::kubernetes_watch_trigger:
            return context_.ports.trigger_status ? context_.ports.trigger_status(resource)
                                                 : json::object();
        default:
            return {};
    }
}

json::object StatusReader::of_function(const model::Resource& function) {
    int ready = 0, loading = 0, draining = 0, in_flight = 0;
    for (const auto& instance : instances()) {
        if (instance.ns != function.metadata.ns || instance.function != function.metadata.name)
            continue;
        ready += instance.state == "ready" ? 1 : 0;
        draining += instance.state == "draining" ? 1 : 0;
        loading += instance.state == "ready" || instance.state == "draining" ? 0 : 1;
        in_flight += instance.in_flight;
    }
    json::object counts;
    counts["ready"] = ready;
    counts["loading"] = loading;
    counts["draining"] = draining;
    counts["inFlight"] = in_flight;

    const auto spec = model::decode_function(function);
    std::string environment_missing, package_missing;
    const auto& ns = function.metadata.ns;
    if (!spec) {
        package_missing = spec.error().message;
    } else {
        const bool container = spec->executor_type == "container";
        if (!container && !context_.catalog.find(Kind::environment, ns, spec->environment)) {
            environment_missing = "there is no Environment " + ns + "/" + spec->environment;
        }
        const auto package = context_.catalog.find(Kind::package, ns, spec->package);
        if (container) {
            // Its image holds the code.
        } else if (!package) {
            package_missing = "there is no Package " + ns + "/" + spec->package;
        } else if (const auto loaded = package->load(); !loaded) {
            package_missing = loaded.error().message;
        } else if (!archive_digest(loaded->spec, "deployment")) {
            package_missing = "the Package " + ns + "/" + spec->package +
                              " has no deployment archive: its build is " +
                              std::string(model::to_string(model::build_status(*loaded)));
        }
    }
    const bool good = environment_missing.empty() && package_missing.empty();
    json::array conditions;
    conditions.push_back(
        condition("Ready", good, good ? "Deployed" : "ReferenceMissing",
                  environment_missing.empty() ? package_missing : environment_missing));
    conditions.push_back(condition("PackageReady", package_missing.empty(),
                                   package_missing.empty() ? "ArchiveStored" : "PackageMissing",
                                   package_missing));
    json::object status;
    status["observedGeneration"] = function.metadata.generation;
    status["conditions"] = std::move(conditions);
    status["instances"] = std::move(counts);
    return status;
}

json::object StatusReader::of_package(const model::Resource& package) const {
    const auto deployment = archive_digest(package.spec, "deployment");
    const auto source = archive_digest(package.spec, "source");
    const auto build =
        context_.ports.builds
            ? context_.ports.builds->state(package.metadata.ns, package.metadata.name)
            : Result<build::BuildView>(Error(Errc::unsupported, "no builds"));
    const auto buildstatus = model::build_status(package);
    json::object status;
    status["buildstatus"] = model::to_string(buildstatus);
    if (build) add_build(status, *build);
    if (deployment || source) {
        json::object archive;
        archive["digest"] = deployment ? *deployment : *source;
        if (const auto* size = package.spec.if_contains("size")) archive["bytes"] = *size;
        archive["unpacked"] = deployment && !context_.archives.unpacked_now(*deployment).empty();
        status["archive"] = std::move(archive);
        status["contentHash"] = source ? *source : *deployment;
    }
    json::array conditions;
    const bool good = deployment.has_value();
    const std::string word(model::to_string(buildstatus));
    const std::string reason = build ? build->reason : std::string();
    conditions.push_back(condition("Ready", good, good ? "ArchiveStored" : "NotBuilt",
                                   good ? "" : "the package has no deployment archive: " + word));
    if (source && buildstatus != model::BuildStatus::none) {
        const bool built = buildstatus == model::BuildStatus::succeeded;
        conditions.push_back(condition("BuildSucceeded", built, capital(word), reason));
    }
    status["conditions"] = std::move(conditions);
    return status;
}

std::string StatusReader::url_of(const model::Resource& trigger) const {
    const auto spec = model::decode_http_trigger(trigger);
    if (!spec) return {};
    std::string base = context_.options.gateway_url;
    while (base.ends_with('/')) base.pop_back();
    if (!spec->host.empty() && spec->host.find('*') == std::string::npos) {
        const auto scheme = base.find("://");
        const auto colon = base.rfind(':');
        const bool has_port =
            scheme != std::string::npos && colon != std::string::npos && colon > scheme;
        base = (scheme == std::string::npos ? std::string("http") : base.substr(0, scheme)) +
               "://" + spec->host + (has_port ? base.substr(colon) : std::string());
    }
    return base + (spec->prefix ? *spec->prefix : spec->path);
}

json::object StatusReader::of_trigger(const model::Resource& trigger) const {
    json::object status;
    status["url"] = url_of(trigger);
    const auto spec = model::decode_http_trigger(trigger);
    const auto kind = spec && spec->workflow ? Kind::workflow : Kind::function;
    const auto name = std::string(model::table(kind).name);
    const bool found =
        spec && context_.catalog.find(kind, trigger.metadata.ns, spec->function) != nullptr;
    const std::string message =
        found || !spec ? std::string()
                       : "there is no " + name + " " + trigger.metadata.ns + "/" + spec->function;
    json::array conditions;
    conditions.push_back(
        condition("RouteAdmitted", found, found ? "Admitted" : name + "NotFound", message));
    conditions.push_back(
        condition("Ready", found, found ? "Admitted" : name + "NotFound", message));
    status["conditions"] = std::move(conditions);
    return status;
}

json::object StatusReader::of_environment(const model::Resource& environment) {
    std::string trouble;
    json::object status;
    const auto spec = model::decode_environment(environment);
    if (!spec) {
        trouble = spec.error().message;
    } else if (const auto features = context_.backend.features(*spec); !features) {
        trouble = features.error().message;
    } else {
        json::object able;
        able["envAtLoad"] = features->env_at_load;
        able["zygote"] = features->zygote;
        status["features"] = std::move(able);
    }
    status["available"] = trouble.empty();
    for (const auto& pool : pools()) {
        if (pool.ns == environment.metadata.ns && pool.environment == environment.metadata.name) {
            status["pool"] = to_json(pool);
        }
    }
    json::array conditions;
    conditions.push_back(condition("Ready", trouble.empty(),
                                   trouble.empty() ? "Available" : "Unavailable", trouble));
    status["conditions"] = std::move(conditions);
    return status;
}

json::object shown_record(const catalog::Record& record, StatusReader& reader, bool reveal) {
    const auto resource = record.load();
    if (resource) {
        const auto status = reader.status_of(*resource);
        return shown(*resource, reveal, status.empty() ? nullptr : &status);
    }
    return shown_unreadable(record, resource.error());
}

json::object shown_unreadable(const catalog::Record& record, const Error& error) {
    json::array conditions;
    conditions.push_back(condition("Ready", false, "Unreadable", error.message));
    json::object status;
    status["conditions"] = std::move(conditions);
    json::object out = model::to_json(record.bare(), &status);
    // An empty spec could be taken for the object's own.
    out.erase("spec");
    return out;
}

namespace {

void put_text(json::object& object, std::string_view key, const std::string& text) {
    if (!text.empty()) object[key] = text;
}

}  // namespace

void add_build(json::object& status, const build::BuildView& view) {
    put_text(status, "buildlog", view.log);
    put_text(status, "sourceDigest", view.source_digest);
    put_text(status, "startedAt", view.started_at);
    put_text(status, "finishedAt", view.finished_at);
    if (view.stale) status["stale"] = true;
    put_text(status, view.status == model::BuildStatus::failed ? "error" : "reason", view.reason);
}

json::object to_json(const build::BuildView& view) {
    json::object out;
    out["namespace"] = view.ns;
    out["package"] = view.package;
    out["environment"] = view.environment;
    out["buildstatus"] = model::to_string(view.status);
    add_build(out, view);
    put_text(out, "deploymentDigest", view.deployment_digest);
    return out;
}

json::object to_json(const executor::InstanceStats& stats) {
    json::object out;
    out["name"] = stats.name;
    out["namespace"] = stats.ns;
    out["environment"] = stats.environment;
    out["function"] = stats.function;
    out["state"] = stats.state;
    out["generation"] = stats.generation;
    out["inFlight"] = stats.in_flight;
    out["served"] = stats.served;
    out["ageMs"] = stats.age_ms;
    out["idleMs"] = stats.idle_ms;
    out["pid"] = stats.pid;
    out["rssBytes"] = stats.rss_bytes;
    out["endpoint"] = stats.endpoint;
    out["isolation"] = stats.isolation;
    return out;
}

json::object to_json(const executor::PoolStats& stats) {
    json::object out;
    out["namespace"] = stats.ns;
    out["environment"] = stats.environment;
    out["target"] = stats.target;
    out["warm"] = stats.warm;
    out["starting"] = stats.starting;
    out["startsPerSecond"] = stats.starts_per_second;
    out["lastError"] = stats.last_error;
    return out;
}

}  // namespace hearth::api
