#include "backend/kube_backend.hpp"

#include <fmt/format.h>

#include "backend/kube_names.hpp"
#include "backend/kube_tasks.hpp"

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kJoin{10};
constexpr std::chrono::milliseconds kCancelAgain{100};

std::string isolation_text(const KubernetesBackendOptions& options) {
    return fmt::format(
        "pod: PodSecurity restricted (user {}, no capabilities, seccomp), memory and "
        "processor limits",
        options.uid);
}

}  // namespace

KubernetesBackend::KubernetesBackend(KubernetesBackendOptions options,
                                     const MakeCluster& make_cluster, aio::Shards& shards,
                                     aio::BlockingPool& pool, telemetry::FunctionLog& function_log,
                                     telemetry::Logger& log, telemetry::Registry& metrics)
    : options_(std::move(options)),
      factory_(options_),
      function_log_(function_log),
      log_(log),
      metrics_(metrics),
      archives_(pool, options_.archive_cache_bytes),
      book_(metrics_.pods),
      cluster_(make_cluster(options_)),
      secrets_(*cluster_, factory_),
      loop_(shards.at(shards.size() - 1).executor()),
      probes_(std::make_unique<KubeProbes>(options_, *cluster_)),
      tasks_(log) {
    Workloads::Hooks hooks;
    hooks.prove = [this](PodEntryPtr entry, Deadline deadline) {
        return prove(std::move(entry), deadline);
    };
    hooks.describe = [this](const PodEntry& entry) { return describe(entry); };
    hooks.found = [this](const PodEntryPtr& entry, const RunnerState& state) {
        report_found(entry, state);
    };
    hooks.spawn = [this](std::string name, Task<void> task) {
        spawn(std::move(name), std::move(task));
    };
    hooks.served_by = [this](PodEntry& entry, const std::string& name,
                             const boost::json::object& service) {
        note_service(entry, name, service);
    };
    hooks.reach = [this](PodEntryPtr entry, Deadline deadline) {
        return wait_reachable(std::move(entry), deadline);
    };
    workloads_ = std::make_unique<Workloads>(options_, factory_, *cluster_, secrets_, book_, log,
                                             std::move(hooks));
    KubeBuilder::Hooks builds;
    builds.begin_watching = [this] { begin_watching(); };
    builds.spawn = [this](std::string name, Task<void> task) {
        spawn(std::move(name), std::move(task));
    };
    builder_ = std::make_unique<KubeBuilder>(options_, factory_, *cluster_, archives_, log,
                                             std::move(builds));
}

KubernetesBackend::~KubernetesBackend() {
    shutdown(Deadline::after(std::chrono::seconds(0)));
}

void KubernetesBackend::spawn(std::string name, Task<void> task) {
    tasks_.spawn(loop_, std::move(name), quietly(std::move(task)));
}

void KubernetesBackend::on_exit(std::function<void(const InstanceExit&)> listener) {
    exit_listener_ = std::move(listener);
}

void KubernetesBackend::on_found(std::function<void(const FoundInstance&)> listener) {
    found_listener_ = std::move(listener);
    begin_watching();
}

void KubernetesBackend::begin_watching() {
    if (watching_.exchange(true)) return;
    watched_since_ = std::chrono::steady_clock::now();
    spawn("probe the cluster", probes_->run());
    cluster_->watch_pods([this](const PodNews& news) { on_news(news); });
}

Result<Features> KubernetesBackend::features(const model::EnvironmentSpec& spec) const {
    Features features;
    features.workloads = true;
    features.limits_at_load = false;
    // What runs in a pod of its own brings its own image.
    if (const auto* traits = factory_.traits_of(spec.image))
        features.env_at_load = traits->env_at_load;
    return features;
}

Task<Result<Instance>> KubernetesBackend::start(Runtime runtime, Deadline deadline) {
    begin_watching();
    const auto limit = deadline.sooner(Deadline::after(options_.start_timeout));
    if (closing_) co_return Error(Errc::unavailable, "the daemon is shutting down", {}, "backend");
    auto known = co_await wait_adopted(limit);
    if (!known) co_return known.error();
    const auto begun = std::chrono::steady_clock::now();
    Result<Instance> started = Error(Errc::internal, "not started");
    if (runtime.workload) {
        started = co_await workloads_->start(std::move(runtime), limit);
    } else {
        started = co_await start_pod(std::move(runtime), limit);
    }
    if (started) {
        const auto took = std::chrono::steady_clock::now() - begun;
        metrics_.start_seconds.observe(std::chrono::duration<double>(took).count());
    } else {
        metrics_.starts_failed.add();
    }
    co_return started;
}

Task<Result<void>> KubernetesBackend::discovered(Deadline deadline) {
    begin_watching();
    co_return co_await wait_adopted(deadline);
}

