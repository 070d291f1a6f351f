#include "api/handlers.hpp"

namespace hearth::api {

Task<Reply> handle_call(Context& context, Request& request) {
    const std::string ns = request.ns.empty() ? "default" : request.ns;
    const bool exists = context.catalog.find(model::Kind::function, ns, request.name) != nullptr;
    if (!exists || !context.ports.call) {
        co_return problem(
            request.id,
            Error(Errc::not_found, "there is no Function " + ns + "/" + request.name, {}, "api"));
    }
    std::string target = request.rest.empty() ? std::string("/") : request.rest;
    const auto query = request.exchange.request().query();
    if (!query.empty()) target += "?" + std::string(query);
    co_await context.ports.call(request.exchange, ns, request.name, std::move(target));
    if (request.exchange.response_status() == 0) {
        co_return problem(request.id,
                          Error(Errc::internal, "the call ended without an answer", {}, "api"));
    }
    co_return sent_reply();
}

}  // namespace hearth::api
