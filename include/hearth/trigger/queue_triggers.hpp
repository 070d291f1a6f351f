#pragma once

#include <boost/json/object.hpp>

#include <memory>
#include <string>

#include "hearth/aio/shards.hpp"
#include "hearth/backend/settings_source.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "hearth/trigger/delivery.hpp"

namespace hearth::trigger {

struct QueueTriggersOptions {
    std::string kafka_brokers;   ///< of triggers that name none
    std::string nats_servers;
};

/// Runs every MessageQueueTrigger of the catalog: one thread and one link to a broker for each. Thread: any.
class QueueTriggers {
  public:
    /// `settings`: Secrets that are not in the catalog; may be null. All arguments outlive the object.
    static std::unique_ptr<QueueTriggers> make(QueueTriggersOptions options, catalog::Catalog& catalog,
                                               backend::SettingsSource* settings, Deliverer& deliverer,
                                               aio::Shards& shards, telemetry::Logger& log,
                                               telemetry::Registry& metrics);
    virtual ~QueueTriggers() = default;
    virtual void start() = 0;
    /// Takes no more messages, waits some seconds for the calls that run, leaves the brokers. Blocks.
    virtual void stop() = 0;
    /// `status` of a MessageQueueTrigger: state and its reason, lag, counts since the daemon's start, conditions.
    virtual boost::json::object status(const model::Resource& trigger) const = 0;
};

}  // namespace hearth::trigger
