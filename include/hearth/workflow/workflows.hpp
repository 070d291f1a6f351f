#pragma once

#include <chrono>
#include <memory>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/run_desk.hpp"
#include "hearth/invoke/invoker.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::workflow {

struct WorkflowOptions {
    int calls = 256;                           ///< of all runs together at once
    std::size_t running = 10'000;              ///< runs that have not ended; past it: exhausted
    std::uint64_t input_bytes = 256u << 10;    ///< of a run's input; past it: too_large
    std::uint64_t value_bytes = 4u << 20;      ///< of a step's result and of a document; past it the step fails
    std::uint64_t outside_from = 64u << 10;    ///< longer values are kept on disk, not in memory
    std::int64_t items = 10'000;               ///< of one Map
    std::int64_t steps = 100'000;              ///< of one run
    std::chrono::milliseconds keep_finished{7 * 24 * 3'600'000LL};
    std::size_t most_finished = 100'000;
    std::chrono::milliseconds step_timeout{300'000};   ///< of an attempt that names none
};

/// Makes a function's calls; the seam that tests stand in for.
class StepCaller {
  public:
    /// By the invoker, with `executor` to find functions.
    static std::unique_ptr<StepCaller> make(executor::Executor& executor, invoke::Invoker& invoker);
    virtual ~StepCaller() = default;
    /// A function that is not there is an answer with the error not_found.
    virtual Task<invoke::CallAnswer> call(std::string ns, std::string function, invoke::DetachedCall call) = 0;
};

/// Runs workflows: each step at least once, a finished one never again. Thread: any shard; stop from a thread that is none.
class Workflows : public catalog::RunDesk {
  public:
    /// The references outlive it.
    static std::unique_ptr<Workflows> make(WorkflowOptions options, catalog::Catalog& catalog, catalog::RunJournal& journal,
                                           StepCaller& caller, aio::Shards& shards, aio::BlockingPool& pool,
                                           const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics);
    /// Reads the runs that have not ended and goes on with them. Call once.
    virtual void start() = 0;
    /// From now on await_end() answers at once, so that no client's wait holds up the end of the listeners.
    virtual void begin_drain() = 0;
    /// Makes no more calls, waits for those under way until the deadline, then breaks them off: they are made again after the
    /// next start, with the same key. Blocks.
    virtual void stop(Deadline deadline) = 0;
};

}  // namespace hearth::workflow
