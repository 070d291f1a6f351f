#pragma once

#include <array>
#include <string_view>

#include "hearth/telemetry/metrics.hpp"

namespace hearth::gateway {

/// What the edge did with a request.
enum class Outcome {
    routed,
    no_route,
    no_method,
    no_function,
    bad_request,
    unauthenticated,
    too_large,
    preflight,
    health,
    accepted,     ///< an asynchronous call, stored
    call_result,  ///< of one
};

/// Counters of the gateway, their labels fixed at start: no request can make a new series.
class GatewayMetrics {
 public:
    explicit GatewayMetrics(telemetry::Registry& registry);
    void count(Outcome outcome) { outcomes_[static_cast<std::size_t>(outcome)]->add(); }
    /// A routed request's status, time and, when it failed, the component at fault.
    void answered(int status, std::string_view component, double seconds);

 private:
    static constexpr std::size_t kOutcomes = 11;
    static constexpr std::array<std::string_view, 8> kComponents = {
        "function", "instance", "executor", "deadline", "client", "gateway", "backend", "other"};
    std::array<telemetry::Counter*, kOutcomes> outcomes_;
    std::array<telemetry::Counter*, 6> classes_;
    std::array<telemetry::Counter*, kComponents.size()> faults_;
    telemetry::Histogram& seconds_;
};

}  // namespace hearth::gateway
