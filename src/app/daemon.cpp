#include "app/daemon.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "app/daemon_parts.hpp"
#include "app/run_files.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/base/version.hpp"
#include "hearth/store/sqlite_call_queue.hpp"
#include "hearth/store/sqlite_catalog.hpp"
#include "hearth/store/sqlite_ledger.hpp"
#include "hearth/store/sqlite_run_journal.hpp"

namespace hearth::app {
namespace {

using telemetry::Level;

constexpr std::size_t kBlockingThreads = 4;
constexpr std::size_t kBlockingQueue = 4096;
constexpr auto kArchiveSweep = std::chrono::minutes(10);
/// As many as clients may be connected at once to one instance, or 500 clients would reconnect for
/// each request.
constexpr std::size_t kIdlePerUpstream = 1024;
/// How long the end of an instance may take to be told after its connections broke: a process's
/// within a millisecond or so, a pod's when the kubelet has looked (once a second) and the watch
/// has brought it.
constexpr auto kProcessExit = std::chrono::milliseconds(60),
               kPodExit = std::chrono::milliseconds(3000);
constexpr auto kHurry = std::chrono::milliseconds(200);
/// The listener has drained by then; what is left are leases about to be given back.
constexpr auto kLeaseEnd = std::chrono::milliseconds(500);
/// For giving the leader lease back; past it others wait until it runs out.
constexpr auto kRelease = std::chrono::seconds(2);

telemetry::Logger::Format log_format(const std::string& word) {
    const bool text = word == "text" || (word == "auto" && isatty(STDERR_FILENO) == 1);
    return text ? telemetry::Logger::Format::text : telemetry::Logger::Format::json;
}

Level log_level(const std::string& word) {
    return word == "debug"   ? Level::debug
           : word == "warn"  ? Level::warn
           : word == "error" ? Level::error
                             : Level::info;
}

std::size_t shard_count(const config::DaemonConfig& config) {
    if (config.shards > 0) return config.shards;
    return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

telemetry::FunctionLogOptions function_log_options(const config::DaemonConfig& config) {
    telemetry::FunctionLogOptions options;
    options.folder = config.data / "logs";
    options.bytes_per_function = config.log.function_bytes;
    options.bytes_total = config.log.total_bytes;
    return options;
}

Daemon::Parts::Parts(const config::DaemonConfig& c)
    : config(c),
      log(log_level(c.log.level), log_format(c.log.format)),
      function_log(function_log_options(c)),
      pool(kBlockingThreads, kBlockingQueue),
      shards(shard_count(c)),
      tasks(log) {}

Result<void> Daemon::Parts::open_storage() {
    store::StoreOptions options;
    options.file = config.data / "hearth.db";
    auto opened = store::open_sqlite_catalog(options, log, metrics);
    if (!opened) return opened.error();
    catalog = std::move(*opened);
    auto opened_ledger = store::open_sqlite_ledger(config.data / "triggers.db", pool);
    if (!opened_ledger) return opened_ledger.error();
    ledger = std::move(*opened_ledger);
    artifact::ArchiveLimits limits;
    limits.packed_bytes = config.packages.max_bytes;
    auto archive_store = artifact::open_archive_store(config.data / "archives", limits, pool, log);
    if (!archive_store) return archive_store.error();
    archives = std::move(*archive_store);
    if (config.archives.store == "s3") {
        if (auto moved = open_bucket(); moved.has_error()) return moved;
    }
    store::CallQueueOptions call_options;
    call_options.file = config.data / "calls.db";
    auto queue = store::open_sqlite_call_queue(call_options, pool, log, metrics);
    if (!queue) return queue.error();
    call_queue = std::move(*queue);
    store::RunJournalOptions run_options;
    run_options.file = config.data / "runs.db";
    auto journal = store::open_sqlite_run_journal(run_options, pool, log, metrics);
    if (!journal) return journal.error();
    run_journal = std::move(*journal);
    return open_web();
}

Result<void> Daemon::Parts::start_backend() {
    auto loaded = backend::load_local_environments(
        find_environments_folder(config.process.environments_folder));
    if (!loaded) return loaded.error();
    environments = std::move(*loaded);
    return config.backend == "kubernetes" ? start_kubernetes_backend() : start_process_backend();
}

Result<void> Daemon::Parts::start_process_backend() {
    backend::ProcessBackendOptions options;
    options.run_folder = config.data / "run";
    options.environments = environments;
    options.image_table = config.environments;
    using Isolation = backend::ProcessBackendOptions::Isolation;
    options.isolation = config.process.isolation == "sandbox" ? Isolation::sandbox
                        : config.process.isolation == "basic" ? Isolation::basic
                                                              : Isolation::automatic;
    options.default_memory_bytes = config.process.memory_bytes;
    options.default_cpu_millicores = config.process.cpu_millicores;
    options.max_processes_per_instance = config.process.max_processes;
    options.max_instances = config.executor.max_instances;
    options.network = config.process.network;
    options.builds.cache_folder = config.data / "build-cache";
    options.builds.home = config.build.home;
    options.builds.env = config.build.env;
    options.builds.memory_bytes = config.build.memory_bytes;
    options.builds.scratch_bytes = config.build.scratch_bytes;
    options.builds.cache_bytes = config.build.cache_bytes;
    auto made = backend::make_process_backend(options, shards, pool, function_log, log, metrics);
    if (!made) return made.error();
    backend = std::move(*made);
    return {};
}

void Daemon::Parts::make_core() {
    executor::ExecutorOptions options;
    options.queue_per_function = config.executor.queue_per_function;
    options.max_instances = config.executor.max_instances;
    options.max_pool_size = config.executor.max_pool_size;
    executor = executor::Executor::make(options, *catalog, *archives, *backend, shards, pool, clock,
                                        function_log, log, metrics, settings.get());
    build::BuildOptions build_options;
    build_options.concurrency = config.build.concurrency;
    build_options.timeout = config.build.timeout;
    build_options.log_folder = config.data / "builds";
    build_options.log_bytes = config.build.log_bytes;
    builds = build::Builds::make(build_options, *catalog, *archives, backend->builder(), shards,
                                 pool, clock, log, metrics);
    http::Forwarder::Options forwarder_options;
    forwarder_options.idle_per_upstream = kIdlePerUpstream;
    forwarder = http::Forwarder::make(shards, forwarder_options, metrics);
    const auto exit_patience = backend->outlives_daemon() ? kPodExit : kProcessExit;
    invoker =
        invoke::Invoker::make(*executor, *forwarder, function_log, log, metrics, exit_patience);
    make_workflows();
    deliverer = trigger::Deliverer::make(*executor, *invoker, workflows.get());
    make_async_calls();
    gateway::GatewayOptions gateway_options;
    gateway_options.max_body_bytes = config.gateway.max_body_bytes;
    gateway_options.server_timing = config.gateway.server_timing;
    gateway_options.trusted_proxies = config.gateway.trusted_proxies;
    gateway = gateway::Gateway::make(gateway_options, *catalog, *executor, *invoker, log, metrics,
                                     async_calls.get(), workflows.get());
    log_keeper = std::make_unique<LogKeeper>(function_log, function_log_options(config).folder,
                                             *catalog, *executor, pool);
    executor->start();
    builds->start();
    async_calls->start();
    workflows->start();
    gateway->start();
    make_triggers();
}

void Daemon::Parts::make_async_calls() {
    trigger::AsyncOptions options;
    options.running = static_cast<int>(config.async.max_running);
    options.pending = config.async.max_pending;
    options.max_body_bytes = config.async.max_body_bytes;
    options.keep_result_bytes = config.async.max_result_bytes;
    options.keep_succeeded = config.async.keep_succeeded;
    options.keep_failed = config.async.keep_failed;
    options.most_succeeded = config.async.most_succeeded;
    options.most_failed = config.async.most_failed;
    topics = trigger::TopicPublisher::make(queue_options(), *catalog, settings.get(), shards);
    async_calls = trigger::AsyncCalls::make(options, *catalog, *call_queue, *deliverer, web,
                                            topics.get(), shards, clock, log, metrics);
}

Result<void> Daemon::Parts::listen_gateway(http::Handler handler) {
    auto endpoint = http::Endpoint::parse(config.listen.gateway);
    if (!endpoint) return endpoint.error();
    http::ServerOptions options;
    options.name = "gateway";
    options.listen = *endpoint;
    options.header_timeout = config.gateway.header_timeout;
    options.idle_timeout = config.gateway.idle_timeout;
    options.max_connections = config.gateway.max_connections;
    options.max_body_bytes = config.gateway.max_body_bytes;
    auto started = http::Server::start(shards, options, std::move(handler), log, metrics);
    if (!started) return started.error();
    gateway_server = std::move(*started);
    return {};
}

Result<void> Daemon::Parts::listen_api(http::Handler handler) {
    auto endpoint = http::Endpoint::parse(config.listen.api);
    if (!endpoint) return endpoint.error();
    http::ServerOptions options;
    options.name = "api";
    options.listen = *endpoint;
    options.max_body_bytes = 256u << 20;
    auto started = http::Server::start(shards, options, std::move(handler), log, metrics);
    if (!started) return started.error();
    api_server = std::move(*started);
    return {};
}

/// Everything at once, for a daemon that is alone on its data.
Result<void> Daemon::Parts::serve() {
    if (auto opened = open_storage(); opened.has_error()) return opened;
    if (auto started = start_backend(); started.has_error()) return started;
    make_core();
    auto to_gateway = [this](http::Exchange& exchange) { return gateway->handle(exchange); };
    if (auto listening = listen_gateway(to_gateway); listening.has_error()) return listening;
    make_api();
    auto to_api = [this](http::Exchange& exchange) { return api->handle(exchange); };
    if (auto listening = listen_api(to_api); listening.has_error()) return listening;
    return announce();
}

void Daemon::Parts::export_loop_lag() {
    for (std::size_t i = 0; i < shards.size(); ++i) {
        aio::Shard* shard = &shards.at(i);
        metrics.gauge_callback(
            "hearth_event_loop_lag_seconds", "Worst delay of the event loop since the last scrape",
            {{"shard", std::to_string(i)}},
            [shard] { return static_cast<double>(shard->take_worst_lag_us()) / 1e6; });
    }
    metrics.gauge_callback("hearth_log_lines_dropped",
                           "Lines of function output dropped because the disk was behind", {},
                           [this] { return static_cast<double>(function_log.dropped()); });
    metrics
        .gauge("hearth_build_info", "The running release",
               {{"version", std::string(base::version())}})
        .set(1);
}

Task<void> Daemon::Parts::sweep_archives() {
    while (co_await aio::sleep_until(Deadline::after(kArchiveSweep))) {
        auto removed = co_await api->collect_archives();
        if (removed.has_error()) {
            log.log(Level::warn, "app", "collecting archives failed",
                    {{telemetry::kErr, removed.error().message}});
        }
    }
}

void Daemon::Parts::start_background() {
    tasks.spawn(shards.first().executor(), "archive-sweep", sweep_archives());
    tasks.spawn(shards.first().executor(), "log-keeper", log_keeper->run());
}

void Daemon::Parts::stop(Pace pace) {
    if (leadership) leadership->stop_taking_over();
    const auto patience = pace == Pace::hurry ? std::chrono::milliseconds(0) : config.drain_timeout;
    const auto patient = Deadline::after(patience);
    if (gateway) gateway->begin_drain();
    if (async_calls) async_calls->begin_drain();
    if (workflows) workflows->begin_drain();
    if (api) api->begin_drain();
    if (gateway_server) gateway_server->begin_drain();
    if (api_server) api_server->begin_drain();
    if (pace == Pace::drain) std::this_thread::sleep_for(config.drain_delay);
    tasks.cancel();
    stop_triggers(patient);
    if (gateway_server) gateway_server->stop(patient);
    if (api) api->stop();
    if (api_server)
        api_server->stop(Deadline::after(
            std::min<std::chrono::milliseconds>(patience, std::chrono::seconds(5))));
    tasks.join_blocking(Deadline::after(std::chrono::seconds(5)));
    if (queues) queues->stop();
    if (async_calls) async_calls->stop(patient);
    if (workflows) workflows->stop(patient);
    if (topics) topics->stop();
    if (builds) builds->stop(Deadline::after(std::chrono::seconds(5)));
    if (executor) executor->stop(Deadline::after(patient.passed() ? kHurry : kLeaseEnd));
    if (backend)
        backend->shutdown(
            Deadline::after(pace == Pace::hurry ? kHurry : std::chrono::milliseconds(5'000)));
    if (archives) archives->stop(Deadline::after(kHurry));
    if (forwarder) forwarder->stop();
    if (!leadership) return;
    // Another replica may open the data only when nothing of this one can write to it any more.
    gateway_server.reset();
    api_server.reset();
    close_modules();
    leadership->release(Deadline::after(kRelease));
    cluster->fence([] { return false; });
    leadership.reset();
    if (to_leader) to_leader->stop();
}

void Daemon::Parts::close_modules() {
    api.reset();
    gateway.reset();
    queues.reset();
    watches.reset();
    timers.reset();
    async_calls.reset();
    topics.reset();
    deliverer.reset();
    workflows.reset();
    step_caller.reset();
    invoker.reset();
    forwarder.reset();
    log_keeper.reset();
    builds.reset();
    executor.reset();
    backend.reset();
    settings.reset();
    archives.reset();
    ledger.reset();
    call_queue.reset();
    run_journal.reset();
    catalog.reset();
}

Result<std::unique_ptr<Daemon>> Daemon::start(const config::DaemonConfig& config) {
    // Fewer malloc arenas: what a burst frees on one thread serves the others too.
    mallopt(M_ARENA_MAX, 2);
    if (auto made = prepare_data_folder(config.data); made.has_error()) return made.error();
    auto daemon = std::unique_ptr<Daemon>(new Daemon(std::make_unique<Parts>(config)));
    Parts& parts = *daemon->parts_;
    parts.export_loop_lag();
    const bool shared = config.backend == "kubernetes" && config.kubernetes.leader_lease.enabled;
    const auto begun = shared ? parts.contend() : parts.serve();
    if (begun.has_error()) return begun.error();
    if (!shared) parts.start_background();
    return daemon;
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() {
    stop(Pace::hurry);
    if (parts_->cluster) parts_->cluster->stop();
    parts_->pool.stop();
    parts_->shards.stop();
}

void Daemon::stop(Pace pace) {
    parts_->stop(pace);
}

}  // namespace hearth::app
