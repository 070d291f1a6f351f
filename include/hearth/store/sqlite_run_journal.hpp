#pragma once

#include <filesystem>
#include <memory>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/catalog/run_journal.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::store {

struct RunJournalOptions {
    std::filesystem::path file;         ///< DIR/runs.db; whoever holds DIR/hearth.db may open it
    std::size_t write_queue = 16'384;   ///< writes waiting for the writer; past it: exhausted
};

/// Opens (creating, migrating) the journal of workflow runs, a file of its own. One writer thread with group commit; reads
/// run on `pool`, which outlives it.
/// Errors: io, no_space, internal for a database that is damaged or newer than this binary.
/// Thread: call once at start; blocks.
Result<std::unique_ptr<catalog::RunJournal>> open_sqlite_run_journal(const RunJournalOptions& options,
                                                                     aio::BlockingPool& pool, telemetry::Logger& log,
                                                                     telemetry::Registry& metrics);

}  // namespace hearth::store
