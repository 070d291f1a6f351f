#pragma once

#include <memory>
#include <vector>

#include "hearth/catalog/change_log.hpp"
#include "hearth/catalog/plan.hpp"
#include "hearth/catalog/resource_index.hpp"
#include "store/group_commit.hpp"
#include "store/lease_file.hpp"
#include "store/tables.hpp"

namespace hearth::store {

using WriteResult = Result<std::vector<catalog::Change>>;

/// What the writer changes after a commit, in this order.
struct Outputs {
    LeaseFile& lease;
    catalog::ChangeLog& log;
    catalog::ResourceIndex& index;
    catalog::Subscribers& subscribers;
};

/// The writer of specs: plans each batch on what is there and on the batches before it, and after
/// the commit makes memory follow. Thread: write from any shard; the rest is the writer thread's
/// own.
class Writer final : private GroupHooks {
 public:
    struct Limits {
        std::size_t queue;
        std::size_t history;
    };
    Writer(std::unique_ptr<Database> database, Tables tables, Savepoint savepoint, State state,
           Limits limits, Outputs outputs, telemetry::Registry& metrics, telemetry::Logger& log);

    /// Resumes when the changes are durable and in memory. Errors: those of catalog::plan_changes
    /// and of GroupCommit::write.
    Task<WriteResult> write(std::vector<catalog::Mutation> mutations);

 private:
    /// What the batches of one commit made so far.
    struct Group {
        State state;
        std::vector<catalog::Change> changes;
        catalog::PendingChanges pending;
    };

    void begin() override;
    bool changed() const override { return !group_.changes.empty(); }
    Result<void> seal() override;
    void committed() override;
    Result<void> note_undone() override;

    Group new_group() const;
    WriteResult write_batch(const std::vector<catalog::Mutation>& mutations);
    Result<void> write_rows(const std::vector<catalog::Change>& changes);

    std::unique_ptr<Database> database_;
    Tables tables_;
    State state_;
    const std::size_t history_;
    Outputs outputs_;
    Group group_;
    telemetry::Counter& changes_;
    GroupCommit commits_;  // last: it writes to all of the above until it is gone
};

}  // namespace hearth::store
