#include "gateway/gateway_metrics.hpp"

#include <algorithm>

namespace hearth::gateway {

GatewayMetrics::GatewayMetrics(telemetry::Registry& registry)
    : seconds_(registry.histogram("hearth_gateway_request_seconds",
                                  "Routed requests, from their head to the end of the answer.")) {
    static constexpr std::array<std::string_view, kOutcomes> kNames = {
        "routed",    "no_route",  "no_method", "no_function", "bad_request", "unauthenticated",
        "too_large", "preflight", "health",    "accepted",    "call_result"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        outcomes_[i] = &registry.counter("hearth_gateway_requests_total",
                                         "Requests by what the edge did with them.",
                                         {{"outcome", std::string(kNames[i])}});
    }
    static constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx",
                                                                 "3xx",  "4xx", "5xx"};
    for (std::size_t i = 0; i < kClasses.size(); ++i) {
        classes_[i] = &registry.counter("hearth_gateway_answers_total",
                                        "Answers to routed requests by status class.",
                                        {{"class", std::string(kClasses[i])}});
    }
    for (std::size_t i = 0; i < kComponents.size(); ++i) {
        faults_[i] = &registry.counter("hearth_gateway_faults_total",
                                       "Failed routed requests by component at fault.",
                                       {{"component", std::string(kComponents[i])}});
    }
}

void GatewayMetrics::answered(int status, std::string_view component, double seconds) {
    const auto status_class =
        status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100) : 0;
    classes_[status_class]->add();
    seconds_.observe(seconds);
    if (component.empty()) return;
    const auto found = std::ranges::find(kComponents, component);
    const auto index = found == kComponents.end()
                           ? kComponents.size() - 1
                           : static_cast<std::size_t>(found - kComponents.begin());
    faults_[index]->add();
}

}  // namespace hearth::gateway
