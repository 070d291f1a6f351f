#include "store/writer.hpp"

#include <algorithm>
#include <chrono>

#include "hearth/base/clock.hpp"

namespace hearth::store {
namespace {

using catalog::Change;

GroupCommitOptions commit_options(std::size_t queue) {
    GroupCommitOptions options;
    options.thread = "store-writer";
    options.prefix = "store";
    options.series = "hearth_store";
    options.what = "specs";
    options.queue = queue;
    return options;
}

}  // namespace

Writer::Writer(std::unique_ptr<Database> database, Tables tables, Savepoint savepoint, State state,
               Limits limits, Outputs outputs, telemetry::Registry& metrics, telemetry::Logger& log)
    : database_(std::move(database)),
      tables_(std::move(tables)),
      state_(state),
      history_(std::max<std::size_t>(limits.history, 1)),
      outputs_(outputs),
      group_(new_group()),
      changes_(metrics.counter("hearth_store_changes_total", "Objects changed durably.")),
      commits_(*database_, std::move(savepoint), *this, commit_options(limits.queue), metrics,
               log) {}

Task<WriteResult> Writer::write(std::vector<catalog::Mutation> mutations) {
    auto work = [this, mutations = std::move(mutations)] { return write_batch(mutations); };
    return commits_.write<std::vector<Change>>(std::move(work));
}

Writer::Group Writer::new_group() const {
    catalog::PendingChanges pending(
        [this](model::Kind kind, std::string_view ns, std::string_view name) {
            return outputs_.index.find(kind, ns, name);
        });
    return Group{state_, {}, std::move(pending)};
}

void Writer::begin() {
    group_ = new_group();
}

WriteResult Writer::write_batch(const std::vector<catalog::Mutation>& mutations) {
    const catalog::Lookup present = [&](model::Kind kind, std::string_view ns,
                                        std::string_view name) {
        return group_.pending.find(kind, ns, name);
    };
    auto changes = catalog::plan_changes(mutations, present, group_.state.revision + 1,
                                         base::to_rfc3339(std::chrono::system_clock::now()));
    if (!changes || changes->empty()) return changes;
    const State before = group_.state;
    if (auto written = write_rows(*changes); written.has_error()) {
        group_.state = before;
        return written.error();
    }
    group_.pending.add(*changes);
    group_.changes.insert(group_.changes.end(), changes->begin(), changes->end());
    return changes;
}

Result<void> Writer::write_rows(const std::vector<Change>& changes) {
    // A batch may change an object twice, so what is replaced is looked up change by change.
    catalog::PendingChanges state(
        [&](model::Kind kind, std::string_view ns, std::string_view name) {
            return group_.pending.find(kind, ns, name);
        });
    for (const Change& change : changes) {
        const catalog::Record& record = *change.record;
        const auto before = state.find(record.kind, record.metadata.ns, record.metadata.name);
        if (auto done = tables_.write(change, before, group_.state); done.has_error()) return done;
        state.add(change);
    }
    return {};
}

Result<void> Writer::seal() {
    const std::int64_t floor = group_.state.revision - static_cast<std::int64_t>(history_);
    if (floor > group_.state.history_floor) {
        if (auto done = tables_.forget_history(floor); done.has_error()) return done;
        group_.state.history_floor = floor;
    }
    return tables_.save_state(group_.state);
}

void Writer::committed() {
    state_ = group_.state;
    changes_.add(group_.changes.size());
    outputs_.lease.acknowledge(state_.revision);
    outputs_.log.append(group_.changes);
    outputs_.index.apply(group_.changes);
    outputs_.subscribers.notify(group_.changes);
}

Result<void> Writer::note_undone() {
    ++state_.undone_commits;
    return tables_.save_state(state_);
}

}  // namespace hearth::store
