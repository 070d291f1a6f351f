#pragma once

#include <filesystem>
#include <memory>

#include "hearth/catalog/catalog.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::store {

struct StoreOptions {
    std::filesystem::path file;           ///< DIR/hearth.db
    std::size_t write_queue = 4096;       ///< batches waiting for the writer; past it: exhausted
    std::size_t history = 10'000;         ///< changes kept for watch replay
};

/// Opens (creating, migrating) the database and loads it. One writer thread with group commit; WAL, synchronous FULL.
/// Errors: conflict when another daemon holds the file (message names its pid), io, no_space, internal for a
/// database that is damaged (names the table) or newer than this binary.
/// Thread: call once at start; blocks.
Result<std::unique_ptr<catalog::Catalog>> open_sqlite_catalog(const StoreOptions& options, telemetry::Logger& log,
                                                              telemetry::Registry& metrics);

}  // namespace hearth::store
