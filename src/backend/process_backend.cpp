#include "backend/process_backend.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <future>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/asio/post.hpp>

#include "backend/specialize.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace net = aio::net;

/// sun_path holds 108 bytes; room for what a runtime appends while it starts.
constexpr std::size_t kLongestSocketPath = 100;
constexpr auto kDeathNotice = std::chrono::seconds(2);
constexpr auto kLastResort = std::chrono::seconds(5);

Error shutting_down() {
    return Error(Errc::unavailable, "the process backend is shutting down", "", "backend");
}

/// Ends what a start has begun when the start does not come to its end, cancellation included.
class StartGuard {
 public:
    explicit StartGuard(std::shared_ptr<ManagedInstance> instance)
        : instance_(std::move(instance)) {}
    ~StartGuard() {
        if (instance_) instance_->give_up();
    }
    StartGuard(const StartGuard&) = delete;
    StartGuard& operator=(const StartGuard&) = delete;
    void dismiss() { instance_ = nullptr; }

 private:
    std::shared_ptr<ManagedInstance> instance_;
};

Result<std::uint16_t> free_port() {
    base::UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (!probe || bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return base::from_errno(errno, "find a free port");
    }
    return ntohs(address.sin_port);
}

}  // namespace

ProcessBackend::ProcessBackend(ProcessBackendOptions options, Confinement confinement,
                               std::optional<Guard> guard, aio::BlockingPool& pool,
                               telemetry::FunctionLog& function_log, telemetry::Logger& log,
                               telemetry::Registry& metrics)
    : options_(std::move(options)),
      confinement_(std::move(confinement)),
      guard_(std::move(guard)),
      pool_(pool),
      log_(log),
      starts_spawned_(
          metrics.counter("hearth_backend_starts_total", "Instances started", {{"via", "spawn"}})),
      starts_forked_(
          metrics.counter("hearth_backend_starts_total", "Instances started", {{"via", "zygote"}})),
      starts_failed_(
          metrics.counter("hearth_backend_start_failures_total", "Instances that did not start")),
      start_seconds_(metrics.histogram("hearth_backend_start_seconds",
                                       "From the order to a generic instance that answers")),
      load_seconds_(
          metrics.histogram("hearth_backend_load_seconds", "Putting code into a generic instance")),
      janitor_("instance-janitor"),
      spawner_("spawner"),
      loop_(1),
      context_{loop_.first().executor(),
               confinement_,
               function_log,
               janitor_,
               [this](const InstanceExit& exit) { instance_ended(exit); },
               [this](std::uint64_t id) { instance_gone(id); }} {
    using Cause = InstanceExit::Cause;
    for (const auto& [cause, label] : {std::pair<Cause, const char*>{Cause::exited, "exited"},
                                       {Cause::signalled, "signalled"},
                                       {Cause::out_of_memory, "out_of_memory"},
                                       {Cause::stopped, "stopped"}}) {
        exits_[cause] = &metrics.counter("hearth_backend_exits_total", "Instances that ended",
                                         {{"cause", label}});
    }
    checks_ = std::make_unique<LanguageChecks>(options_, confinement_);
    builder_ = std::make_unique<ProcessBuilder>(options_, confinement_,
                                                options_.run_folder / "builds", log_);
}

ProcessBackend::~ProcessBackend() {
    shutdown(Deadline::after(kLastResort));
}

Result<Features> ProcessBackend::features(const model::EnvironmentSpec& spec) const {
    auto chosen = choose_environment(spec, options_);
    if (!chosen) return chosen.error();
    Features features;
    if (*chosen == nullptr) return features;
    features.env_at_load = (*chosen)->env_at_load;
    features.zygote = zygote_works(**chosen);
    return features;
}

void ProcessBackend::on_exit(std::function<void(const InstanceExit&)> listener) {
    std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
}

Result<ProcessBackend::EntryPtr> ProcessBackend::admit(RuntimePlan plan) {
    auto entry = std::make_shared<Entry>();
    const std::uint64_t id = next_id_.fetch_add(1);
    const std::string name = fmt::format("{}-{}", plan.base_name, base::random_hex(4));
    entry->plan = std::move(plan);
    std::lock_guard lock(mutex_);
    if (closing_) return shutting_down();
    if (entries_.size() >= options_.max_instances) {
        return Error(Errc::exhausted,
                     fmt::format("{} instances run already; executor.maxInstances bounds them",
                                 options_.max_instances),
                     "", "backend");
    }
    while (slots_.count(entry->slot) != 0) ++entry->slot;
    slots_.insert(entry->slot);
    if (confinement_.first_uid >= 0) entry->uid = confinement_.first_uid + entry->slot;
    InstanceFolder folder(confinement_.instances / name, entry->uid,
                          confinement_.settings_of(name));
    entry->instance = std::make_shared<ManagedInstance>(context_, id, name, std::move(folder),
                                                        confinement_.cgroups.any());
    entries_[id] = entry;
    running_.fetch_add(1);
    return entry;
}

