#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "store/group_commit.hpp"
#include "store/migrations.hpp"

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

// Rows that retention removes in one transaction, so that others are not kept waiting for long.
inline constexpr std::int64_t kDropAtOnce = 500;

/// Opens `file`, brings it up to date and gives its writer; `table` is named where it is damaged.
/// Blocks. Errors: those of Database::open and migrate, damage.
template <class Tables>
Result<std::unique_ptr<TableWriter<Tables>>> open_table_writer(
    const std::filesystem::path& file, std::string_view table,
    std::span<const std::string_view> steps, GroupCommitOptions commits,
    telemetry::Registry& metrics, telemetry::Logger& log) {
    const auto known = [&](const Error& error) {
        return is_damage(error) ? damaged(file, table, error.message) : error;
    };
    auto opened = Database::open(file);
    if (!opened) return known(opened.error());
    auto database = std::make_unique<Database>(std::move(*opened));
    if (auto done = migrate(*database, steps); done.has_error()) return known(done.error());
    auto tables = Tables::prepare(*database);
    if (!tables) return known(tables.error());
    auto savepoint = Savepoint::prepare(*database);
    if (!savepoint) return known(savepoint.error());
    return std::make_unique<TableWriter<Tables>>(std::move(database), std::move(*tables),
                                                 std::move(*savepoint), std::move(commits), metrics,
                                                 log);
}

}  // namespace hearth::store
