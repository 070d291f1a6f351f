#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/executor/executor.hpp"
#include "hearth/telemetry/function_log.hpp"

namespace hearth::app {

/// Sees to it that no function's logs outlive the function: what a deleted one has written goes at
/// once, what its last instances still say goes with them, and what a daemon that was killed left
/// behind goes at the next start. Thread: one shard; the catalog tells it of changes from its
/// writer's thread.
class LogKeeper {
 public:
    LogKeeper(telemetry::FunctionLog& log, std::filesystem::path folder, catalog::Catalog& catalog,
              executor::Executor& executor, aio::BlockingPool& pool);
    /// Until it is cancelled.
    Task<void> run();

 private:
    using Name = std::pair<std::string, std::string>;  ///< namespace, function

    void on_changes(const std::vector<catalog::Change>& changes);
    Task<void> forget(std::vector<Name> names);
    std::vector<Name> take_removed();
    /// Takes those out of `late` that have no instance any more; gives what of them is to be
    /// forgotten.
    std::vector<Name> take_quiet(std::vector<Name>& late) const;
    Task<std::vector<Name>> find_orphans();

    telemetry::FunctionLog& log_;
    const std::filesystem::path folder_;
    catalog::Catalog& catalog_;
    executor::Executor& executor_;
    aio::BlockingPool& pool_;
    std::mutex mutex_;
    std::vector<Name> removed_;
    catalog::Catalog::Subscription subscription_;
};

}  // namespace hearth::app
