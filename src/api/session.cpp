#include "api/session.hpp"

#include <sodium.h>

#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/time_text.hpp"
#include "hearth/http/cookie.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

Error forbidden(std::string message) {
    return Error(Errc::forbidden, std::move(message), {}, "api");
}

std::optional<std::string_view> session_id(const Request& request) {
    const auto cookies = request.header("Cookie");
    return cookies ? http::cookie_value(*cookies, http::kSessionCookie) : std::nullopt;
}

/// Reads are safe to be caused by anyone; all else, and calls of functions whatever their method,
/// are not.
bool is_read(const Request& request) {
    const auto& method = request.exchange.request().method;
    return (method == "GET" || method == "HEAD") && request.operation.op != Op::call_function;
}

/// "http://host:port" names the server that the Host header names.
bool same_origin(std::string_view origin, std::string_view host) {
    const auto scheme = origin.find("://");
    return scheme != std::string_view::npos && !host.empty() &&
           http::same_name(origin.substr(scheme + 3), host);
}

Result<void> check_source(const Request& request, const Sessions::Session& session) {
    const auto site = request.header("Sec-Fetch-Site");
    const bool read = is_read(request);
    // "none" is an address somebody typed.
    if (site && *site != "same-origin" && !(read && *site == "none"))
        return forbidden("the admin page's session is for the admin page alone");
    if (read) return {};
    const auto origin = request.header("Origin");
    const auto& method = request.exchange.request().method;
    const bool may_lack_origin = method == "GET" || method == "HEAD";
    if (origin ? !same_origin(*origin, request.header("Host").value_or("")) : !may_lack_origin)
        return forbidden("the Origin header must name this server");
    const auto shown = request.header("X-Hearth-Csrf");
    if (!shown || shown->size() != session.csrf.size() ||
        sodium_memcmp(shown->data(), session.csrf.data(), shown->size()) != 0) {
        return forbidden(
            "the X-Hearth-Csrf header does not hold the session's secret; load the page anew");
    }
    return {};
}

json::object described(const Principal& who) {
    json::object body;
    body["name"] = who.name;
    body["role"] = to_string(who.role);
    body["namespace"] = who.all_namespaces ? json::value(nullptr) : json::value(who.ns);
    body["allNamespaces"] = who.all_namespaces;
    return body;
}

void add_session(json::object& body, const Sessions::Session& session) {
    body["csrf"] = session.csrf;
    body["expires"] = base::to_rfc3339(session.expires);
}

std::string set_cookie(std::string_view value, std::int64_t max_age) {
    return std::string(http::kSessionCookie) + "=" + std::string(value) +
           "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(max_age);
}

}  // namespace

Result<Access> identify(Context& context, const Request& request) {
    const auto authorization = request.header("Authorization");
    const auto id =
        authorization || !context.options.require_auth ? std::nullopt : session_id(request);
    if (!id)
        return context.authenticator.authenticate(authorization, request.exchange.peer_address());
    const auto session = context.sessions.find(*id);
    if (!session) {
        return Error(Errc::unauthenticated, "the session has ended; log in again", {}, "api");
    }
    auto access = context.authenticator.of_digest(session->token_digest);
    if (!access) return access;
    if (auto good = check_source(request, *session); good.has_error()) return good.error();
    return access;
}

Task<Reply> handle_session(Context& context, Request& request) {
    auto body = described(request.access.who());
    const auto id = request.header("Authorization") ? std::nullopt : session_id(request);
    if (const auto session = id ? context.sessions.find(*id) : std::nullopt)
        add_session(body, *session);
    co_return json_reply(200, body);
}

Task<Reply> handle_login(Context& context, Request& request) {
    const auto token = bearer_token(request.header("Authorization").value_or(""));
    if (!token) {
        co_return problem(request.id,
                          Error(Errc::invalid_argument,
                                "a session is opened with a token: send \"Authorization: Bearer "
                                "TOKEN\"",
                                {}, "api"));
    }
    auto opened = context.sessions.open(base::sha256_hex(*token));
    if (!opened) {
        co_return problem(request.id,
                          Error(Errc::exhausted, "too many sessions are open", {}, "api"));
    }
    auto body = described(request.access.who());
    add_session(body, opened->session);
    Reply reply = json_reply(201, body);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Sessions::kLifetime);
    reply.head.headers.set("Set-Cookie", set_cookie(opened->id, seconds.count()));
    request.audit_object = "session";
    co_return reply;
}

Task<Reply> handle_logout(Context& context, Request& request) {
    if (const auto id = session_id(request)) context.sessions.close(*id);
    json::object body;
    body["removed"] = 1;
    Reply reply = json_reply(200, body);
    reply.head.headers.set("Set-Cookie", set_cookie("", 0));
    request.audit_object = "session";
    co_return reply;
}

}  // namespace hearth::api
