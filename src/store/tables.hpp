#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/plan.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {

/// The one row about the whole: what must be there when the file is read again.
struct State {
    std::int64_t revision = 0;
    std::int64_t history_floor = 0;  ///< newest revision whose change is no longer kept
    std::int64_t objects = 0;
    std::uint64_t object_sum = 0;  ///< sum of the checksums of all objects, modulo 2^64
    std::int64_t undone_commits = 0;
};

/// The rows behind the catalog.
/// Thread: that of the database. Errors of all: those of Database; a state that is not what was
/// written and rows that are missing are internal, naming their table.
class Tables {
 public:
    static Result<Tables> prepare(Database& database);

    struct Objects {
        std::vector<catalog::RecordPtr> records;  ///< in order of kind text, namespace, name
        std::vector<std::string> lost;            ///< rows of no known kind, a sentence for each
    };
    struct History {
        std::deque<catalog::Change> changes;
        std::int64_t floor = 0;  ///< newest revision whose change cannot be replayed
        std::size_t damaged = 0;
    };
    /// A row that is not what was written is a record with its damage. Missing rows are an error.
    /// Gives `state` the sum of what is there when rows are damaged.
    Result<Objects> load_objects(State& state);
    /// The changes after state.history_floor; `present` gives records to share with. Those up to a
    /// damaged one are left out.
    Result<History> load_history(const State& state, const catalog::Lookup& present);
    Result<State> load_state();

    /// Writes the object and its history row and keeps `state` in step; `before` is what the change
    /// replaces or removes. The caller holds a transaction and saves the state once before the
    /// commit.
    Result<void> write(const catalog::Change& change, const catalog::RecordPtr& before,
                       State& state);
    Result<void> forget_history(std::int64_t through_revision);
    Result<void> save_state(const State& state);

 private:
    explicit Tables(Database& database) : database_(&database) {}

    Database* database_;
    Statement put_object_;
    Statement remove_object_;
    Statement add_history_;
    Statement forget_history_;
    Statement save_state_;
};

}  // namespace hearth::store
