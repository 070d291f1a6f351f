#include "api/one_object.hpp"

#include <boost/json.hpp>

#include "api/present.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {
namespace {

/// Warnings of an answer that is the object itself go into headers (RFC 7234 section 5.5, code
/// 299), as Kubernetes has it.
void add_warnings(Reply& reply, const std::vector<std::string>& warnings) {
    constexpr std::size_t kMost = 20, kLongest = 400;
    for (std::size_t i = 0; i < warnings.size() && i < kMost; ++i) {
        std::string text = warnings[i].substr(0, kLongest);
        for (char& c : text) {
            if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') c = '\'';
        }
        reply.head.headers.add("Warning", "299 hearth \"" + text + "\"");
    }
}

std::string location_of(const Request& request, const model::Resource& resource) {
    return "/api/v1/namespaces/" + resource.metadata.ns + "/" +
           std::string(model::table(*request.operation.kind).plural) + "/" + resource.metadata.name;
}

}  // namespace

Task<std::optional<Reading>> reading_of(Context& context, Request& request,
                                        std::optional<Reply>& refused) {
    auto received = co_await receive_body(context, request, refused);
    if (!received) co_return std::nullopt;
    Reading reading = std::move(*received);
    reading.ns = request.ns;
    reading.kind = request.operation.kind;
    reading.name = request.name;
    co_return reading;
}

Reply object_reply(Context& context, const Request& request, const model::Resource& resource,
                   int status) {
    StatusReader reader(context);
    const auto present = reader.status_of(resource);
    const bool reveal = request.flag("reveal") && request.access.has(Role::admin);
    Reply reply = json_reply(status, shown(resource, reveal, present.empty() ? nullptr : &present));
    reply.head.headers.set("ETag", etag_of(resource.metadata.revision));
    return reply;
}

Task<Reply> write_one(Context& context, Request& request, Incoming incoming, OneWrite demands) {
    if (auto refused = fault_reply(request, incoming)) co_return std::move(*refused);
    auto& wanted = incoming.wanted.front();
    wanted.must_create = demands.must_create;
    wanted.must_exist = demands.must_exist;
    wanted.if_match = demands.if_match;
    wanted.if_none_match = demands.if_none_match;
    const ObjectKey key = key_of(wanted.resource);
    request.audit_object = to_string(key);

    WriteRequest write;
    write.incoming = std::move(incoming);
    write.dry_run = request.flag("dryRun");
    write.verify = request.flag("verify");
    const bool dry_run = write.dry_run;
    auto outcome = co_await write_documents(context, request.access, std::move(write));
    if (outcome.refusal) co_return refusal_reply(request, outcome);
    const auto& step = outcome.steps.front();
    request.audit_detail = std::string(to_string(step.action)) + (dry_run ? " (dry run)" : "");
    const auto resource = outcome.state->find(key);
    if (!resource)
        co_return problem(request.id,
                          Error(Errc::internal, "the object vanished while it was written"));
    const bool created = step.action == Step::Action::created && !dry_run;
    Reply reply = object_reply(context, request, *resource, created ? 201 : 200);
    if (created) reply.head.headers.set("Location", location_of(request, *resource));
    add_warnings(reply, step.warnings);
    co_return reply;
}

}  // namespace hearth::api
