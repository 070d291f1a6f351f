#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "hearth/telemetry/metrics.hpp"

namespace hearth::executor {

/// Series of one environment. The labels are bounded by the number of environments.
struct EnvironmentMetrics {
    telemetry::Histogram& queue;
    telemetry::Histogram& start;
    telemetry::Histogram& load;
    telemetry::Counter& load_failures;
    telemetry::Gauge& warm;
    telemetry::Gauge& target;
    telemetry::Gauge& starting;
};

/// The executor's series. Thread: any.
class ExecutorMetrics {
 public:
    explicit ExecutorMetrics(telemetry::Registry& registry);
    EnvironmentMetrics& environment(const std::string& ns, const std::string& name);

    telemetry::Counter& immediate;
    telemetry::Counter& waited;
    telemetry::Counter& timeout;
    telemetry::Counter& refused;
    telemetry::Counter& instance_deaths;
    telemetry::Counter& evictions;
    telemetry::Gauge& instances;
    telemetry::Gauge& functions;

 private:
    telemetry::Registry& registry_;
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<EnvironmentMetrics>> environments_;
};

}  // namespace hearth::executor
