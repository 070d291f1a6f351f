#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "executor/executor_metrics.hpp"
#include "executor/instance_record.hpp"
#include "executor/pool_core.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/executor/executor.hpp"

namespace hearth::executor {

/// The pools of all environments and the budget they share: driver around PoolCore. A pool is named
/// by its runtime's hash; runtimes with variables of their own (a function's) get a pool that keeps
/// nothing warm. Thread: any. Its lock is never held across a suspension, nor while a hook is
/// called.
class PoolSet {
 public:
    struct Hooks {
        /// Stops one idle instance of some function; false when there is none.
        std::function<bool()> make_room;
        /// Ends an instance; record_gone() follows when its process is gone.
        std::function<void(const InstanceRecordPtr&)> stop;
    };
    PoolSet(const ExecutorOptions& options, backend::Backend& backend, aio::Shards& shards,
            const base::Clock& clock, telemetry::Logger& log, ExecutorMetrics& metrics,
            InstanceTable& table, aio::TaskGroup& tasks, Hooks hooks);

    /// An environment of the catalog and its poolsize; replaces what it was before.
    void keep_environment(const backend::Runtime& runtime, int poolsize);
    void drop_environment(const std::string& ns, const std::string& name);
    /// A function of this environment exists.
    void use_environment(const std::string& ns, const std::string& name);

    /// A generic instance. Errors: unavailable (why none starts), exhausted, deadline_exceeded,
    /// cancelled.
    Task<Result<InstanceRecordPtr>> claim(backend::Runtime runtime, Deadline deadline);
    /// The same without waiting: null when none is warm; then nothing is ordered either.
    InstanceRecordPtr claim_warm(const backend::Runtime& runtime);
    /// A claimed instance that was not used after all.
    void give_back(const InstanceRecordPtr& record);

    // pool_adopt.cpp
    /// Nothing is started from now on. Claims wait, or with `why` are told it at once unless an
    /// instance is warm.
    void hold(std::optional<Error> why);
    /// It is known what is there: what is lacking is started.
    void release_starts();
    /// Returns when starts are held back no more, or claims are refused. Until it is known what is
    /// there most claims turn out to be superfluous, and the pools would be filled up for them.
    Task<void> wait_for_stock(Deadline deadline);
    /// An instance that was found takes its place in the budget; once per record.
    void count_in(const InstanceRecordPtr& record);
    /// A generic one that is counted joins its pool. False: nobody waits for its kind and no
    /// environment of the catalog is like it, so that it is the caller's.
    bool adopt(const InstanceRecordPtr& record);
    /// No function has this runtime of its own any more: the backend is told once its last instance
    /// has gone.
    void retire(const std::string& hash);
    /// It has one again.
    void revive(const std::string& hash);

    /// The process of an instance is gone, or the instance was never used: once per record.
    void record_gone(const InstanceRecordPtr& record);
    void tick();
    /// No more starts; claims are refused. Returns the warm instances, which are the caller's to
    /// stop.
    std::vector<InstanceRecordPtr> shut_down();

    std::vector<PoolStats> stats() const;
    std::vector<InstanceRecordPtr> warm() const;

 private:
    /// So long a start that only refills the pool gives way to the request that made the room:
    /// measured on two cores, the fork beside it cost that request 2 to 3 ms.
    static constexpr std::chrono::milliseconds kGiveWay{20};
    using Claim = aio::OneShot<Result<InstanceRecordPtr>>;
    /// Told once, by somebody else than who waits.
    using Signal = aio::OneShot<bool>;
    struct Start {
        std::uint64_t number = 0;
        backend::Runtime runtime;
        aio::Executor executor;
        std::shared_ptr<Signal> hurry;  ///< null: begins at once
        std::shared_ptr<Signal> end;    ///< told when the start is of no use any more
    };
    struct Entry {
        explicit Entry(std::string name) : core(std::move(name)) {}
        PoolCore core;
        backend::Runtime runtime;
        EnvironmentMetrics* metrics = nullptr;
        bool listed = false;  ///< an environment of the catalog, not a function's own
        std::unordered_map<std::uint64_t, InstanceRecordPtr> warm;
        std::unordered_map<std::uint64_t, std::shared_ptr<Claim>> claims;
        std::map<std::uint64_t, std::shared_ptr<Signal>> put_off;  ///< by start
        std::map<std::uint64_t, std::shared_ptr<Signal>> ends;     ///< by start
        base::SteadyTime last_given{};
    };
    struct Work {
        std::vector<std::pair<std::shared_ptr<Claim>, Result<InstanceRecordPtr>>> answers;
        std::vector<Start> starts;
        std::vector<std::shared_ptr<Signal>> hurried, ended;
        std::vector<InstanceRecordPtr> stops;
        std::size_t lacking = 0;
        std::string key;
    };

    Entry& entry(const backend::Runtime& runtime);
    void collect(const std::string& key, Entry& pool, PoolEffects& fx, Work& work);
    void collect_starts(Entry& pool, const PoolEffects& fx, Work& work);
    void perform(Work work);
    void make_room(const std::string& key, std::size_t lacking);
    bool evict_other(const std::string& key);
    /// What still starts for it ends, unless somebody waits for it.
    void retire_pool(Entry& pool, Work& work);
    Task<void> run_start(std::string key, Start start);
    /// Cancelled when the pool is retired meanwhile and nobody waits for its instances.
    Task<Result<backend::Instance>> start_unless_ended(Start& wanted);
    /// False: no start is wanted any more.
    Task<bool> wait_turn(std::string key, std::uint64_t start, std::shared_ptr<Signal> hurry);
    void start_ended(const std::string& key, std::uint64_t start,
                     Result<InstanceRecordPtr> outcome);
    std::vector<std::string> take_retired();
    void drop_live(const std::string& key);

    const ExecutorOptions options_;
    backend::Backend& backend_;
    aio::Shards& shards_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    ExecutorMetrics& metrics_;
    InstanceTable& table_;
    aio::TaskGroup& tasks_;
    Hooks hooks_;

    mutable std::mutex mutex_;
    InstanceBudget budget_;
    std::map<std::string, std::unique_ptr<Entry>> pools_;  // by runtime hash
    std::map<std::string, std::string>
        environments_;                         // "ns/name" → hash of the catalog's present state
    std::map<std::string, bool> used_;         // "ns/name" of environments that functions use
    std::map<std::string, std::size_t> live_;  // by hash; what is not gone yet
    std::set<std::string> retiring_;           // hashes whose last instance is awaited
    std::optional<Error> held_back_;  // why nothing can be started while the budget is held
    std::uint64_t next_claim_ = 0;
    bool stopped_ = false;
    std::atomic<std::size_t> next_shard_{0};
};

}  // namespace hearth::executor
