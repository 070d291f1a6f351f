#include "kube/rest_client.hpp"

#include <boost/json/serialize.hpp>

#include "hearth/base/json_view.hpp"

namespace hearth::kube {
namespace json = boost::json;
using base::object_at;
using base::text_at;
namespace {

constexpr int kMostPages = 10'000;
/// A continue token that expired this often on the way shows that pages are too slow for this list.
constexpr int kMostRestarts = 2;

Error no_object() {
    return Error(Errc::unavailable, "the Kubernetes API server answered with no object", {},
                 std::string(kComponent));
}

const char* content_type_of(PatchOptions::Type type) {
    switch (type) {
        case PatchOptions::Type::strategic:
            return "application/strategic-merge-patch+json";
        case PatchOptions::Type::json:
            return "application/json-patch+json";
        case PatchOptions::Type::apply:
            return "application/apply-patch+yaml";  // every JSON text is YAML
        case PatchOptions::Type::merge:
            break;
    }
    return "application/merge-patch+json";
}

json::value delete_body(const DeleteOptions& options) {
    json::object body;
    body["apiVersion"] = "v1";
    body["kind"] = "DeleteOptions";
    if (options.grace_seconds) body["gracePeriodSeconds"] = *options.grace_seconds;
    if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
    json::object conditions;
    if (!options.uid.empty()) conditions["uid"] = options.uid;
    if (!options.resource_version.empty()) conditions["resourceVersion"] = options.resource_version;
    if (!conditions.empty()) body["preconditions"] = std::move(conditions);
    return body;
}

/// Lists leave out in their items what is the same in all of them.
void fill_in(json::object& object, const ResourceType& type) {
    object.emplace("apiVersion", type.api_version());
    object.emplace("kind", type.kind);
}

/// What the path says already has to stand in an applied object as well.
void fill_in_name(json::object& object, const ResourceType& type, const std::string& name) {
    fill_in(object, type);
    auto& metadata = object["metadata"];
    if (!metadata.is_object()) metadata.emplace_object();
    metadata.get_object().emplace("name", name);
}

void take_items(json::object& answer, const ResourceType& type, ObjectList& into) {
    auto* items = answer.if_contains("items");
    if (items == nullptr || !items->is_array()) return;
    for (auto& item : items->get_array()) {
        if (!item.is_object()) continue;
        fill_in(item.get_object(), type);
        into.items.push_back(std::move(item.get_object()));
    }
}

std::string dry_run_text(bool on) {
    return on ? "All" : "";
}

}  // namespace

Result<std::unique_ptr<Client>> Client::make(Access access, ClientOptions options,
                                             aio::Shards& shards, aio::BlockingPool& pool,
                                             telemetry::Logger& log, telemetry::Registry& metrics) {
    if (access.host.empty())
        return Error(Errc::invalid_argument, "no address of a Kubernetes API server is given", {},
                     std::string(kComponent));
    // What is given in place is checked now; files may still come.
    Credential fixed;
    fixed.ca_pem = access.ca_pem;
    fixed.certificate_pem = access.client_certificate_pem;
    fixed.key_pem = access.client_key_pem;
    if (access.tls && (fixed.certificate_pem.empty() == fixed.key_pem.empty()))
        if (auto tls = TlsContext::make(access, fixed); !tls) return tls.error();
    auto transport =
        std::make_shared<Transport>(std::move(access), options, shards, pool, log, metrics);
    auto client = std::make_unique<RestClient>(transport, options);
    client->set_urgent(std::make_unique<RestClient>(transport, options));
    return std::unique_ptr<Client>(std::move(client));
}

RestClient::RestClient(std::shared_ptr<Transport> transport, ClientOptions options)
    : transport_(std::move(transport)), options_(std::move(options)) {}

Call RestClient::call(std::string method, std::string target, std::string verb,
                      const ResourceType& type) const {
    Call made(std::move(method), std::move(target), std::move(verb), type.plural);
    made.urgent = urgent_ == nullptr;
    return made;
}

Task<Result<json::object>> RestClient::object_of(Call call, Deadline deadline) {
    auto value = co_await transport_->fetch(std::move(call), deadline);
    if (!value) co_return value.error();
    if (!value->is_object()) co_return no_object();
    co_return std::move(value->get_object());
}

Task<Result<json::object>> RestClient::get(ResourceType type, std::string ns, std::string name,
                                           Deadline deadline) {
    auto request = call("GET", type.path(ns, name), "get", type);
    auto object = co_await object_of(std::move(request), deadline);
    co_return object;
}

Task<Result<json::object>> RestClient::page(ResourceType type, std::string ns, ListOptions options,
                                            std::string next, Deadline deadline) {
    Query query = {{"labelSelector", options.label_selector},
                   {"fieldSelector", options.field_selector}};
    if (options.page > 0) query.emplace_back("limit", std::to_string(options.page));
    if (next.empty()) {
        query.emplace_back("resourceVersion", options.resource_version);
        query.emplace_back("resourceVersionMatch", options.resource_version_match);
    } else {
        query.emplace_back("continue", std::move(next));
    }
    auto request = call("GET", type.path(ns) + query_text(query), "list", type);
    auto answer = co_await object_of(std::move(request), deadline);
    co_return answer;
}

Task<Result<ObjectList>> RestClient::list(ResourceType type, std::string ns, ListOptions options,
                                          Deadline deadline) {
    ObjectList all;
    std::string next;
    int restarts = 0;
    for (int pages = 0; pages < kMostPages; ++pages) {
        ListOptions now = options;
        auto answer = co_await page(type, ns, std::move(now), next, deadline);
        if (!answer) {
            if (next.empty() || !is_expired(answer.error())) co_return answer.error();
            next.clear();
            all = ObjectList();
            if (++restarts > kMostRestarts) options.page = 0;
            continue;
        }
        const auto* metadata = object_at(*answer, "metadata");
        if (metadata == nullptr) co_return no_object();
        all.resource_version = text_at(*metadata, "resourceVersion");
        next = text_at(*metadata, "continue");
        take_items(*answer, type, all);
        if (next.empty()) co_return std::move(all);
    }
    co_return Error(Errc::too_large, "a list of " + type.plural + " has no end", {},
                    std::string(kComponent));
}

Task<Result<json::object>> RestClient::create(ResourceType type, std::string ns,
                                              json::object object, Deadline deadline) {
    WriteOptions plain;
    std::string none;
    auto made = co_await write(std::move(type), std::move(ns), std::move(none), std::move(object),
                               std::move(plain), deadline);
    co_return made;
}

Task<Result<json::object>> RestClient::update(ResourceType type, std::string ns, std::string name,
                                              json::object object, Deadline deadline) {
    WriteOptions plain;
    auto made = co_await write(std::move(type), std::move(ns), std::move(name), std::move(object),
                               std::move(plain), deadline);
    co_return made;
}

Task<Result<json::object>> RestClient::write(ResourceType type, std::string ns, std::string name,
                                             json::object object, WriteOptions options,
                                             Deadline deadline) {
    const bool creates = name.empty();
    fill_in(object, type);
    const Query query = {{"fieldManager", options.field_manager.empty() ? options_.field_manager
                                                                        : options.field_manager},
                         {"dryRun", dry_run_text(options.dry_run)}};
    auto request =
        call(creates ? "POST" : "PUT", type.path(ns, name, options.subresource) + query_text(query),
             creates ? "create" : "update", type);
    const json::value body(std::move(object));
    request.set_body(body, "application/json");
    auto made = co_await object_of(std::move(request), deadline);
    co_return made;
}

Task<Result<json::object>> RestClient::patch(ResourceType type, std::string ns, std::string name,
                                             json::value patch, PatchOptions options,
                                             Deadline deadline) {
    const bool apply = options.type == PatchOptions::Type::apply;
    if (apply && patch.is_object()) fill_in_name(patch.get_object(), type, name);
    const Query query = {{"fieldManager", options.field_manager.empty() ? options_.field_manager
                                                                        : options.field_manager},
                         {"force", apply && options.force ? "true" : ""},
                         {"dryRun", dry_run_text(options.dry_run)}};
    auto request = call("PATCH", type.path(ns, name, options.subresource) + query_text(query),
                        apply ? "apply" : "patch", type);
    request.set_body(patch, content_type_of(options.type));
    auto made = co_await object_of(std::move(request), deadline);
    co_return made;
}

Task<Result<void>> RestClient::remove(ResourceType type, std::string ns, std::string name,
                                      DeleteOptions options, Deadline deadline) {
    if (name.empty())
        co_return Error(Errc::invalid_argument, "the object to delete has no name", {},
                        std::string(kComponent));
    auto request = call("DELETE", type.path(ns, name), "delete", type);
    request.set_body(delete_body(options), "application/json");
    auto done = co_await transport_->fetch(std::move(request), deadline);
    if (!done) co_return done.error();
    co_return Result<void>();
}

Task<Result<void>> RestClient::remove_all(ResourceType type, std::string ns, ListOptions which,
                                          DeleteOptions options, Deadline deadline) {
    if (type.namespaced && ns.empty())
        co_return Error(Errc::invalid_argument,
                        "deleting all " + type.plural + " needs a namespace", {},
                        std::string(kComponent));
    const Query query = {{"labelSelector", which.label_selector},
                         {"fieldSelector", which.field_selector}};
    auto request = call("DELETE", type.path(ns) + query_text(query), "deletecollection", type);
    request.set_body(delete_body(options), "application/json");
    auto done = co_await transport_->fetch(std::move(request), deadline);
    if (!done) co_return done.error();
    co_return Result<void>();
}

Task<Result<json::value>> RestClient::request(std::string method, std::string target,
                                              json::value body, Deadline deadline) {
    std::string verb;
    for (const char c : method) verb += static_cast<char>(c | 0x20);
    Call made(std::move(method), std::move(target), std::move(verb), "other");
    made.urgent = urgent_ == nullptr;
    if (!body.is_null()) made.set_body(body, "application/json");
    auto answer = co_await transport_->fetch(std::move(made), deadline);
    co_return answer;
}

}  // namespace hearth::kube
