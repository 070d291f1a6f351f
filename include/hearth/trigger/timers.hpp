#pragma once

#include <boost/json/object.hpp>

#include <memory>

#include "hearth/aio/shards.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/trigger_ledger.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "hearth/trigger/delivery.hpp"

namespace hearth::trigger {

/// Calls functions by the clock: every TimeTrigger of the catalog. Only the daemon that leads has one.
class Timers {
  public:
    /// The references outlive it.
    static std::unique_ptr<Timers> make(catalog::Catalog& catalog, catalog::TriggerLedger& ledger, Deliverer& deliverer,
                                        aio::Shards& shards, const base::Clock& clock, telemetry::Logger& log,
                                        telemetry::Registry& metrics);
    virtual ~Timers() = default;
    virtual void start() = 0;
    /// The `status` of a TimeTrigger: conditions, nextFire, upcoming, lastFire, lastResult, lastError, counts. Thread: any.
    virtual boost::json::object status(const model::Resource& timer) const = 0;
    /// Nothing is fired from now on; calls that run are waited for until the deadline, then ended, and what became
    /// of them is recorded. Blocks; call from no shard.
    virtual void stop(Deadline deadline) = 0;
};

}  // namespace hearth::trigger
