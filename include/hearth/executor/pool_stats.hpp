#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::executor {

/// One environment's pool, as the API shows it.
struct PoolStats {
    std::string ns, environment;
    int target = 0;        ///< generic instances wanted now
    int warm = 0;          ///< generic and ready
    int starting = 0;
    double starts_per_second = 0;  ///< recent rate of claims
    std::string last_error;        ///< why the last start failed; empty when it did not
};

/// One instance, as the API shows it.
struct InstanceStats {
    std::string name, ns, environment, function;  ///< function empty: generic
    std::string state;     ///< starting, warm, loading, ready, draining
    std::int64_t generation = 0;
    int in_flight = 0;
    std::uint64_t served = 0;
    std::int64_t age_ms = 0, idle_ms = 0;
    std::int64_t pid = 0;
    std::uint64_t rss_bytes = 0;
    std::string endpoint, isolation;
};

}  // namespace hearth::executor
