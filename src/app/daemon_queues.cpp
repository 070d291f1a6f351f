#include "app/daemon_parts.hpp"

namespace hearth::app {

void Daemon::Parts::make_queues() {
    deliverer = trigger::Deliverer::make(*executor, *invoker);
    trigger::QueueTriggersOptions options;
    options.kafka_brokers = config.queues.kafka_brokers;
    options.nats_servers = config.queues.nats_servers;
    queues = trigger::QueueTriggers::make(std::move(options), *catalog, settings.get(), *deliverer,
                                          shards, log, metrics);
    queues->start();
}

}  // namespace hearth::app