Result<void> ProcessBackend::choose_address(Entry& entry) const {
    if (entry.plan.tcp) {
        auto port = free_port();
        if (!port) return port.error();
        entry.endpoint.type = http::Endpoint::Type::tcp;
        entry.endpoint.host = "127.0.0.1";
        entry.endpoint.port = *port;
        entry.listen = fmt::format("tcp:127.0.0.1:{}", *port);
        return {};
    }
    const std::filesystem::path path = entry.instance->folder().sock() / "http.sock";
    entry.endpoint.type = http::Endpoint::Type::unix_socket;
    entry.endpoint.host = path.string();
    if (path.string().size() > kLongestSocketPath) {
        // The same file by a short name: through the open run folder.
        entry.endpoint.host = fmt::format("/proc/self/fd/{}/{}/sock/http.sock",
                                          confinement_.instances_fd.get(), entry.instance->name());
    }
    entry.listen = confinement_.sandbox.works ? fmt::format("unix:{}", kSocketInside)
                   : path.string().size() > kLongestSocketPath ? std::string("unix:sock/http.sock")
                                                               : "unix:" + path.string();
    return {};
}

Result<void> ProcessBackend::prepare(const Entry& entry) const {
    auto made = entry.instance->folder().create(code_name(entry));
    if (made.has_error()) return made;
    if (!confinement_.cgroups.any()) return {};
    CgroupLimits limits;
    limits.memory_bytes = entry.plan.limits.memory_bytes;
    limits.cpu_millicores = entry.plan.limits.cpu_millicores;
    limits.processes = options_.max_processes_per_instance;
    return confinement_.cgroups.create(entry.instance->name(), limits);
}

Task<Result<Instance>> ProcessBackend::start(Runtime runtime, Deadline deadline) {
    const auto begun = std::chrono::steady_clock::now();
    auto plan = plan_runtime(runtime, options_, confinement_);
    if (!plan) co_return plan.error();
    auto admitted = admit(std::move(*plan));
    if (!admitted) co_return admitted.error();
    EntryPtr entry = *admitted;
    StartGuard guard(entry->instance);
    entry->instance->set_memory_limit(entry->plan.limits.memory_bytes);
    auto work = [this, entry]() -> Result<void> {
        if (!entry->instance->begin_prepare())
            return Error(Errc::cancelled, "the start was cancelled", "", "backend");
        Result<void> made = choose_address(*entry);
        if (!made.has_error()) made = prepare(*entry);
        entry->instance->end_prepare();
        return made;
    };
    Result<void> outcome = co_await pool_.run(std::move(work));
    if (!outcome.has_error()) outcome = co_await launch(entry, deadline);
    if (outcome.has_error()) {
        starts_failed_.add();
        co_return outcome.error();
    }
    guard.dismiss();
    start_seconds_.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    co_return describe(*entry);
}

Task<Result<void>> ProcessBackend::launch(EntryPtr entry, Deadline deadline) {
    if (entry->plan.zygote && entry->plan.own_env.empty()) {
        auto forked = co_await launch_by_zygote(entry, deadline);
        if (!forked.has_error()) {
            starts_forked_.add();
            co_return Result<void>();
        }
        if (deadline.passed()) co_return forked.error();
        // A start that nobody waits for any more is not to be tried in another way.
        const auto cancellation = co_await aio::net::this_coro::cancellation_state;
        if (cancellation.cancelled() != aio::net::cancellation_type::none)
            co_return Error(Errc::cancelled, "the start was cancelled", "", "backend");
        log_.log(telemetry::Level::info, "backend", "an instance is started without its zygote",
                 {{telemetry::kInstance, entry->instance->name()},
                  {telemetry::kErr, forked.error().message + " " + forked.error().detail}});
    }
    auto spawned = co_await launch_by_spawn(entry, deadline);
    if (spawned.has_error()) co_return spawned.error();
    auto alive = [entry] { return !entry->instance->ended(); };
    std::function<bool()> is_alive = alive;
    auto ready = co_await wait_until_answers(entry->endpoint, std::move(is_alive), deadline);
    if (ready.has_error()) co_return co_await explain_death(entry, ready.error());
    starts_spawned_.add();
    co_return Result<void>();
}

