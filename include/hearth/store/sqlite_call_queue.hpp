#pragma once

#include <filesystem>
#include <memory>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/catalog/call_queue.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::store {

struct CallQueueOptions {
    std::filesystem::path file;         ///< DIR/calls.db; whoever holds DIR/hearth.db may open it
    std::size_t write_queue = 16'384;   ///< writes waiting for the writer; past it: exhausted
};

/// Opens (creating, migrating) the database of queued calls: a file of its own, so that a flood of calls never makes a
/// change of a spec wait. One writer thread with group commit; reads run on `pool`.
/// Errors: io, no_space, internal for a database that is damaged or newer than this binary.
/// Thread: call once at start; blocks.
Result<std::unique_ptr<catalog::CallQueue>> open_sqlite_call_queue(const CallQueueOptions& options,
                                                                   aio::BlockingPool& pool, telemetry::Logger& log,
                                                                   telemetry::Registry& metrics);

}  // namespace hearth::store
