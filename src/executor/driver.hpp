#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "executor/adoption.hpp"
#include "executor/executor_metrics.hpp"
#include "executor/function_slot.hpp"
#include "executor/pool_set.hpp"
#include "executor/settings_book.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/executor/executor.hpp"

namespace hearth::executor {

/// Slots, pools and the catalog's changes around the pure cores.
/// Locks, always taken in this order: resolve_mutex_, then slots_mutex_ or one slot's mutex, then a
/// record's. Effects are carried out after all of them are released. All leases must have ended
/// before it is destroyed.
class Driver final : public Executor {
 public:
    Driver(ExecutorOptions options, catalog::Catalog& catalog, artifact::ArchiveStore& archives,
           backend::Backend& backend, aio::Shards& shards, aio::BlockingPool& pool,
           const base::Clock& clock, telemetry::FunctionLog& function_log, telemetry::Logger& log,
           telemetry::Registry& metrics, backend::SettingsSource* settings);
    ~Driver() override;

    void start() override;
    FunctionSlotPtr find(std::string_view ns, std::string_view name) override;
    std::shared_ptr<const FunctionInfo> info(const FunctionSlotPtr& slot) const override;
    Lease try_acquire(const FunctionSlotPtr& slot) override;
    Task<Result<Lease>> acquire(FunctionSlotPtr slot, Deadline deadline) override;
    void attribute(const Lease& lease, std::string_view request_id) override;
    Task<Result<FunctionSource>> resolve_planned(model::Resource function, Lookup planned,
                                                 Deadline deadline) override;
    Task<Result<void>> prepare(FunctionSource source, Deadline deadline) override;
    std::vector<PoolStats> pools() const override;
    std::vector<InstanceStats> instances() const override;
    void stop(Deadline deadline) override;
    /// By Lease.
    void release(Lease::Held& held, LeaseOutcome outcome);

 private:
    struct Prepared {
        InstanceRecordPtr record;
        std::string ns, name;
        TimePoint asked, claimed, loaded, expires;
    };
    struct Loaded {
        InstanceRecordPtr record;
        TimePoint asked, claimed, loaded;
    };
    /// What a slot's lock was held for, carried out after its release.
    struct Work {
        struct Answer {
            WaiterPtr waiter;
            Result<Lease> lease;
        };
        std::vector<Answer> answers;
        std::vector<std::pair<std::uint64_t, GenerationPtr>> starts;
        std::vector<InstanceRecordPtr> stops;
    };
    /// Outlives the driver in the backend's exit listener.
    struct Gate {
        std::mutex mutex;
        Driver* driver = nullptr;
    };

    // driver.cpp
    void tick();
    Task<void> tick_loop();
    void stop_instance(const InstanceRecordPtr& record);
    Task<void> run_stop(InstanceRecordPtr record);
    void on_exit(const backend::InstanceExit& exit);
    void report_death(const InstanceRecordPtr& record, const FunctionSlotPtr& slot,
                      const std::string& reason);
    bool evict_idle();
    std::vector<FunctionSlotPtr> all_slots() const;
    aio::Executor home(aio::Executor preferred) const;
    std::size_t leases() const;

    // acquire.cpp
    Work collect(FunctionSlot& slot, FunctionEffects& fx);
    void perform(const FunctionSlotPtr& slot, Work work, aio::Executor executor);
    LeaseTimings timings_of(const Waiter& waiter, const Lease::Held& held, bool fresh) const;

    // cold_path.cpp, prepare.cpp
    Task<void> provide(FunctionSlotPtr slot, std::uint64_t ticket, GenerationPtr generation);
    Task<Result<InstanceRecordPtr>> claim_for(FunctionSlotPtr slot, std::uint64_t ticket,
                                              GenerationPtr generation, Deadline deadline);
    Task<bool> worth_it(FunctionSlotPtr slot, std::uint64_t ticket);
    bool withdrawn(const FunctionSlotPtr& slot, std::uint64_t ticket);
    Task<Result<Loaded>> load_into(InstanceRecordPtr record, GenerationPtr generation,
                                   TimePoint asked, Deadline deadline);
    Task<Result<std::string>> code_path(GenerationPtr generation);
    Error load_error(const Generation& generation, const InstanceRecord& record,
                     const Error& error) const;
    Task<Result<void>> try_in_pool(FunctionSource source, Deadline deadline);
    std::shared_ptr<Lease::Held> hold(const FunctionSlotPtr& slot, const Generation& generation,
                                      const Loaded& loaded);