Task<Result<void>> KubernetesBackend::wait_adopted(Deadline deadline) {
    if (adopted_) co_return Result<void>();
    const auto executor = co_await aio::net::this_coro::executor;
    auto waiter = std::make_shared<aio::OneShot<bool>>(executor);
    {
        std::lock_guard lock(adoption_mutex_);
        if (adopted_) co_return Result<void>();
        adoption_waiters_.push_back(waiter);
    }
    const auto told = co_await waiter->wait(deadline);
    if (told) co_return Result<void>();
    if (!deadline.passed()) co_return Error(Errc::cancelled, "the start was cancelled");
    co_return Error(
        Errc::deadline_exceeded,
        "the pods that are there could not be listed in time: the Kubernetes API does not "
        "answer",
        {}, "kubernetes");
}

Instance KubernetesBackend::describe(const PodEntry& entry) const {
    Instance instance;
    instance.id = entry.id;
    instance.name = entry.name;
    instance.isolation = isolation_text(options_);
    std::lock_guard lock(entry.mutex);
    instance.host = entry.service_host;
    const bool direct = entry.service_ip.empty();
    instance.endpoint.host = direct ? entry.view.ip : entry.service_ip;
    instance.endpoint.port = direct ? entry.origin.port : kServicePort;
    return instance;
}

void KubernetesBackend::report_exit(const PodEntryPtr& entry, const PodVerdict& verdict) {
    InstanceExit exit;
    exit.id = entry->id;
    exit.cause = verdict.cause;
    exit.code = verdict.code;
    bool was_held = false;
    std::shared_ptr<PodOutput> output;
    {
        std::lock_guard lock(entry->mutex);
        if (entry->reported) return;
        entry->reported = true;
        was_held = entry->stage == Stage::held || entry->stage == Stage::stopping;
        if (entry->stage == Stage::stopping) exit.cause = InstanceExit::Cause::stopped;
        entry->stage = Stage::over;
        output = entry->output;
    }
    if (output) exit.last_output = output->tail();
    if (exit.last_output.empty()) exit.last_output = verdict.why;
    wake(*entry);
    if (!was_held) return;
    metrics_.exits.at(exit.cause)->add();
    if (exit.cause != InstanceExit::Cause::stopped || !verdict.why.empty())
        log_.log(telemetry::Level::info, "backend", "an instance ended",
                 {{telemetry::kInstance, entry->key()}, {"reason", verdict.why}});
    if (exit_listener_) exit_listener_(exit);
}

void KubernetesBackend::report_found(const PodEntryPtr& entry, const RunnerState& state) {
    FoundInstance found;
    found.instance = describe(*entry);
    found.runtime_hash = entry->origin.runtime_hash;
    found.environment_ns = entry->origin.environment_ns;
    found.environment = entry->origin.environment;
    const bool loaded = state.state == "loaded" && !state.identity.empty();
    if (loaded) {
        found.function_ns = state.function_ns;
        found.function = state.function;
        found.identity = state.identity;
    } else if (entry->origin.container) {
        found.function_ns = entry->origin.function_ns;
        found.function = entry->origin.function;
    }
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage != Stage::starting && entry->stage != Stage::idle) return;
        entry->stage = Stage::held;
        entry->load_begun = loaded;
        entry->identity = state.identity;
        entry->digest = state.digest;
        entry->function_ns = found.function_ns;
        entry->function = found.function;
        entry->function_uid = state.function_uid;
    }
    metrics_.found.add();
    if (!found.function.empty()) spawn("read an instance's output", follow_output(entry));
    if (found_listener_) {
        found_listener_(found);
    } else {
        dispose(entry, 0);
    }
}

std::optional<InstanceUsage> KubernetesBackend::usage(std::uint64_t) const {
    return std::nullopt;
}

std::vector<Probe> KubernetesBackend::probes() const {
    return probes_->latest();
}

void KubernetesBackend::attribute(std::uint64_t id, std::string_view request_id) {
    const auto entry = book_.find(id);
    if (!entry) return;
    std::shared_ptr<PodOutput> output;
    {
        std::lock_guard lock(entry->mutex);
        output = entry->output;
    }
    if (output) output->attribute(request_id, std::chrono::system_clock::now());
}

void KubernetesBackend::shutdown(Deadline) {
    if (closing_.exchange(true)) return;
    // The pods stay: the next daemon finds them by what their runners say.
    cluster_->stop();
    const auto limit = Deadline::after(kJoin);
    bool ended = false;
    while (!ended && !limit.passed()) {
        // What lies between two waits of a task does not see a cancellation: the next one does.
        tasks_.cancel();
        ended = tasks_.join_blocking(limit.sooner(Deadline::after(kCancelAgain)));
    }
    if (!ended) log_.log(telemetry::Level::error, "backend", "tasks did not end in time", {});
}

}  // namespace hearth::backend
