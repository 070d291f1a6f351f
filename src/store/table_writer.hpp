#pragma once

#include <memory>

#include "store/group_commit.hpp"

namespace hearth::store {

/// The writer of a file whose rows need nothing but a transaction: `Tables` has what is written,
/// and `Result<void> note_undone()`, a change of one row and nothing else. Thread: write from any
/// shard; the tables are the writer thread's own.
template <class Tables>
class TableWriter final : private GroupHooks {
 public:
    TableWriter(std::unique_ptr<Database> database, Tables tables, Savepoint savepoint,
                GroupCommitOptions options, telemetry::Registry& metrics, telemetry::Logger& log)
        : database_(std::move(database)),
          tables_(std::move(tables)),
          commits_(*database_, std::move(savepoint), *this, std::move(options), metrics, log) {}

    /// Runs `work(Tables&)`, returning Result<T>, and resumes when what it wrote is durable.
    /// Errors: those of GroupCommit::write.
    template <class T, class Work>
    Task<Result<T>> write(Work work) {
        auto bound = [this, work = std::move(work)] { return work(tables_); };
        return commits_.template write<T>(std::move(bound));
    }

 private:
    Result<void> note_undone() override { return tables_.note_undone(); }

    std::unique_ptr<Database> database_;
    Tables tables_;
    GroupCommit commits_;  // last: it writes to both until it is gone
};

}  // namespace hearth::store
