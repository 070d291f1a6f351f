#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/edge_auth.hpp"
#include "hearth/base/result.hpp"
#include "hearth/model/resource.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::gateway {

/// A set of HTTP methods, one bit each.
using Methods = std::uint16_t;
/// The bit of a method; 0 for one no route can name.
Methods method_bit(std::string_view method);
inline constexpr Methods kGet = 1, kHead = 2, kOptions = 4;
/// "GET, HEAD, POST" in a fixed order.
std::string method_list(Methods methods);

/// Parts of a path between slashes: "/a/b" has a and b, "/a/" has a and "", "/" has "".
inline constexpr std::size_t kMaxRouteDepth = 64;

/// What a route's path looks like with its parameters' names taken away. Routes of one host and the
/// same shape and literals are rivals.
struct Shape {
    bool prefix = false;
    std::uint16_t depth = 0;       ///< segments; a prefix's final slash is not one
    std::uint64_t parameters = 0;  ///< bit 63 is the first segment; smaller: literals come earlier
    bool operator==(const Shape&) const = default;
};

/// One HTTPTrigger in the form requests are matched with. Immutable; shared by tables and requests.
struct Route : boost::intrusive_ref_counter<Route, boost::thread_safe_counter> {
    std::uint64_t id = 0;   ///< unique for the process's life
    std::string qualified;  ///< "namespace/name"
    std::size_t ns_length = 0;
    std::string function;
    std::string host;  ///< lower case; empty: any
    std::string path;  ///< canonical, parameters as {name}; a prefix without its final slash
    Shape shape;
    bool below_only = false;  ///< prefix written with a final slash: "/p/" does not match "/p"
    bool keep_prefix = false;
    bool server_timing = false;
    bool async = false;
    bool workflow = false;  ///< `function` names a Workflow
    model::HttpTriggerSpec::Events cloud_events = model::HttpTriggerSpec::Events::none;
    Methods methods = 0;
    std::int64_t created_ms = 0;
    std::uint64_t hash = 0;  ///< of host, shape and literals
    std::optional<std::chrono::milliseconds> timeout;
    std::optional<std::uint64_t> max_body;
    std::unique_ptr<const model::CorsConfig> cors;
    std::unique_ptr<const EdgeAuth> auth;

    std::string_view ns() const { return std::string_view(qualified).substr(0, ns_length); }
    /// Older first; names decide between equals.
    bool before(const Route& other) const;
};
using RoutePtr = boost::intrusive_ptr<const Route>;

/// The secrets of edge checks, by "namespace/name".
using SecretSource =
    std::function<std::shared_ptr<EdgeSecret>(std::string_view ns, std::string_view name)>;

/// Errors: invalid_argument for a path no request could have (not absolute, too deep).
Result<RoutePtr> make_route(std::uint64_t id, const model::Metadata& metadata,
                            const model::HttpTriggerSpec& trigger, const SecretSource& secrets);

/// Host without port, final dot and brackets, in lower case.
std::string normal_host(std::string_view host);

/// Calls `f(segment)` for each part between slashes of an absolute path.
template <class F>
void for_each_segment(std::string_view path, F f) {
    for (std::size_t at = 1; at <= path.size();) {
        auto slash = path.find('/', at);
        if (slash == std::string_view::npos) slash = path.size();
        f(path.substr(at, slash - at));
        at = slash + 1;
    }
}

inline bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::uint64_t hash_text(std::string_view text);
inline std::uint64_t fold(std::uint64_t hash, std::uint64_t next) {
    hash = (hash ^ next) * 0x9E3779B97F4A7C15u;
    return hash ^ (hash >> 29);
}
/// Start of a route's hash; the segments are folded into it.
std::uint64_t hash_start(std::uint64_t host_hash, bool prefix);
/// Stands for any segment in a route's hash.
inline constexpr std::uint64_t kParameterHash = 0xD6E8FEB86659FD93u;

}  // namespace hearth::gateway
