#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "api/one_object.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::api {

/// The only answer that ever holds a token's text; the catalog keeps its SHA-256.
Task<Reply> handle_create_token(Context& context, Request& request) {
    constexpr std::size_t kTokenBytes = 32;
    std::optional<Reply> refused;
    auto reading = co_await reading_of(context, request, refused);
    if (!reading) co_return std::move(*refused);
    auto incoming = co_await read_body(context, std::move(*reading));
    if (!incoming) co_return problem(request.id, incoming.error());
    if (auto faulty = fault_reply(request, *incoming)) co_return std::move(*faulty);
    auto& spec = incoming->wanted.front().resource.spec;
    if (const auto* given = spec.if_contains("sha256");
        given && given->is_string() && !given->get_string().empty()) {
        const std::string message =
            "spec.sha256 is the server's: leave it out, and the answer holds a new token";
        co_return problem(request.id, Error(Errc::invalid_argument, message), 422);
    }
    const std::string text = "hearth_" + base::random_hex(kTokenBytes);
    spec["sha256"] = base::sha256_hex(text);
    OneWrite demands;
    demands.must_create = true;
    Reply reply = co_await write_one(context, request, std::move(*incoming), demands);
    if (reply.head.status != 201) co_return reply;
    auto object = boost::json::parse(reply.body);
    object.get_object()["token"] = text;
    reply.body = boost::json::serialize(object) + "\n";
    co_return reply;
}

}  // namespace hearth::api
