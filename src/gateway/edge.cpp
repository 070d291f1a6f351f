#include "gateway/edge.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "hearth/http/problem.hpp"

namespace hearth::gateway {

namespace {

constexpr std::string_view kComponent = "gateway";
constexpr std::size_t kShownPath = 256;

EdgeAnswer answer(Outcome outcome, int status, const Error& error, std::string_view request_id) {
    return EdgeAnswer(outcome, http::problem_head(status),
                      http::problem_body(status, error, request_id));
}

std::string shown_url(const http::RequestHead& head, std::string_view path) {
    return fmt::format("{} http://{}{}{}", head.method, head.headers.find("Host").value_or(""),
                       path.substr(0, kShownPath), path.size() > kShownPath ? "…" : "");
}

bool header_can_carry(std::string_view value) {
    return std::ranges::none_of(
        value, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; });
}

}  // namespace

EdgeAnswer refuse(Outcome outcome, Error error, std::string_view request_id) {
    if (error.component.empty()) error.component = kComponent;
    return answer(outcome, http::status_of(error.code), error, request_id);
}

EdgeAnswer no_route(const http::RequestHead& head, std::string_view path,
                    std::string_view request_id) {
    return refuse(
        Outcome::no_route,
        Error(Errc::not_found,
              fmt::format(
                  "No route for {}. `hearth get httptriggers` lists the routes, `hearth deploy "
                  "--route` adds one",
                  shown_url(head, path))),
        request_id);
}

EdgeAnswer no_method(const http::RequestHead& head, std::string_view path, Methods allowed,
                     std::string_view request_id) {
    const auto list = method_list(allowed);
    const Error error(
        Errc::invalid_argument,
        fmt::format("No route for {}; this path answers {}", shown_url(head, path), list), {},
        std::string(kComponent));
    auto refusal = answer(Outcome::no_method, 405, error, request_id);
    refusal.head.headers.add("Allow", list);
    return refusal;
}

EdgeAnswer no_function(const Route& route, std::string_view request_id) {
    return refuse(Outcome::no_function,
                  Error(Errc::not_found,
                        fmt::format("HTTPTrigger {} calls function {}/{}, which does not exist",
                                    route.qualified, route.ns(), route.function)),
                  request_id);
}

EdgeAnswer too_large(std::uint64_t limit, std::string_view request_id) {
    return refuse(
        Outcome::too_large,
        Error(Errc::too_large,
              fmt::format("The request's body is larger than the {} bytes allowed here", limit)),
        request_id);
}

EdgeAnswer unauthenticated(const Route& route, Error error, std::string_view request_id) {
    const bool missing_credential = error.code == Errc::unauthenticated;
    auto refusal = refuse(missing_credential ? Outcome::unauthenticated : Outcome::no_function,
                          std::move(error), request_id);
    if (missing_credential) {
        refusal.head.headers.add("WWW-Authenticate",
                                 fmt::format("Bearer realm=\"{}\"", route.qualified));
    }
    return refusal;
}

bool is_plain_path(std::string_view path) {
    if (!path.starts_with('/')) return false;
    char before = 0;
    for (const char c : path) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '~' || c == '/' ||
                           (c == '.' && before != '/');
        if (!plain) return false;
        before = c;
    }
    return true;
}

void add_route_headers(const Route& route, std::string_view path, std::string_view query,
                       http::HeaderList& out, std::string& scratch) {
    for_each_parameter(route, path, [&](std::string_view name, std::string_view value) {
        scratch = "X-Fission-Params-";
        scratch += name;
        const auto decoded = http::percent_decode(value, false);
        const bool usable = decoded && header_can_carry(*decoded);
        out.add(scratch, usable ? std::string_view(*decoded) : value);
    });
    scratch = path;
    if (!query.empty()) {
        scratch += '?';
        scratch += query;
    }
    out.add("X-Fission-Full-Url", scratch);
}

std::string function_target(const Route& route, std::string_view path,
                            const http::RequestHead& head) {
    const auto seen = function_path(route, path);
    const auto query = head.query();
    std::string target;
    target.reserve(seen.size() + 1 + query.size());
    target += seen;
    if (!query.empty()) {
        target += '?';
        target += query;
    }
    return target;
}

}  // namespace hearth::gateway
