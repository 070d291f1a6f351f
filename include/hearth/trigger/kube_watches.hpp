#pragma once

#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/trigger_ledger.hpp"
#include "hearth/kube/client.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "hearth/trigger/delivery.hpp"

namespace hearth::trigger {

struct KubeWatchOptions {
    kube::Client* client = nullptr;             ///< null: there is no cluster to watch, because of
    std::string no_client;
    std::string fixed_namespace;                ///< the own namespace of every trigger; empty: the one of its name
    std::vector<std::string> namespaces;        ///< others that may be watched; "*": all, and kinds without one
};

/// Calls functions for changes in a Kubernetes cluster: every KubernetesWatchTrigger of the catalog.
class KubeWatches {
  public:
    /// The references outlive it.
    static std::unique_ptr<KubeWatches> make(KubeWatchOptions options, catalog::Catalog& catalog,
                                             catalog::TriggerLedger& ledger, Deliverer& deliverer, aio::Shards& shards,
                                             aio::BlockingPool& pool, const base::Clock& clock, telemetry::Logger& log,
                                             telemetry::Registry& metrics);
    virtual ~KubeWatches() = default;
    virtual void start() = 0;
    /// The `status` of a KubernetesWatchTrigger: conditions, resourceVersion, lastEvent, lastError, counts. Thread: any.
    virtual boost::json::object status(const model::Resource& trigger) const = 0;
    /// Calls that run may end until the deadline; what is not delivered is told again after the next start. Blocks; call
    /// from no shard.
    virtual void stop(Deadline patient) = 0;
};

}  // namespace hearth::trigger
