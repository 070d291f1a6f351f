#pragma once

#include <map>

#include "hearth/backend/backend.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::backend {

/// Series of the kubernetes backend.
struct KubeMetrics {
    explicit KubeMetrics(telemetry::Registry& registry);

    telemetry::Gauge& pods;
    telemetry::Counter& pods_created;
    telemetry::Counter& starts_failed;
    telemetry::Counter& found;
    telemetry::Counter& disposed;
    telemetry::Counter& archives_sent;
    telemetry::Counter& archives_from_peer;
    telemetry::Counter& archive_bytes_sent;
    telemetry::Counter& label_patches;
    telemetry::Counter& label_patches_failed;
    telemetry::Counter& followers_refused;
    telemetry::Gauge& followers;
    telemetry::Histogram& start_seconds;  ///< from the order to the proven address
    telemetry::Histogram& load_seconds;
    telemetry::Histogram& adoption_seconds;
    std::map<InstanceExit::Cause, telemetry::Counter*> exits;
};

}  // namespace hearth::backend
