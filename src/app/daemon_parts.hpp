#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/daemon.hpp"
#include "app/front_door.hpp"
#include "app/leadership.hpp"
#include "app/log_keeper.hpp"
#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/api/api.hpp"
#include "hearth/artifact/archive_store.hpp"
#include "hearth/backend/process_backend.hpp"
#include "hearth/backend/settings_source.hpp"
#include "hearth/build/builds.hpp"
#include "hearth/executor/executor.hpp"
#include "hearth/gateway/gateway.hpp"
#include "hearth/http/forward.hpp"
#include "hearth/http/server.hpp"
#include "hearth/http/web_client.hpp"
#include "hearth/invoke/invoker.hpp"
#include "hearth/kube/client.hpp"
#include "hearth/telemetry/function_log.hpp"
#include "hearth/trigger/async_calls.hpp"
#include "hearth/trigger/kube_watches.hpp"
#include "hearth/trigger/queue_triggers.hpp"
#include "hearth/trigger/timers.hpp"
#include "hearth/trigger/topic_publisher.hpp"
#include "hearth/workflow/workflows.hpp"

namespace hearth::app {

/// In order of construction, lowest module first; destroyed in reverse.
struct Daemon::Parts {
    explicit Parts(const config::DaemonConfig& c);

    config::DaemonConfig config;
    telemetry::Logger log;
    telemetry::Registry metrics;
    telemetry::FunctionLog function_log;
    base::SystemClock clock;
    aio::BlockingPool pool;
    aio::Shards shards;
    // With the kubernetes backend.
    std::unique_ptr<kube::Client> cluster;
    kube::BootClock boot_clock;
    // While replicas share one lease: where requests go that come to this one.
    std::unique_ptr<http::Forwarder> to_leader;
    std::unique_ptr<FrontDoor> gateway_door, api_door;
    std::unique_ptr<Leadership> leadership;
    // What only the replica that serves has.
    std::unique_ptr<catalog::Catalog> catalog;
    std::unique_ptr<catalog::TriggerLedger> ledger;
    std::unique_ptr<artifact::ArchiveStore> archives;
    std::shared_ptr<http::WebClient> web;
    std::vector<backend::LocalEnvironment> environments;
    std::unique_ptr<backend::Backend> backend;
    std::unique_ptr<backend::SettingsSource> settings;
    std::unique_ptr<executor::Executor> executor;
    std::unique_ptr<build::Builds> builds;
    std::unique_ptr<LogKeeper> log_keeper;
    std::unique_ptr<http::Forwarder> forwarder;
    std::unique_ptr<invoke::Invoker> invoker;
    std::unique_ptr<catalog::CallQueue> call_queue;
    std::unique_ptr<catalog::RunJournal> run_journal;
    std::unique_ptr<workflow::StepCaller> step_caller;
    std::unique_ptr<workflow::Workflows> workflows;
    std::unique_ptr<trigger::Deliverer> deliverer;
    std::unique_ptr<trigger::QueueTriggers> queues;
    std::unique_ptr<trigger::Timers> timers;
    std::unique_ptr<trigger::KubeWatches> watches;
    std::unique_ptr<trigger::TopicPublisher> topics;
    std::unique_ptr<trigger::AsyncCalls> async_calls;
    std::unique_ptr<gateway::Gateway> gateway;
    std::unique_ptr<api::Api> api;
    std::unique_ptr<http::Server> gateway_server, api_server;
    aio::TaskGroup tasks;

    Result<void> open_storage();
    Result<void> open_bucket();
    Result<void> open_web();
    Result<void> start_backend();
    Result<void> start_process_backend();
    Result<void> start_kubernetes_backend();
    void make_core();
    void make_triggers();
    trigger::KubeWatchOptions watch_options();
    void stop_triggers(Deadline patient);
    trigger::QueueTriggersOptions queue_options() const;
    void make_async_calls();
    void make_workflows();
    Result<void> listen_gateway(http::Handler handler);
    Result<void> listen_api(http::Handler handler);
    void make_api();
    Result<void> serve();
    Result<void> contend();
    Result<void> take_over();
    void close_modules();
    Result<void> announce();
    void start_background();
    void export_loop_lag();
    Task<void> sweep_archives();
    Task<void> call_function(http::Exchange& exchange, std::string ns, std::string name,
                             std::string target);
    std::vector<api::OfferedEnvironment> offered() const;
    void stop(Pace pace);
};

telemetry::FunctionLogOptions function_log_options(const config::DaemonConfig& config);

}  // namespace hearth::app
