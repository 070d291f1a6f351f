#include "gateway/route.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>

#include <fmt/format.h>

#include "hearth/http/request_gate.hpp"

namespace hearth::gateway {

namespace {

constexpr std::array<std::string_view, 9> kMethodNames = {
    "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE"};

/// Milliseconds of an RFC 3339 time in UTC; 0 when it is none.
std::int64_t parse_created(const std::string& text) {
    int year = 0, hour = 0, minute = 0;
    unsigned month = 0, day = 0;
    double second = 0;
    if (std::sscanf(text.c_str(), "%d-%u-%uT%d:%d:%lf", &year, &month, &day, &hour, &minute,
                    &second) != 6) {
        return 0;
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!date.ok()) return 0;
    const auto days = std::chrono::sys_days(date).time_since_epoch();
    const auto clock = std::chrono::hours(hour) + std::chrono::minutes(minute) +
                       std::chrono::milliseconds(static_cast<std::int64_t>(second * 1000));
    return std::chrono::duration_cast<std::chrono::milliseconds>(days + clock).count();
}

/// A literal segment as canonical request paths spell it.
std::string canonical_segment(std::string_view segment) {
    std::string path = "/";
    for (const char c : segment) {
        // A request can hold these in no other way.
        if (c < 0x21 || c > 0x7E) {
            path += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        } else {
            path += c;
        }
    }
    const auto canonical = http::canonical_path(path);
    return canonical ? canonical->substr(1) : std::string(segment);
}

struct CompiledPath {
    std::string text;
    Shape shape;
    std::uint64_t hash = 0;
    bool below_only = false;
};

Result<CompiledPath> compile_path(std::string_view host, std::string_view path, bool prefix) {
    if (!path.starts_with('/')) {
        return Error(Errc::invalid_argument,
                     fmt::format("the path \"{}\" does not start with /", path));
    }
    CompiledPath compiled;
    compiled.shape.prefix = prefix;
    if (prefix && path.ends_with('/')) {
        compiled.below_only = true;
        path.remove_suffix(1);
    }
    compiled.hash = hash_start(hash_text(host), prefix);
    std::size_t depth = 0;
    for_each_segment(path, [&](std::string_view segment) {
        compiled.text += '/';
        if (is_parameter(segment) && depth < kMaxRouteDepth) {
            compiled.shape.parameters |= std::uint64_t{1} << (63 - depth);
            compiled.text += segment;
            compiled.hash = fold(compiled.hash, kParameterHash);
        } else {
            const auto literal = canonical_segment(segment);
            compiled.text += literal;
            compiled.hash = fold(compiled.hash, hash_text(literal));
        }
        ++depth;
    });
    if (depth > kMaxRouteDepth) {
        return Error(
            Errc::invalid_argument,
            fmt::format("the path has {} segments; {} are the most", depth, kMaxRouteDepth));
    }
    compiled.shape.depth = static_cast<std::uint16_t>(depth);
    return compiled;
}

}  // namespace

Methods method_bit(std::string_view method) {
    const auto found = std::ranges::find(kMethodNames, method);
    if (found == kMethodNames.end()) return 0;
    return static_cast<Methods>(1u << (found - kMethodNames.begin()));
}

std::string method_list(Methods methods) {
    std::string list;
    for (std::size_t i = 0; i < kMethodNames.size(); ++i) {
        if ((methods & (1u << i)) == 0) continue;
        if (!list.empty()) list += ", ";
        list += kMethodNames[i];
    }
    return list;
}

bool Route::before(const Route& other) const {
    if (created_ms != other.created_ms) return created_ms < other.created_ms;
    return qualified < other.qualified;
}

std::uint64_t hash_text(std::string_view text) {
    return std::hash<std::string_view>{}(text);
}

std::uint64_t hash_start(std::uint64_t host_hash, bool prefix) {
    return fold(host_hash, prefix ? 0xA0761D6478BD642Fu : 0xE7037ED1A0B428DBu);
}

std::string normal_host(std::string_view host) {
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        host = host.substr(1, end == std::string_view::npos ? end : end - 1);
    } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
        host = host.substr(0, colon);
    }
    if (host.ends_with('.')) host.remove_suffix(1);
    std::string normal(host);
    for (char& c : normal) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return normal;
}

Result<RoutePtr> make_route(std::uint64_t id, const model::Metadata& metadata,
                            const model::HttpTriggerSpec& trigger, const SecretSource& secrets) {
    boost::intrusive_ptr<Route> route(new Route);
    route->id = id;
    route->qualified = model::qualified(metadata);
    route->ns_length = metadata.ns.size();
    route->function = trigger.function;
    route->host = normal_host(trigger.host);
    auto compiled = compile_path(route->host, trigger.prefix ? *trigger.prefix : trigger.path,
                                 trigger.prefix.has_value());
    if (!compiled) return compiled.error();
    route->path = std::move(compiled->text);
    route->path.shrink_to_fit();
    route->shape = compiled->shape;
    route->below_only = compiled->below_only;
    route->hash = compiled->hash;
    route->keep_prefix = trigger.keep_prefix;
    route->server_timing = trigger.server_timing;
    route->async = trigger.async;
    route->workflow = trigger.workflow;
    route->cloud_events = trigger.cloud_events;
    for (const auto& method : trigger.methods) {
        route->methods = static_cast<Methods>(route->methods | method_bit(method));
    }
    if (trigger.methods.empty()) route->methods = kGet;
    route->created_ms = parse_created(metadata.created);
    route->timeout = trigger.timeout;
    route->max_body = trigger.max_body_bytes;
    if (trigger.cors) route->cors = std::make_unique<const model::CorsConfig>(*trigger.cors);
    if (!trigger.auth.api_key_secret.empty() || trigger.auth.hmac) {
        auto auth = std::make_unique<EdgeAuth>();
        if (!trigger.auth.api_key_secret.empty()) {
            auth->api_keys = secrets(metadata.ns, trigger.auth.api_key_secret);
        }
        if (trigger.auth.hmac) {
            auth->hmac = *trigger.auth.hmac;
            auth->hmac_keys = secrets(metadata.ns, trigger.auth.hmac->secret);
        }
        route->auth = std::move(auth);
    }
    return RoutePtr(std::move(route));
}

}  // namespace hearth::gateway