    // follow.cpp
    void ensure_resolved(const FunctionSlotPtr& slot);
    void resolve(const FunctionSlotPtr& slot);
    void apply(const FunctionSlotPtr& slot, const std::optional<model::Resource>& function,
               Result<FunctionSource> source);
    void adopt_prepared(const FunctionSlotPtr& slot, const Generation& generation,
                        FunctionEffects& fx, std::vector<InstanceRecordPtr>& dead);
    void on_changes(const std::vector<catalog::Change>& changes);
    void environment_changed(const catalog::Change& change);
    FunctionSlotPtr present_slot(const std::string& key) const;
    void look_ahead(std::string ns, std::string name);
    Task<void> look_ahead_loop();
    Task<void> find_used_environments();

    // generation.cpp
    Result<GenerationPtr> make_generation(FunctionSource source);
    Result<backend::Features> features_of(const FunctionSource& source, const std::string& hash);
    static void give_workload(FunctionSource& source, const backend::Features& features,
                              backend::Runtime& runtime);
    void note_workload(const std::string& function, const FunctionSlotPtr& slot,
                       const Generation* generation);

    // adopt.cpp
    void on_found(const backend::FoundInstance& found);
    Task<void> take_stock();
    Task<void> adopt(backend::FoundInstance found);
    Task<bool> try_adopt(backend::FoundInstance found);
    InstanceRecordPtr take_in(const backend::FoundInstance& found);
    Task<void> adopt_generic(InstanceRecordPtr record);
    void start_minimums();
    Task<void> load_replica(FunctionSlotPtr slot, GenerationPtr generation,
                            InstanceRecordPtr record);
    bool join(const FunctionSlotPtr& slot, const GenerationPtr& generation,
              const InstanceRecordPtr& record);
    void discard(const InstanceRecordPtr& record);

    // settings.cpp
    Task<Result<void>> ready_settings(FunctionSlotPtr slot, Deadline deadline);
    Task<Result<void>> resolved_with_settings(FunctionSlotPtr slot, Deadline deadline);
    void resolve_later(const FunctionSlotPtr& slot, const model::Resource& function);
    Task<void> resolve_task(FunctionSlotPtr slot);
    Task<void> resolve_ahead(std::string ns, std::string name);
    void on_settings(const std::vector<backend::SettingsRef>& refs);
    Task<void> follow_settings(std::vector<backend::SettingsRef> refs);

    const ExecutorOptions options_;
    catalog::Catalog& catalog_;
    artifact::ArchiveStore& archives_;
    backend::Backend& backend_;
    aio::Shards& shards_;
    aio::BlockingPool& blocking_;
    const base::Clock& clock_;
    telemetry::FunctionLog& function_log_;
    telemetry::Logger& log_;
    ExecutorMetrics metrics_;
    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();

    std::mutex resolve_mutex_;  // resolutions are made and applied one after the other, so that
                                // none undoes a newer one
    std::map<std::string, backend::Features>
        features_;  // by runtime hash; guarded by resolve_mutex_
    // Guarded by it too: functions with replicas of their own by runtime hash, that hash by
    // function, and functions whose settings are being asked for.
    std::map<std::string, FunctionSlotPtr> workloads_;
    std::map<std::string, std::string> workload_of_;
    std::set<FunctionSlotPtr> resolving_;
    SettingsBook settings_;

    std::mutex adoption_mutex_;
    Adoption adoption_;

    mutable std::shared_mutex slots_mutex_;
    std::unordered_map<std::string, FunctionSlotPtr> slots_;

    mutable std::mutex prepared_mutex_;
    std::map<std::string, Prepared> prepared_;  // by source hash

    std::mutex ahead_mutex_;
    std::deque<std::pair<std::string, std::string>> ahead_;
    bool ahead_running_ = false;

    std::atomic<bool> stopping_{false};
    std::atomic<bool> stocked_{true};  // what is there is known; no minimum is started before
    InstanceTable table_;
    aio::TaskGroup tasks_;  // after everything the tasks use
    PoolSet pools_;
    catalog::Catalog::Subscription subscription_;
};

}  // namespace hearth::executor
