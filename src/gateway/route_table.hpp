#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "gateway/route_map.hpp"

namespace hearth::gateway {

struct RouteMatch {
    const Route* route = nullptr;  ///< lives as long as the table it came from
    /// Of all routes that take this host and path, whatever their methods; 0: none does.
    Methods allowed = 0;
};

/// All routes, as a value: a copy costs two reference counts and shares everything, changes leave
/// copies as they were.
///
/// A request meets, in this order: routes of its host before those of any host; exact paths before
/// prefixes; longer prefixes before shorter; literal segments before parameters, the leftmost
/// difference deciding; older routes before younger. A route whose methods do not fit is passed
/// over. One hash probe per distinct shape in use, whatever the number of routes.
class RouteTable {
 public:
    void insert(RoutePtr route);
    /// False when the route is not in the table.
    bool erase(const Route& route);
    std::size_t size() const { return size_; }
    /// Whether any route names a host; without one the host need not be looked at.
    bool has_hosts() const { return !hosted_.empty(); }

    /// `host` as normal_host() gives it; `path` canonical and absolute.
    RouteMatch match(std::string_view host, Methods method, std::string_view path) const;
    /// Routes of the same host, shape and literals as `route`, itself included when it is in the
    /// table.
    std::vector<const Route*> rivals(const Route& route) const;

 private:
    struct CountedShape {
        Shape shape;
        std::size_t routes;
    };
    /// In the order requests try them.
    using Shapes = std::vector<CountedShape>;
    static bool tried_before(const Shape& a, const Shape& b);
    static void count(Shapes& shapes, const Shape& shape, int change);
    struct Segments;
    static void match_chain(const RouteChain& chain, const Shape& shape, std::string_view host,
                            Methods method, const Segments& segments, RouteMatch& match);
    void match_host(const Shapes& shapes, std::string_view host, Methods method,
                    const Segments& segments, RouteMatch& match) const;

    RouteMap map_;
    Shapes hosted_, hostless_;
    std::size_t size_ = 0;
};

/// Calls `f(name, value)` for each parameter of the route in a path it matched; the value as it
/// stands in the path.
template <class F>
void for_each_parameter(const Route& route, std::string_view path, F f) {
    if (route.shape.parameters == 0) return;
    std::size_t at = 1;
    for_each_segment(route.path, [&](std::string_view segment) {
        const auto end = std::min(path.find('/', at), path.size());
        if (is_parameter(segment))
            f(segment.substr(1, segment.size() - 2), path.substr(at, end - at));
        at = end + 1;
    });
}

/// The path a function is to see (Fission's rule): "/" behind an exact route, what follows the
/// prefix behind another.
std::string_view function_path(const Route& route, std::string_view path);

}  // namespace hearth::gateway
