#pragma once

#include <memory>
#include <mutex>
#include <type_traits>

#include "hearth/aio/blocking_pool.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {

/// A connection of its own for reads, which see the newest commit and never wait for the writer.
/// `Reads` has the statements and `static Result<Reads> prepare(Database&)`.
/// Thread: any; one read at a time.
template <class Reads>
class TableReader {
 public:
    static Result<std::shared_ptr<TableReader>> open(const std::filesystem::path& file) {
        auto database = Database::open(file);
        if (!database) return database.error();
        auto reader = std::make_shared<TableReader>(std::move(*database));
        auto reads = Reads::prepare(reader->database_);
        if (!reads) return reads.error();
        reader->reads_ = std::move(*reads);
        return reader;
    }
    explicit TableReader(Database database) : database_(std::move(database)) {}

    /// `read(Reads&)` with all its statements on one state of the database; blocks.
    template <class Read>
    auto run(Read read) -> std::invoke_result_t<Read&, Reads&> {
        std::lock_guard lock(mutex_);
        if (auto begun = database_.run("BEGIN"); begun.has_error()) return begun.error();
        auto result = read(reads_);
        database_.rollback();
        return result;
    }

 private:
    std::mutex mutex_;
    Database database_;
    Reads reads_;
};

}  // namespace hearth::store
