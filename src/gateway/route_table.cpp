#include "gateway/route_table.hpp"

#include <algorithm>
#include <array>

namespace hearth::gateway {

struct RouteTable::Segments {
    struct Segment {
        std::string_view text;
        std::uint64_t hash;
    };
    /// Only the first `hashed` are filled: no shape of the table is deeper.
    std::array<Segment, kMaxRouteDepth> first;
    std::size_t hashed = 0;
    std::size_t count = 0;

    Segments(std::string_view path, std::size_t deepest) {
        for_each_segment(path, [&](std::string_view segment) {
            if (count < deepest) {
                first[count] = {segment, hash_text(segment)};
                ++hashed;
            }
            ++count;
        });
    }
};

namespace {

std::uint64_t parameter_bit(std::size_t index) {
    return std::uint64_t{1} << (63 - index);
}

/// What methods a route answers: GET brings HEAD along.
Methods answered(const Route& route) {
    return (route.methods & kGet) != 0 ? static_cast<Methods>(route.methods | kHead)
                                       : route.methods;
}

}  // namespace

bool RouteTable::tried_before(const Shape& a, const Shape& b) {
    if (a.prefix != b.prefix) return !a.prefix;
    if (a.depth != b.depth) return a.depth > b.depth;
    return a.parameters < b.parameters;
}

void RouteTable::count(Shapes& shapes, const Shape& shape, int change) {
    const auto at = std::ranges::lower_bound(shapes, shape, tried_before, &CountedShape::shape);
    if (at == shapes.end() || at->shape != shape) {
        shapes.insert(at, CountedShape{shape, 1});
        return;
    }
    at->routes += static_cast<std::size_t>(change);
    if (at->routes == 0) shapes.erase(at);
}

void RouteTable::insert(RoutePtr route) {
    count(route->host.empty() ? hostless_ : hosted_, route->shape, 1);
    map_.insert(std::move(route));
    ++size_;
}

bool RouteTable::erase(const Route& route) {
    // The caller's reference may be the table's own.
    const auto hash = route.hash;
    const auto shape = route.shape;
    const bool hosted = !route.host.empty();
    if (!map_.erase(hash, route.id)) return false;
    count(hosted ? hosted_ : hostless_, shape, -1);
    --size_;
    return true;
}

void RouteTable::match_chain(const RouteChain& chain, const Shape& shape, std::string_view host,
                             Methods method, const Segments& segments, RouteMatch& match) {
    const Route* by_get = nullptr;
    for (const auto& pointer : chain.routes) {
        const auto& route = *pointer;
        if (route.shape != shape || route.host != host) continue;
        if (route.below_only && segments.count == shape.depth) continue;
        bool same = true;
        std::size_t i = 0;
        // A prefix of depth 0 has an empty path, which has no segments.
        for_each_segment(route.path, [&](std::string_view literal) {
            same = same && (is_parameter(literal) || literal == segments.first[i].text);
            ++i;
        });
        if (!same) continue;
        match.allowed = static_cast<Methods>(match.allowed | answered(route));
        if (route.cors) match.allowed = static_cast<Methods>(match.allowed | kOptions);
        if (match.route != nullptr) continue;
        if ((route.methods & method) != 0) {
            match.route = &route;
        } else if (method == kHead && (route.methods & kGet) != 0 && by_get == nullptr) {
            by_get = &route;
        }
    }
    if (match.route == nullptr) match.route = by_get;
}

void RouteTable::match_host(const Shapes& shapes, std::string_view host, Methods method,
                            const Segments& segments, RouteMatch& match) const {
    const auto host_hash = hash_text(host);
    for (const auto& [shape, routes] : shapes) {
        // Prefixes may end where the path ends; exact paths must.
        if (shape.prefix ? shape.depth > segments.count : shape.depth != segments.count) continue;
        auto hash = hash_start(host_hash, shape.prefix);
        bool possible = true;
        for (std::size_t i = 0; i < shape.depth; ++i) {
            const bool parameter = (shape.parameters & parameter_bit(i)) != 0;
            possible = possible && !(parameter && segments.first[i].text.empty());
            hash = fold(hash, parameter ? kParameterHash : segments.first[i].hash);
        }
        if (!possible) continue;
        if (const auto* chain = map_.find(hash))
            match_chain(*chain, shape, host, method, segments, match);
        if (match.route != nullptr) return;
    }
}

RouteMatch RouteTable::match(std::string_view host, Methods method, std::string_view path) const {
    RouteMatch match;
    std::size_t deepest = 0;
    for (const auto& counted : hosted_)
        deepest = std::max<std::size_t>(deepest, counted.shape.depth);
    for (const auto& counted : hostless_)
        deepest = std::max<std::size_t>(deepest, counted.shape.depth);
    const Segments segments(path, deepest);
    if (!host.empty()) match_host(hosted_, host, method, segments, match);
    if (match.route == nullptr) match_host(hostless_, {}, method, segments, match);
    return match;
}

std::vector<const Route*> RouteTable::rivals(const Route& route) const {
    std::vector<const Route*> found;
    const auto* chain = map_.find(route.hash);
    if (chain == nullptr) return found;
    for (const auto& other : chain->routes) {
        if (other->shape == route.shape && other->host == route.host) found.push_back(other.get());
    }
    return found;
}

std::string_view function_path(const Route& route, std::string_view path) {
    if (!route.shape.prefix) return "/";
    if (route.keep_prefix) return path;
    std::size_t at = 0;
    for (std::size_t i = 0; i < route.shape.depth; ++i) {
        at = path.find('/', at + 1);
        if (at == std::string_view::npos) return "/";
    }
    return path.substr(at);
}

}  // namespace hearth::gateway
