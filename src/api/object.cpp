#include <boost/json.hpp>

#include "api/diff.hpp"
#include "api/handlers.hpp"
#include "api/one_object.hpp"
#include "api/present.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

Error missing(const Request& request) {
    return Error(Errc::not_found, "there is no " + to_string(request.key()), {}, "api");
}

/// The stored object as a client would have sent it, so that a patch meets what its sender has
/// read.
json::value writable_form(const model::Resource& resource) {
    json::object object = model::to_json(resource);
    if (auto* metadata = object["metadata"].if_object()) {
        for (const auto* key : {"uid", "generation", "resourceVersion", "creationTimestamp"})
            metadata->erase(key);
    }
    return object;
}

struct PatchedBody {
    std::optional<json::value> value;
    std::optional<Reply> refused;
};

PatchedBody patched(const Request& request, const model::Resource& present,
                    const Reading& reading) {
    PatchedBody out;
    auto patch = model::parse_json(reading.body);
    if (!patch) {
        out.refused = problem(request.id, patch.error(), 400);
        return out;
    }
    if (!patch->is_object()) {
        out.refused = problem(
            request.id, Error(Errc::invalid_argument, "a merge patch is a JSON object (RFC 7396)"),
            400);
        return out;
    }
    out.value = writable_form(present);
    merge_patch(*out.value, *patch);
    return out;
}

}  // namespace

Task<Reply> handle_get(Context& context, Request& request) {
    const auto key = request.key();
    const auto record = context.catalog.find(key.kind, key.ns, key.name);
    if (!record) co_return problem(request.id, missing(request));
    if (request.flag("reveal") && !request.access.has(Role::admin)) {
        co_return problem(request.id, Error(Errc::forbidden, "reveal needs the role admin"));
    }
    const auto known =
        entity_tags(request.exchange.request().headers, "If-None-Match", Comparison::weak);
    if (!known) co_return problem(request.id, known.error());
    if (*known && (*known)->holds(record->metadata.revision)) {
        Reply reply;
        reply.head.status = 304;
        reply.head.headers.set("ETag", etag_of(record->metadata.revision));
        co_return reply;
    }
    const auto resource = record->load();
    if (!resource) co_return problem(request.id, resource.error());
    co_return object_reply(context, request, *resource, 200);
}

Task<Reply> handle_put(Context& context, Request& request) {
    const auto match =
        entity_tags(request.exchange.request().headers, "If-Match", Comparison::strong);
    if (!match) co_return problem(request.id, match.error());
    const auto none =
        entity_tags(request.exchange.request().headers, "If-None-Match", Comparison::weak);
    if (!none) co_return problem(request.id, none.error());
    std::optional<Reply> refused;
    auto reading = co_await reading_of(context, request, refused);
    if (!reading) co_return std::move(*refused);
    auto incoming = co_await read_body(context, std::move(*reading));
    if (!incoming) co_return problem(request.id, incoming.error());
    OneWrite demands;
    demands.if_match = *match;
    demands.if_none_match = *none;
    co_return co_await write_one(context, request, std::move(*incoming), demands);
}

Task<Reply> handle_patch(Context& context, Request& request) {
    std::optional<Reply> refused;
    auto reading = co_await reading_of(context, request, refused);
    if (!reading) co_return std::move(*refused);
    const auto key = request.key();
    const auto match =
        entity_tags(request.exchange.request().headers, "If-Match", Comparison::strong);
    if (!match) co_return problem(request.id, match.error());
    constexpr int kMostAttempts = 5;
    for (int tries = 1;; ++tries) {
        const auto record = context.catalog.find(key.kind, key.ns, key.name);
        if (!record) co_return problem(request.id, missing(request));
        const auto present = record->load();
        if (!present) co_return problem(request.id, present.error());
        auto body = patched(request, *present, *reading);
        if (body.refused) co_return std::move(*body.refused);
        auto incoming = read_patched(std::move(*body.value), *reading);
        OneWrite demands;
        demands.must_exist = true;
        // The patch was laid over this revision, so only this one may be replaced by the result.
        const auto revision = record->metadata.revision;
        const bool expected = !*match || (*match)->holds(revision);
        demands.if_match.emplace();
        if (expected) demands.if_match->revisions.push_back(revision);
        Reply reply = co_await write_one(context, request, std::move(incoming), demands);
        if (reply.head.status != 412 || !expected || tries == kMostAttempts) co_return reply;
    }
}

Task<Reply> handle_delete(Context& context, Request& request) {
    const auto match =
        entity_tags(request.exchange.request().headers, "If-Match", Comparison::strong);
    if (!match) co_return problem(request.id, match.error());
    Removal removal;
    removal.key = request.key();
    removal.cascade = request.flag("cascade", true);
    removal.if_match = *match;
    const bool dry_run = request.flag("dryRun");
    request.audit_object = to_string(removal.key);
    const auto outcome =
        co_await remove_object(context, request.access, std::move(removal), dry_run);
    if (outcome.refusal) co_return refusal_reply(request, outcome);
    json::array deleted;
    for (const auto& step : outcome.steps) {
        json::object entry;
        entry["kind"] = model::table(step.key.kind).name;
        entry["namespace"] = step.key.ns;
        entry["name"] = step.key.name;
        if (!step.reason.empty()) entry["reason"] = step.reason;
        deleted.push_back(std::move(entry));
    }
    request.audit_detail =
        std::to_string(deleted.size()) + " deleted" + (dry_run ? " (dry run)" : "");
    json::object body;
    body["deleted"] = std::move(deleted);
    body["revision"] = outcome.revision;
    co_return json_reply(200, body);
}

}  // namespace hearth::api
