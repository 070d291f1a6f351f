#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/confinement.hpp"
#include "backend/guard.hpp"
#include "backend/instance.hpp"
#include "backend/job_thread.hpp"
#include "backend/language_checks.hpp"
#include "backend/process_builder.hpp"
#include "backend/runtime_plan.hpp"
#include "backend/zygote.hpp"
#include "hearth/backend/process_backend.hpp"

namespace hearth::backend {

/// Instances as processes of this machine.
/// Threads: the caller's shard for the coroutines; `spawner_` starts processes; `janitor_` removes
/// what is left of them; the loop of `loop_` reads output and notices exits; the blocking pool
/// prepares folders.
class ProcessBackend final : public Backend {
 public:
    ProcessBackend(ProcessBackendOptions options, Confinement confinement,
                   std::optional<Guard> guard, aio::BlockingPool& pool,
                   telemetry::FunctionLog& function_log, telemetry::Logger& log,
                   telemetry::Registry& metrics);
    ~ProcessBackend() override;

    std::string_view name() const override { return "process"; }
    Result<Features> features(const model::EnvironmentSpec& spec) const override;
    Task<Result<Instance>> start(Runtime runtime, Deadline deadline) override;
    Task<Result<void>> load(std::uint64_t id, LoadRequest request, Deadline deadline) override;
    Task<void> stop(std::uint64_t id, std::chrono::milliseconds grace) override;
    void on_exit(std::function<void(const InstanceExit&)> listener) override;
    std::optional<InstanceUsage> usage(std::uint64_t id) const override;
    std::vector<Probe> probes() const override;
    void attribute(std::uint64_t id, std::string_view request_id) override;
    Builder* builder() override { return builder_.get(); }
    void shutdown(Deadline deadline) override;

 private:
    /// An instance with what its code will be loaded by.
    struct Entry {
        std::shared_ptr<ManagedInstance> instance;
        RuntimePlan plan;
        http::Endpoint endpoint;  ///< where the daemon connects to
        std::string listen;       ///< HEARTH_LISTEN as the runtime gets it
        unsigned slot = 0;
        long uid = -1;
        std::atomic<bool> load_begun{false};
    };
    using EntryPtr = std::shared_ptr<Entry>;

    Result<EntryPtr> admit(RuntimePlan plan);
    Result<void> choose_address(Entry& entry) const;
    Result<void> prepare(const Entry& entry) const;
    Task<Result<void>> launch(EntryPtr entry, Deadline deadline);
    Task<Result<void>> launch_by_zygote(EntryPtr entry, Deadline deadline);
    Task<Result<void>> launch_by_spawn(EntryPtr entry, Deadline deadline);
    Result<void> spawn_now(const Entry& entry);
    std::map<std::string, std::string> variables_of(const Entry& entry) const;
    ResolvedCommand command_of(const Entry& entry) const;
    boost::json::object fork_packet(const Entry& entry) const;
    std::shared_ptr<Zygote> zygote_for(const RuntimePlan& plan);
    void retire_idle_zygotes();
    Task<Error> explain_death(EntryPtr entry, Error error) const;
    Instance describe(const Entry& entry) const;
    EntryPtr find(std::uint64_t id) const;
    static std::string code_name(const Entry& entry);
    std::string code_path_inside(const Entry& entry, const std::string& name) const;
    Result<void> put_in(const Entry& entry, const LoadRequest& request) const;
    Task<Result<void>> hand_over(EntryPtr entry, std::shared_ptr<const LoadRequest> wanted,
                                 Deadline deadline);
    void instance_ended(const InstanceExit& exit);
    void instance_gone(std::uint64_t id);
    void child_ended(const EndedChild& child);
    void run_on_loop(std::function<void()> work);

    const ProcessBackendOptions options_;
    const Confinement confinement_;
    std::optional<Guard> guard_;
    aio::BlockingPool& pool_;
    telemetry::Logger& log_;
    telemetry::Counter& starts_spawned_;
    telemetry::Counter& starts_forked_;
    telemetry::Counter& starts_failed_;
    telemetry::Histogram& start_seconds_;
    telemetry::Histogram& load_seconds_;
    std::map<InstanceExit::Cause, telemetry::Counter*> exits_;
    std::atomic<std::int64_t> running_{0};

    std::atomic<std::uint64_t> next_id_{1};
    std::atomic<bool> closing_{false};
    std::function<void(const InstanceExit&)> listener_;

    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, EntryPtr> entries_;
    std::set<unsigned> slots_;  ///< in use
    std::map<std::string, std::shared_ptr<Zygote>>
        zygotes_;  ///< by environment hash; used on the loop
    bool shut_down_ = false;

    JobThread janitor_;
    JobThread spawner_;
    aio::Shards loop_;
    InstanceContext context_;
    std::unique_ptr<LanguageChecks> checks_;
    std::unique_ptr<ProcessBuilder> builder_;
};

}  // namespace hearth::backend
