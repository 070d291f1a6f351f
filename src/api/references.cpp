#include "api/references.hpp"

#include "hearth/model/invocation.hpp"
#include "hearth/model/queue_trigger.hpp"
#include "hearth/model/specs.hpp"
#include "hearth/model/trigger_specs.hpp"
#include "hearth/model/workflow.hpp"

namespace hearth::api {
namespace {

using model::Kind;
using References = std::vector<Reference>;

void add(References& list, Kind kind, const std::string& name, std::string path,
         bool optional = false) {
    if (!name.empty()) list.push_back(Reference{kind, name, std::move(path), optional});
}

std::string item(std::string_view list, std::size_t index, std::string_view member) {
    return std::string(list) + "[" + std::to_string(index) + "]" + std::string(member);
}

void add_destinations(References& list, const model::Resource& function) {
    const auto invocation = model::decode_invocation(function);
    if (!invocation) return;
    struct Destination {
        const model::CallDestination& to;
        const char* path;
    };
    for (const auto& [to, path] :
         {Destination{invocation->on_success, "spec.invocation.onSuccess."},
          Destination{invocation->on_failure, "spec.invocation.onFailure."}}) {
        add(list, Kind::function, to.function, std::string(path) + "function");
        add(list, Kind::secret, to.topic.secret, std::string(path) + "topic.secret");
    }
}

References of_function(const model::Resource& resource) {
    References list;
    const auto spec = model::decode_function(resource);
    if (!spec) return list;
    add(list, Kind::environment, spec->environment, "spec.environment.name");
    add(list, Kind::package, spec->package, "spec.package.packageref.name");
    for (std::size_t i = 0; i < spec->secrets.size(); ++i) {
        add(list, Kind::secret, spec->secrets[i].name, item("spec.secrets", i, ".name"));
    }
    for (std::size_t i = 0; i < spec->config_maps.size(); ++i) {
        add(list, Kind::config_map, spec->config_maps[i].name, item("spec.configmaps", i, ".name"));
    }
    for (std::size_t i = 0; i < spec->env.size(); ++i) {
        const auto& variable = spec->env[i];
        add(list, Kind::secret, variable.secret,
            item("spec.env", i, ".valueFrom.secretKeyRef.name"), variable.optional);
        add(list, Kind::config_map, variable.config_map,
            item("spec.env", i, ".valueFrom.configMapKeyRef.name"), variable.optional);
    }
    for (std::size_t i = 0; i < spec->env_from.size(); ++i) {
        add(list, Kind::secret, spec->env_from[i].secret,
            item("spec.envFrom", i, ".secretRef.name"));
        add(list, Kind::config_map, spec->env_from[i].config_map,
            item("spec.envFrom", i, ".configMapRef.name"));
    }
    add_destinations(list, resource);
    return list;
}

References of_package(const model::Resource& resource) {
    References list;
    const auto spec = model::decode_package(resource);
    if (spec) add(list, Kind::environment, spec->environment, "spec.environment.name");
    return list;
}

References of_trigger(const model::Resource& resource) {
    References list;
    const auto spec = model::decode_http_trigger(resource);
    if (!spec) return list;
    add(list, spec->workflow ? Kind::workflow : Kind::function, spec->function,
        "spec.functionref.name");
    add(list, Kind::secret, spec->auth.api_key_secret, "spec.auth.apiKeySecret");
    if (spec->auth.hmac) add(list, Kind::secret, spec->auth.hmac->secret, "spec.auth.hmac.secret");
    return list;
}

References of_queue_trigger(const model::Resource& resource) {
    References list;
    const auto spec = model::decode_message_queue_trigger(resource);
    if (!spec) return list;
    add(list, spec->workflow ? Kind::workflow : Kind::function, spec->function,
        "spec.functionref.name");
    add(list, Kind::secret, spec->secret, "spec.secret");
    return list;
}

References of_time_trigger(const model::Resource& resource) {
    References list;
    const auto spec = model::decode_time_trigger(resource);
    if (!spec) return list;
    add(list, spec->workflow ? Kind::workflow : Kind::function, spec->function,
        "spec.functionref.name");
    return list;
}

References of_watch_trigger(const model::Resource& resource) {
    References list;
    const auto spec = model::decode_kubernetes_watch_trigger(resource);
    if (!spec) return list;
    add(list, spec->workflow ? Kind::workflow : Kind::function, spec->function,
        "spec.functionref.name");
    return list;
}

References of_workflow(const model::Resource& resource) {
    References list;
    for (auto& named : model::workflow_references(resource)) {
        // A workflow may start itself again; there is nothing to be created first.
        if (named.workflow && named.name == resource.metadata.name) continue;
        add(list, named.workflow ? Kind::workflow : Kind::function, named.name, named.path);
    }
    return list;
}

}  // namespace

References references(const model::Resource& resource) {
    switch (resource.kind) {
        case Kind::function:
            return of_function(resource);
        case Kind::package:
            return of_package(resource);
        case Kind::http_trigger:
            return of_trigger(resource);
        case Kind::message_queue_trigger:
            return of_queue_trigger(resource);
        case Kind::time_trigger:
            return of_time_trigger(resource);
        case Kind::kubernetes_watch_trigger:
            return of_watch_trigger(resource);
        case Kind::workflow:
            return of_workflow(resource);
        default:
            return {};
    }
}

std::vector<Kind> user_kinds(Kind kind) {
    switch (kind) {
        case Kind::environment:
            return {Kind::package, Kind::function};
        case Kind::package:
            return {Kind::function};
        case Kind::function:
            return {Kind::function,
                    Kind::http_trigger,
                    Kind::message_queue_trigger,
                    Kind::time_trigger,
                    Kind::kubernetes_watch_trigger,
                    Kind::workflow};
        case Kind::workflow:
            return {Kind::workflow, Kind::http_trigger, Kind::message_queue_trigger,
                    Kind::time_trigger, Kind::kubernetes_watch_trigger};
        case Kind::secret:
            return {Kind::function, Kind::http_trigger, Kind::message_queue_trigger};
        case Kind::config_map:
            return {Kind::function};
        default:
            return {};
    }
}

}  // namespace hearth::api
