#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "executor/executor_metrics.hpp"
#include "executor/function_core.hpp"
#include "executor/instance_record.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/executor/executor.hpp"

namespace hearth::executor {

class Driver;

/// All that one generation's instances are made from. Immutable but for the place of the code.
struct Generation {
    std::uint64_t number = 0;
    FunctionSource source;
    backend::Runtime runtime;
    bool env_at_load = false;
    EnvironmentMetrics* metrics = nullptr;
    std::shared_ptr<const FunctionInfo> info;

    std::mutex mutex;
    std::string code_path;  ///< empty until the archive is known to be unpacked
};
using GenerationPtr = std::shared_ptr<Generation>;

/// `stocked`: it is known which instances are there; a minimum is not started before.
FunctionPolicy policy_of(const Generation& generation, const ExecutorOptions& options,
                         bool stocked);
/// What the pool of an environment is made from.
backend::Runtime environment_runtime(const model::Metadata& metadata,
                                     const model::EnvironmentSpec& spec);

/// One loaded instance, as its leases hold it.
struct Lease::Held {
    Driver* driver = nullptr;
    FunctionSlotPtr slot;
    InstanceRecordPtr record;
    std::shared_ptr<const FunctionInfo> function;
    http::Upstream upstream;
    bool single = false;  ///< requestsPerPod 1: its plain output can be given to a request
    std::atomic<bool> attributed{false};
    TimePoint asked, claimed, loaded;
};

/// A request in the queue.
struct Waiter {
    explicit Waiter(aio::Executor executor)
        : answer(std::make_shared<aio::OneShot<Result<Lease>>>(executor)) {}
    std::shared_ptr<aio::OneShot<Result<Lease>>> answer;
    TimePoint since;
};
using WaiterPtr = std::shared_ptr<Waiter>;

class FunctionSlot : public std::enable_shared_from_this<FunctionSlot> {
 public:
    FunctionSlot(std::string ns_, std::string name_)
        : ns(std::move(ns_)), name(std::move(name_)), core(ns + "/" + name) {}

    const std::string ns, name;
    std::atomic<bool> resolved{false};
    std::vector<std::size_t>
        depends;  ///< hashes of what it was resolved from; guarded by the driver's resolve lock

    std::mutex
        mutex;  ///< guards what follows; short, never held across a suspension or another slot's
    FunctionCore core;
    GenerationPtr generation;
    std::shared_ptr<const FunctionInfo> info;  ///< null: no such function
    std::uint64_t next_generation = 0, next_waiter = 0;
    std::unordered_map<std::uint64_t, WaiterPtr> waiters;
    int loading = 0;  ///< starts that have their instance and put code into it
};

}  // namespace hearth::executor