Task<Error> ProcessBackend::explain_death(EntryPtr entry, Error error) const {
    std::optional<InstanceExit> exit;
    if (error.code == Errc::deadline_exceeded) {
        exit = entry->instance->ended();
        if (!exit) error.message += fmt::format(" (instance {})", entry->instance->name());
    } else {
        const Deadline notice = Deadline::after(kDeathNotice);
        exit = co_await entry->instance->wait_ended(notice);
    }
    if (!exit) co_return error;
    std::string how = fmt::format("with exit code {}", exit->code);
    if (exit->cause == InstanceExit::Cause::signalled)
        how = fmt::format("by signal {}", exit->code);
    if (exit->cause == InstanceExit::Cause::out_of_memory) how = "out of memory";
    co_return Error(
        Errc::unavailable,
        fmt::format("the runtime {} ended {} before it was ready", entry->instance->name(), how),
        exit->last_output, "instance");
}

Task<Result<void>> ProcessBackend::launch_by_spawn(EntryPtr entry, Deadline deadline) {
    auto executor = co_await net::this_coro::executor;
    auto answer = std::make_shared<aio::OneShot<Result<void>>>(executor);
    std::function<void()> job = [this, entry, answer] { answer->deliver(spawn_now(*entry)); };
    if (!spawner_.post(std::move(job))) co_return shutting_down();
    auto outcome = co_await answer->wait(deadline);
    if (!outcome)
        co_return Error(Errc::deadline_exceeded, "the runtime could not be started in time", "",
                        "backend");
    co_return std::move(*outcome);
}

std::map<std::string, std::string> ProcessBackend::variables_of(const Entry& entry) const {
    auto variables = entry.plan.env;
    for (const auto& [name, value] : entry.plan.own_env) variables[name] = value;
    variables["HEARTH_LISTEN"] = entry.listen;
    variables["HEARTH_INSTANCE"] = entry.instance->name();
    if (entry.plan.tcp) variables["PORT"] = std::to_string(entry.endpoint.port);
    if (entry.plan.plain_http) variables["HEARTH_CODE"] = code_path_inside(entry, code_name(entry));
    return variables;
}

/// A program without a loader is told port and code the way it takes them: in its arguments.
ResolvedCommand ProcessBackend::command_of(const Entry& entry) const {
    ResolvedCommand command = entry.plan.command;
    if (!entry.plan.plain_http) return command;
    const auto port = std::to_string(entry.endpoint.port);
    const auto code = code_path_inside(entry, code_name(entry));
    for (auto& word : command.argv) {
        boost::algorithm::replace_all(word, "$PORT", port);
        boost::algorithm::replace_all(word, "$HEARTH_CODE", code);
    }
    return command;
}

Result<void> ProcessBackend::spawn_now(const Entry& entry) {
    auto& instance = *entry.instance;
    if (!instance.begin_launch())
        return Error(Errc::cancelled, "the start was cancelled", "", "backend");
    const auto fail = [&instance](Error error) -> Result<void> {
        instance.abandon();
        return error;
    };
    auto out = make_pipe();
    if (!out) return fail(out.error());
    auto err = make_pipe();
    if (!err) return fail(err.error());
    auto info = make_pipe();
    if (!info) return fail(info.error());
    auto variables = make_variables_file(variables_of(entry));
    if (!variables) return fail(variables.error());
    LaunchOrder order;
    order.name = instance.name();
    order.command = command_of(entry);
    order.folder = instance.folder();
    order.uid = entry.uid;
    order.rlimits = resource_limits(confinement_, entry.plan.limits,
                                    options_.max_processes_per_instance, entry.uid);
    order.in_cgroup = instance.in_cgroup();
    order.network = options_.network;
    SpawnRequest request;
    request.executable = fmt::format("/proc/self/fd/{}", kSelfExeFd);
    request.arguments = launch_arguments(confinement_, order);
    request.descriptors = {{out->write.get(), STDOUT_FILENO},
                           {err->write.get(), STDERR_FILENO},
                           {confinement_.self_exe.get(), kSelfExeFd},
                           {variables->get(), kVariablesFd},
                           {confinement_.lifeline.read.get(), kLifelineFd}};
    if (confinement_.sandbox.works) request.descriptors.emplace_back(info->write.get(), kInfoFd);
    auto spawned = spawn(request);
    if (!spawned) return fail(spawned.error());
    StartedProcess process;
    process.pid = spawned->pid;
    process.pidfd = std::move(spawned->pidfd);
    process.out = std::move(out->read);
    process.err = std::move(err->read);
    if (confinement_.sandbox.works) process.info = std::move(info->read);
    instance.adopt(std::move(process));
    return {};
}

