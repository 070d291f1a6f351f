#pragma once

#include <memory>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/backend/kubernetes_options.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/kube/client.hpp"
#include "hearth/telemetry/function_log.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::backend {

/// Instances as pods, driven over Kubernetes' REST API. What is there already is found as soon as
/// on_found() is set, or at the first start; starts wait for it. `client` and `shards` outlive the
/// backend, which leaves the pods alone when it ends. Errors: invalid_argument naming the option.
Result<std::unique_ptr<Backend>> make_kubernetes_backend(
    KubernetesBackendOptions options, kube::Client& client, aio::Shards& shards,
    aio::BlockingPool& pool, const base::Clock& clock, telemetry::FunctionLog& function_log,
    telemetry::Logger& log, telemetry::Registry& metrics);

}  // namespace hearth::backend
