#pragma once

#include <vector>

#include "hearth/catalog/run_journal.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {

/// What is read of workflow runs. Thread: that of the database.
class RunReads {
 public:
    static Result<RunReads> prepare(Database& database);

    /// Errors: not_found.
    Result<catalog::RunRow> find(const std::string& id);
    Result<catalog::RunLog> read(const std::string& id);
    Result<std::string> value(std::int64_t seq, const std::string& digest);
    Result<std::vector<catalog::RunRow>> list(const catalog::RunQuery& query);
    Result<std::vector<catalog::RunRow>> unfinished();

 private:
    Statement find_, events_, value_, list_, list_workflow_, list_phase_, unfinished_;
};

/// What is written of them; the caller holds a transaction. Thread: that of the database.
class RunTables {
 public:
    static Result<RunTables> prepare(Database& database);

    Result<catalog::AcceptedRun> create(const catalog::NewRun& run);
    /// Errors: not_found, conflict.
    Result<void> append(const catalog::RunAppend& append);
    Result<void> remove(const std::string& id);
    /// Some of those that go; 0: none are left.
    Result<std::size_t> trim(const catalog::RunRetention& retention);
    /// A commit that changes nothing else, to overwrite one that failed.
    Result<void> note_undone();

 private:
    Result<void> put_events(std::int64_t seq, std::int64_t first,
                            const std::vector<catalog::RunEvent>& events);
    Result<void> put_values(std::int64_t seq, const std::vector<catalog::RunValue>& values);

    std::int64_t last_ = 0;
    Statement find_key_, add_run_, has_event_, add_event_, add_value_, settle_, state_of_, remove_,
        drop_old_, drop_excess_, drop_old_of_, drop_excess_of_, undone_;
};

}  // namespace hearth::store