Instance ProcessBackend::describe(const Entry& entry) const {
    Instance instance;
    instance.id = entry.instance->id();
    instance.name = entry.instance->name();
    instance.endpoint = entry.endpoint;
    instance.pid = entry.instance->runtime_pid();
    instance.isolation = confinement_.describe();
    return instance;
}

ProcessBackend::EntryPtr ProcessBackend::find(std::uint64_t id) const {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second;
}

Task<void> ProcessBackend::stop(std::uint64_t id, std::chrono::milliseconds grace) {
    EntryPtr entry = find(id);
    if (!entry) co_return;
    auto instance = entry->instance;
    instance->terminate(grace);
    const Deadline deadline = Deadline::after(grace + kLastResort);
    // Whoever waits may be cancelled; the end of the instance is under way all the same.
    if (co_await instance->wait_gone(deadline) || !deadline.passed()) co_return;
    log_.log(telemetry::Level::error, "backend", "an instance did not end although it was killed",
             {{telemetry::kInstance, instance->name()}});
}

std::optional<InstanceUsage> ProcessBackend::usage(std::uint64_t id) const {
    const EntryPtr entry = find(id);
    return entry ? entry->instance->usage() : std::nullopt;
}

void ProcessBackend::attribute(std::uint64_t id, std::string_view request_id) {
    if (const EntryPtr entry = find(id)) entry->instance->attribute(request_id);
}

std::vector<Probe> ProcessBackend::probes() const {
    auto list = confinement_probes(confinement_, options_);
    for (auto& probe : checks_->probes()) list.push_back(std::move(probe));
    return list;
}

void ProcessBackend::instance_ended(const InstanceExit& exit) {
    exits_[exit.cause]->add();
    std::function<void(const InstanceExit&)> listener;
    {
        std::lock_guard lock(mutex_);
        listener = listener_;
    }
    if (listener) listener(exit);
}

void ProcessBackend::instance_gone(std::uint64_t id) {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    slots_.erase(found->second->slot);
    entries_.erase(found);
    running_.fetch_sub(1);
}

void ProcessBackend::run_on_loop(std::function<void()> work) {
    std::promise<void> done;
    net::post(context_.loop, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

void ProcessBackend::shutdown(Deadline deadline) {
    std::vector<EntryPtr> entries;
    {
        std::lock_guard lock(mutex_);
        if (shut_down_) return;
        shut_down_ = true;
        closing_ = true;
        for (const auto& [id, entry] : entries_) entries.push_back(entry);
    }
    builder_->stop();
    // Half of the time for the runtimes to end by themselves, the rest to see that they are gone.
    const auto left =
        std::min<std::chrono::steady_clock::duration>(deadline.left(), kLastResort * 2);
    const auto grace = std::chrono::duration_cast<std::chrono::milliseconds>(left / 2);
    for (const auto& entry : entries) entry->instance->terminate(grace);
    const Deadline last = Deadline::after(left + kLastResort);
    for (const auto& entry : entries) {
        if (!entry->instance->wait_gone_blocking(last)) {
            log_.log(telemetry::Level::error, "backend",
                     "an instance did not end although it was killed",
                     {{telemetry::kInstance, entry->instance->name()}});
        }
    }
    run_on_loop([this] {
        for (auto& [hash, zygote] : zygotes_) zygote->stop();
    });
    spawner_.stop();
    run_on_loop([this] { zygotes_.clear(); });
    checks_.reset();
    janitor_.stop();
    run_on_loop([] {});
    loop_.stop();
    guard_.reset();
    confinement_.cgroups.remove_everything();
    remove_settings_place(confinement_.settings.folder);
}

Result<std::unique_ptr<Backend>> make_process_backend(
    ProcessBackendOptions options, aio::Shards& /*shards*/, aio::BlockingPool& pool,
    telemetry::FunctionLog& function_log, telemetry::Logger& log, telemetry::Registry& metrics) {
    if (auto emptied = empty_run_folder(options.run_folder); emptied.has_error())
        return emptied.error();
    auto confinement = probe_confinement(options);
    if (!confinement) return confinement.error();
    std::optional<Guard> guard;
    if (auto started = Guard::start(*confinement); !started.has_error()) {
        guard.emplace(std::move(*started));
    } else {
        return started.error();
    }
    return std::unique_ptr<Backend>(
        std::make_unique<ProcessBackend>(std::move(options), std::move(*confinement),
                                         std::move(guard), pool, function_log, log, metrics));
}

}  // namespace hearth::backend
