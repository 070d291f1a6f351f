#include "store/writer.hpp"

#include <pthread.h>

#include <chrono>
#include <exception>

#include "hearth/base/clock.hpp"
#include "hearth/base/failpoint.hpp"

namespace hearth::store {
namespace {

/// Batches that share one commit: bounds how long the first of them waits for the others' rows.
constexpr std::size_t kGroup = 256;

using catalog::Change;

}  // namespace

WriterMetrics::WriterMetrics(telemetry::Registry& registry)
    : commits(registry.counter("hearth_store_commits_total", "Commits, one fsync each.")),
      batches(registry.counter("hearth_store_batches_total", "Write batches answered.")),
      changes(registry.counter("hearth_store_changes_total", "Objects changed durably.")),
      failures(registry.counter("hearth_store_failures_total",
                                "Commits that failed, for example on a full disk.")),
      queued(registry.gauge("hearth_store_queue_batches", "Batches waiting for the writer.")),
      commit_seconds(registry.histogram("hearth_store_commit_seconds",
                                        "From the first row of a commit to its fsync's end.")) {}

Writer::Writer(std::unique_ptr<Database> database, Tables tables, State state, Limits limits,
               Outputs outputs, telemetry::Registry& metrics, telemetry::Logger& log)
    : database_(std::move(database)),
      tables_(std::move(tables)),
      state_(state),
      limits_(limits),
      outputs_(outputs),
      metrics_(metrics),
      log_(log) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "store-writer");
        loop();
    });
}

Writer::~Writer() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_one();
    thread_.join();
}

Result<void> Writer::submit(Batch batch) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return Error(Errc::unavailable, "the daemon is stopping", {}, "store");
        if (queue_.size() >= limits_.queue) {
            return Error(Errc::exhausted, "too many writes are waiting; try again in a moment", {},
                         "store");
        }
        queue_.push_back(std::move(batch));
        metrics_.queued.set(static_cast<std::int64_t>(queue_.size()));
    }
    ready_.notify_one();
    return {};
}

