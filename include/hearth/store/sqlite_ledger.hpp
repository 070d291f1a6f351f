#pragma once

#include <filesystem>
#include <memory>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/catalog/trigger_ledger.hpp"

namespace hearth::store {

/// Opens or creates the triggers' ledger, a database of its own: the catalog's writer and the ledger never wait for each other.
/// The caller holds the catalog of the same folder open, which keeps other daemons away. Writes run on `pool`, which outlives it.
/// Errors: io, no_space, internal for a file that is damaged, another program's or newer than this binary.
/// Thread: call once at start; blocks.
Result<std::unique_ptr<catalog::TriggerLedger>> open_sqlite_ledger(const std::filesystem::path& file,
                                                                   aio::BlockingPool& pool);

}  // namespace hearth::store
