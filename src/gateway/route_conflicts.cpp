#include <fmt/format.h>

#include "gateway/edge.hpp"
#include "gateway/route.hpp"
#include "hearth/gateway/gateway.hpp"

namespace hearth::gateway {

namespace {

bool same_literals(const Route& a, const Route& b) {
    std::vector<std::string_view> left;
    for_each_segment(a.path, [&](std::string_view segment) { left.push_back(segment); });
    std::size_t i = 0;
    bool same = true;
    for_each_segment(b.path, [&](std::string_view segment) {
        same = same && i < left.size() && (is_parameter(segment) || segment == left[i]);
        ++i;
    });
    return same && i == left.size();
}

/// The longest part of a route's path without a parameter: "/a/b" of "/a/b/{id}".
std::string longest_literal(const Route& route) {
    std::string longest, run;
    for_each_segment(route.path, [&](std::string_view segment) {
        if (is_parameter(segment)) {
            run.clear();
            return;
        }
        run += '/';
        run += segment;
        if (run.size() > longest.size()) longest = run;
    });
    return longest;
}

/// Whether a stored spec may hold that literal. Reading thousands of specs costs a hundred times
/// what this search does; a percent sign or a JSON escape may hide another spelling of it.
bool may_hold(const std::string& spec_text, const std::string& literal) {
    return spec_text.find(literal) != std::string::npos ||
           spec_text.find_first_of("%\\") != std::string::npos;
}

std::string shown(const Route& route) {
    return fmt::format("{}{}{}", route.shape.prefix ? "prefix " : "", route.path,
                       route.below_only || route.path.empty() ? "/" : "");
}

}  // namespace

std::vector<RouteConflict> route_conflicts(const model::Metadata& metadata,
                                           const model::HttpTriggerSpec& trigger,
                                           const std::vector<catalog::RecordPtr>& others) {
    std::vector<RouteConflict> conflicts;
    const SecretSource no_secrets = [](std::string_view, std::string_view) { return nullptr; };
    const auto route = make_route(0, metadata, trigger, no_secrets);
    if (!route) return conflicts;
    const auto literal = longest_literal(**route);
    const bool search = is_plain_path(literal);
    for (const auto& record : others) {
        if (record->kind != model::Kind::http_trigger) continue;
        if (record->metadata.ns == metadata.ns && record->metadata.name == metadata.name) continue;
        if (search && !may_hold(record->spec_text, literal)) continue;
        const auto spec = record->decode(model::decode_http_trigger);
        if (!spec) continue;
        const auto other = make_route(0, record->metadata, *spec, no_secrets);
        if (!other) continue;
        const auto& a = **route;
        const auto& b = **other;
        const auto common = static_cast<Methods>(a.methods & b.methods);
        if (common == 0 || a.host != b.host || a.hash != b.hash || a.shape != b.shape ||
            !same_literals(a, b)) {
            continue;
        }
        RouteConflict conflict;
        conflict.with = b.qualified;
        conflict.reason = fmt::format(
            "HTTPTrigger {} already takes {} {}{}; choose another path or method, or delete it",
            b.qualified, method_list(common), shown(b),
            b.host.empty() ? std::string() : fmt::format(" of host {}", b.host));
        conflicts.push_back(std::move(conflict));
    }
    return conflicts;
}

}  // namespace hearth::gateway
