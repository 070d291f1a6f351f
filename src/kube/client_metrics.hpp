#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "hearth/telemetry/metrics.hpp"

namespace hearth::kube {

/// What a client counts. Thread: any.
class ClientMetrics {
 public:
    explicit ClientMetrics(telemetry::Registry& registry);

    /// `code`: the HTTP status, or the name of the error where there was no answer. The time is to
    /// the answer's head.
    void request(const std::string& verb, const std::string& resource, const std::string& code,
                 std::chrono::steady_clock::duration took);
    void throttled(std::chrono::steady_clock::duration waited);

    telemetry::Counter& fresh;
    telemetry::Counter& resumed;
    telemetry::Counter& reused;

 private:
    telemetry::Registry& registry_;
    telemetry::Counter& throttled_;
    telemetry::Histogram& throttle_seconds_;
};

}  // namespace hearth::kube
