#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gateway/route_table.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::gateway {

/// The catalog's HTTPTriggers as a route table that follows every change. Shards keep a copy of the
/// table and look at one counter per request to know whether it is still the present one. Thread:
/// any. Changes arrive on the catalog's writer thread and cost microseconds, whatever the number of
/// routes.
class RouteDirectory {
 public:
    RouteDirectory(catalog::Catalog& catalog, telemetry::Logger& log, telemetry::Registry& metrics);

    /// Loads what the catalog holds and follows it. Call once.
    void start();
    /// Changes whenever a route, or a function behind one, does.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
    struct Snapshot {
        std::uint64_t generation = 0;
        RouteTable table;
    };
    Snapshot snapshot() const;

 private:
    struct ByName {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>{}(name);
        }
        std::size_t operator()(const RoutePtr& route) const {
            return (*this)(std::string_view(route->qualified));
        }
        bool operator()(const RoutePtr& a, const RoutePtr& b) const {
            return a->qualified == b->qualified;
        }
        bool operator()(const RoutePtr& a, std::string_view b) const { return a->qualified == b; }
        bool operator()(std::string_view a, const RoutePtr& b) const { return a == b->qualified; }
    };

    void on_changes(const std::vector<catalog::Change>& changes);
    void apply(const catalog::Change& change);
    void put(const catalog::Record& record);
    void remove(const std::string& qualified);
    void report_rivals(const Route& route);
    std::shared_ptr<EdgeSecret> secret(std::string_view ns, std::string_view name);

    catalog::Catalog& catalog_;
    telemetry::Logger& log_;
    telemetry::Gauge& routes_;
    mutable std::mutex mutex_;
    RouteTable table_;
    std::unordered_set<RoutePtr, ByName, ByName> by_name_;
    std::unordered_map<std::string, std::weak_ptr<EdgeSecret>> secrets_;
    std::vector<catalog::Change> held_back_;  ///< arrived while the present state was being listed
    bool loading_ = true;
    std::uint64_t last_id_ = 0;
    std::atomic<std::uint64_t> generation_{0};
    catalog::Catalog::Subscription subscription_;  ///< last: no change arrives once the rest goes
};

}  // namespace hearth::gateway
