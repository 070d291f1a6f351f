#include "app/cluster.hpp"
#include "app/daemon_parts.hpp"

namespace hearth::app {

/// The cluster that is watched: the backend's, or with processes the one the configuration names.
trigger::KubeWatchOptions Daemon::Parts::watch_options() {
    trigger::KubeWatchOptions options;
    options.namespaces = config.kubernetes.watch_namespaces;
    if (!cluster && config.kubernetes.kubeconfig.empty()) {
        options.no_client =
            "this server has no cluster to watch; name one in kubernetes.kubeconfig";
        return options;
    }
    if (!cluster) {
        auto connected = connect_cluster(config, shards, pool, log, metrics);
        if (!connected) {
            options.no_client = connected.error().message;
            return options;
        }
        cluster = std::move(*connected);
    }
    options.client = cluster.get();
    if (config.kubernetes.function_namespaces == "one")
        options.fixed_namespace = home_namespace(config, *cluster);
    return options;
}

void Daemon::Parts::make_workflows() {
    const auto& from = config.workflows;
    workflow::WorkflowOptions options;
    options.calls = static_cast<int>(from.max_calls);
    options.running = from.max_running;
    options.input_bytes = from.max_input_bytes;
    options.value_bytes = from.max_value_bytes;
    options.outside_from = from.memory_value_bytes;
    options.items = from.max_items;
    options.steps = from.max_steps;
    options.keep_finished = from.keep_finished;
    options.most_finished = from.most_finished;
    step_caller = workflow::StepCaller::make(*executor, *invoker);
    workflows = workflow::Workflows::make(options, *catalog, *run_journal, *step_caller, shards,
                                          pool, clock, log, metrics);
}

trigger::QueueTriggersOptions Daemon::Parts::queue_options() const {
    trigger::QueueTriggersOptions brokers;
    brokers.kafka_brokers = config.queues.kafka_brokers;
    brokers.nats_servers = config.queues.nats_servers;
    return brokers;
}

void Daemon::Parts::make_triggers() {
    timers = trigger::Timers::make(*catalog, *ledger, *deliverer, shards, clock, log, metrics);
    watches = trigger::KubeWatches::make(watch_options(), *catalog, *ledger, *deliverer, shards,
                                         pool, clock, log, metrics);
    queues = trigger::QueueTriggers::make(queue_options(), *catalog, settings.get(), *deliverer,
                                          shards, log, metrics);
    timers->start();
    watches->start();
    queues->start();
}

void Daemon::Parts::stop_triggers(Deadline patient) {
    if (watches) watches->stop(patient);
    if (timers) timers->stop(patient);
}

}  // namespace hearth::app
