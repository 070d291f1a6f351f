#include "gateway/cors.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hearth::gateway {

namespace {

bool same_text(std::string_view a, std::string_view b) {
    return http::same_name(a, b);
}

bool holds(const std::vector<std::string>& list, std::string_view item) {
    return std::ranges::any_of(list, [item](const auto& one) { return same_text(one, item); });
}

bool any_origin(const model::CorsConfig& cors) {
    return holds(cors.allow_origins, "*");
}

/// Credentials and a wildcard exclude each other: with them every site could read as the user.
bool origin_allowed(const model::CorsConfig& cors, std::string_view origin) {
    if (holds(cors.allow_origins, origin) && origin != "*") return true;
    return any_origin(cors) && !cors.allow_credentials;
}

std::string joined(const std::vector<std::string>& list) {
    return fmt::format("{}", fmt::join(list, ", "));
}

/// Fetch standard, "CORS-safelisted request-header": never asked for, always allowed.
bool is_safe_header(std::string_view name) {
    for (const std::string_view safe :
         {"accept", "accept-language", "content-language", "content-type", "range"}) {
        if (same_text(name, safe)) return true;
    }
    return false;
}

/// Cuts the next name off a comma-separated list.
std::string_view next_item(std::string_view& list) {
    const auto comma = std::min(list.find(','), list.size());
    auto item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    return item;
}

std::optional<std::string> refused_header(const model::CorsConfig& cors,
                                          std::string_view requested) {
    const bool any = holds(cors.allow_headers, "*") && !cors.allow_credentials;
    while (!requested.empty()) {
        const auto name = next_item(requested);
        if (name.empty() || any || is_safe_header(name) || holds(cors.allow_headers, name))
            continue;
        return fmt::format("the request header {} is not in corsConfig.allowHeaders",
                           name.substr(0, 64));
    }
    return std::nullopt;
}

bool method_allowed(const Route& route, std::string_view method) {
    const auto& allowed = route.cors->allow_methods;
    if (!allowed.empty()) {
        return holds(allowed, method) || (holds(allowed, "*") && !route.cors->allow_credentials);
    }
    const auto bit = method_bit(method);
    return (route.methods & bit) != 0 || (bit == kHead && (route.methods & kGet) != 0);
}

void add_origin(const model::CorsConfig& cors, std::string_view origin, http::HeaderList& out) {
    if (any_origin(cors) && !cors.allow_credentials) {
        out.add("Access-Control-Allow-Origin", "*");
        return;
    }
    out.add("Access-Control-Allow-Origin", origin);
    if (cors.allow_credentials) out.add("Access-Control-Allow-Credentials", "true");
}

}  // namespace

bool is_preflight(const http::RequestHead& head) {
    return head.method == "OPTIONS" && head.headers.has("Origin") &&
           head.headers.has("Access-Control-Request-Method");
}

std::optional<std::string> answer_preflight(const Route& route, const http::RequestHead& head,
                                            http::HeaderList& out) {
    const auto& cors = *route.cors;
    const auto origin = head.headers.find("Origin").value_or("");
    const auto method = head.headers.find("Access-Control-Request-Method").value_or("");
    out.add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    if (!origin_allowed(cors, origin)) {
        return fmt::format("the origin {} is not in corsConfig.allowOrigins",
                           origin.substr(0, 256));
    }
    if (!method_allowed(route, method)) {
        return fmt::format("the method {} is not allowed by the route's corsConfig",
                           method.substr(0, 32));
    }
    if (auto refused = refused_header(
            cors, head.headers.find("Access-Control-Request-Headers").value_or(""))) {
        return refused;
    }
    add_origin(cors, origin, out);
    out.add("Access-Control-Allow-Methods", method);
    if (const auto requested = head.headers.find("Access-Control-Request-Headers");
        requested && !requested->empty()) {
        out.add("Access-Control-Allow-Headers", *requested);
    }
    if (cors.max_age.count() > 0)
        out.add("Access-Control-Max-Age", fmt::format("{}", cors.max_age.count()));
    return std::nullopt;
}

void add_cors_headers(const model::CorsConfig& cors, const http::RequestHead& head,
                      http::HeaderList& out) {
    const bool depends_on_origin = !any_origin(cors) || cors.allow_credentials;
    if (depends_on_origin) out.add("Vary", "Origin");
    const auto origin = head.headers.find("Origin");
    if (!origin || !origin_allowed(cors, *origin)) return;
    add_origin(cors, *origin, out);
    if (!cors.expose_headers.empty())
        out.add("Access-Control-Expose-Headers", joined(cors.expose_headers));
}

}  // namespace hearth::gateway