std::vector<Batch> Writer::take() {
    std::vector<Batch> batches;
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    while (!queue_.empty() && batches.size() < kGroup) {
        batches.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    metrics_.queued.set(static_cast<std::int64_t>(queue_.size()));
    return batches;
}

void Writer::loop() {
    for (;;) {
        std::vector<Batch> batches = take();
        if (batches.empty()) return;
        process(std::move(batches));
    }
}

void Writer::process(std::vector<Batch> batches) {
    Group group;
    group.batches = std::move(batches);
    group.state = state_;
    Result<void> done;
    try {
        done = write_group(group);
    } catch (const std::exception& thrown) {
        done =
            Error(Errc::internal, std::string("the store failed: ") + thrown.what(), {}, "store");
    }
    if (done.has_error()) {
        database_->rollback();
        if (commit_failed_) undo_commit();
        metrics_.failures.add();
        log_.log(telemetry::Level::error, "store", "a commit failed; nothing of it is kept",
                 {{telemetry::kErr, done.error().message}});
        // Every batch was planned on the ones before it, so none of their outcomes stands.
        for (WriteResult& result : group.results) result = done.error();
        group.results.resize(group.batches.size(), WriteResult(done.error()));
    } else if (!group.changes.empty()) {
        state_ = group.state;
        publish(group);
    }
    metrics_.batches.add(group.batches.size());
    for (std::size_t i = 0; i < group.batches.size(); ++i) {
        group.batches[i].answer->deliver(std::move(group.results[i]));
    }
}

Result<void> Writer::write_group(Group& group) {
    const auto started = std::chrono::steady_clock::now();
    catalog::PendingChanges pending(
        [this](model::Kind kind, std::string_view ns, std::string_view name) {
            return outputs_.index.find(kind, ns, name);
        });
    for (const Batch& batch : group.batches) {
        auto result = write_batch(group, pending, batch);
        // Inside a transaction SQLite may have to roll all of it back, a full disk for one.
        if (result.has_error() && !group.changes.empty() && !database_->in_transaction()) {
            return result.error();
        }
        if (result.has_error() && result.error().component == "store") metrics_.failures.add();
        group.results.push_back(std::move(result));
    }
    if (group.changes.empty()) {
        database_->rollback();
        return {};
    }
    if (auto hit = base::failpoint("store.after_apply"); hit.has_error()) return hit;
    if (auto done = commit(group); done.has_error()) return done;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    metrics_.commit_seconds.observe(took.count());
    return {};
}

WriteResult Writer::write_batch(Group& group, catalog::PendingChanges& pending,
                                const Batch& batch) {
    const catalog::Lookup present = [&](model::Kind kind, std::string_view ns,
                                        std::string_view name) {
        return pending.find(kind, ns, name);
    };
    auto changes = catalog::plan_changes(batch.mutations, present, group.state.revision + 1,
                                         base::to_rfc3339(std::chrono::system_clock::now()));
    if (!changes || changes->empty()) return changes;
    if (!database_->in_transaction()) {
        if (auto hit = base::failpoint("store.before_begin"); hit.has_error()) return hit.error();
        if (auto begun = database_->run("BEGIN IMMEDIATE"); begun.has_error()) return begun.error();
    }
    if (auto point = database_->run("SAVEPOINT batch"); point.has_error()) return point.error();
    const State before = group.state;
    auto written = write_rows(group, pending, *changes);
    if (written.has_value()) written = database_->run("RELEASE batch");
    if (written.has_error()) {
        group.state = before;
        if (database_->in_transaction()) {
            auto undone = database_->run("ROLLBACK TO batch");
            if (undone.has_value()) undone = database_->run("RELEASE batch");
            if (undone.has_error()) database_->rollback();
        }
        return written.error();
    }
    pending.add(*changes);
    group.changes.insert(group.changes.end(), changes->begin(), changes->end());
    return changes;
}

Result<void> Writer::write_rows(Group& group, const catalog::PendingChanges& pending,
                                const std::vector<Change>& changes) {
    // A batch may change an object twice, so what is replaced is looked up change by change.
    catalog::PendingChanges state(
        [&](model::Kind kind, std::string_view ns, std::string_view name) {
            return pending.find(kind, ns, name);
        });
    for (const Change& change : changes) {
        const catalog::Record& record = *change.record;
        const auto before = state.find(record.kind, record.metadata.ns, record.metadata.name);
        if (auto done = tables_.write(change, before, group.state); done.has_error()) return done;
        state.add(change);
    }
    return {};
}

Result<void> Writer::commit(Group& group) {
    const auto keep = static_cast<std::int64_t>(std::max<std::size_t>(limits_.history, 1));
    const std::int64_t floor = group.state.revision - keep;
    if (floor > group.state.history_floor) {
        if (auto done = tables_.forget_history(floor); done.has_error()) return done;
        group.state.history_floor = floor;
    }
    if (auto done = tables_.save_state(group.state); done.has_error()) return done;
    if (auto hit = base::failpoint("store.before_commit"); hit.has_error()) return hit;
    if (auto done = database_->run("COMMIT"); done.has_error()) {
        commit_failed_ = true;
        return done;
    }
    commit_failed_ = false;
    metrics_.commits.add();
    metrics_.changes.add(group.changes.size());
    // Durable from here on: only `kill` and `sleep` make sense at this point, an error would be a
    // lie.
    [[maybe_unused]] const auto ignored = base::failpoint("store.after_commit");
    return {};
}

/// A commit whose fsync failed has its frames in the WAL all the same, and a crash now would bring
/// back what was reported as failed. The next commit overwrites them; this is one that changes
/// nothing else.
void Writer::undo_commit() {
    State state = state_;
    ++state.undone_commits;
    auto done = database_->run("BEGIN IMMEDIATE");
    if (done.has_value()) done = tables_.save_state(state);
    if (done.has_value()) done = database_->run("COMMIT");
    if (done.has_error()) {
        database_->rollback();
        log_.log(telemetry::Level::warn, "store",
                 "the failed commit could not be erased; the next write does it",
                 {{telemetry::kErr, done.error().message}});
        return;
    }
    commit_failed_ = false;
    state_ = state;
}

void Writer::publish(const Group& group) {
    outputs_.lease.acknowledge(group.state.revision);
    outputs_.log.append(group.changes);
    outputs_.index.apply(group.changes);
    outputs_.subscribers.notify(group.changes);
}

}  // namespace hearth::store
