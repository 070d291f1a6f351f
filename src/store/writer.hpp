#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/catalog/change_log.hpp"
#include "hearth/catalog/plan.hpp"
#include "hearth/catalog/resource_index.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "store/lease_file.hpp"
#include "store/sqlite.hpp"
#include "store/tables.hpp"

namespace hearth::store {

using WriteResult = Result<std::vector<catalog::Change>>;

struct Batch {
    std::vector<catalog::Mutation> mutations;
    std::shared_ptr<aio::OneShot<WriteResult>> answer;
};

/// What the writer changes after a commit, in this order.
struct Outputs {
    LeaseFile& lease;
    catalog::ChangeLog& log;
    catalog::ResourceIndex& index;
    catalog::Subscribers& subscribers;
};

struct WriterMetrics {
    explicit WriterMetrics(telemetry::Registry& registry);
    telemetry::Counter& commits;
    telemetry::Counter& batches;
    telemetry::Counter& changes;
    telemetry::Counter& failures;
    telemetry::Gauge& queued;
    telemetry::Histogram& commit_seconds;
};

/// The one thread that writes. Batches that wait while a commit is under way share the next one, so
/// that its fsync is paid once for all of them. Thread: submit from any; the rest is the writer's
/// own.
class Writer {
 public:
    struct Limits {
        std::size_t queue;
        std::size_t history;
    };
    /// Prepares the statements and starts the thread.
    Writer(std::unique_ptr<Database> database, Tables tables, State state, Limits limits,
           Outputs outputs, telemetry::Registry& metrics, telemetry::Logger& log);
    ~Writer();  // writes what is queued, then ends
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Errors: exhausted, unavailable.
    Result<void> submit(Batch batch);

 private:
    struct Group {
        std::vector<Batch> batches;
        std::vector<WriteResult> results;
        std::vector<catalog::Change> changes;
        State state;
    };

    void loop();
    std::vector<Batch> take();
    void process(std::vector<Batch> batches);
    Result<void> write_group(Group& group);
    WriteResult write_batch(Group& group, catalog::PendingChanges& pending, const Batch& batch);
    Result<void> write_rows(Group& group, const catalog::PendingChanges& pending,
                            const std::vector<catalog::Change>& changes);
    Result<void> commit(Group& group);
    void undo_commit();
    void publish(const Group& group);

    std::unique_ptr<Database> database_;
    Tables tables_;
    State state_;
    const Limits limits_;
    Outputs outputs_;
    WriterMetrics metrics_;
    telemetry::Logger& log_;
    bool commit_failed_ = false;

    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Batch> queue_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace hearth::store
