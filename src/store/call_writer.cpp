#include "store/call_writer.hpp"

#include <pthread.h>

#include <chrono>
#include <exception>

#include "hearth/base/failpoint.hpp"

namespace hearth::store {
namespace {

/// Writes that share one commit: bounds how long the first of them waits for the others' rows.
constexpr std::size_t kGroup = 512;

}  // namespace

CallWriter::CallWriter(std::unique_ptr<Database> database, CallTables tables, std::size_t queue,
                       telemetry::Registry& metrics, telemetry::Logger& log)
    : database_(std::move(database)),
      tables_(std::move(tables)),
      capacity_(queue),
      log_(log),
      commits_(metrics.counter("hearth_call_store_commits_total",
                               "Commits of queued calls, one fsync each.")),
      writes_(metrics.counter("hearth_call_store_writes_total", "Writes of queued calls.")),
      failures_(metrics.counter("hearth_call_store_failures_total",
                                "Commits of queued calls that failed.")),
      queued_(metrics.gauge("hearth_call_store_queue", "Writes waiting for the writer.")),
      commit_seconds_(metrics.histogram("hearth_call_store_commit_seconds",
                                        "From the first row of a commit to its fsync's end.")) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "call-writer");
        loop();
    });
}

CallWriter::~CallWriter() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_one();
    thread_.join();
}

Result<void> CallWriter::submit(Job job) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return Error(Errc::unavailable, "the daemon is stopping", {}, "store");
        if (queue_.size() >= capacity_)
            return Error(Errc::exhausted, "too many calls are being stored; try again in a moment",
                         {}, "store");
        queue_.push_back(std::move(job));
        queued_.set(static_cast<std::int64_t>(queue_.size()));
    }
    ready_.notify_one();
    return {};
}

std::vector<CallWriter::Job> CallWriter::take() {
    std::vector<Job> jobs;
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    while (!queue_.empty() && jobs.size() < kGroup) {
        jobs.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    queued_.set(static_cast<std::int64_t>(queue_.size()));
    return jobs;
}

void CallWriter::loop() {
    for (;;) {
        auto jobs = take();
        if (jobs.empty()) return;
        process(jobs);
    }
}

void CallWriter::process(std::vector<Job>& jobs) {
    Result<void> done;
    try {
        done = write_group(jobs);
    } catch (const std::exception& thrown) {
        done =
            Error(Errc::internal, std::string("the store failed: ") + thrown.what(), {}, "store");
    }
    std::optional<Error> lost;
    if (done.has_error()) {
        lost = done.error();
        database_->rollback();
        if (commit_failed_) undo_commit();
        failures_.add();
        log_.log(telemetry::Level::error, "store",
                 "a commit of queued calls failed; nothing of it is kept",
                 {{telemetry::kErr, lost->message}});
    }
    writes_.add(jobs.size());
    for (auto& job : jobs) {
        const auto& failed = job.failed ? job.failed : lost;
        job.done(failed ? &*failed : nullptr);
    }
}

Result<void> CallWriter::write_group(std::vector<Job>& jobs) {
    const auto started = std::chrono::steady_clock::now();
    if (auto hit = base::failpoint("calls.before_begin"); hit.has_error()) return hit;
    if (auto begun = database_->run("BEGIN IMMEDIATE"); begun.has_error()) return begun;
    for (auto& job : jobs) {
        if (auto written = write_one(job); written.has_error()) return written;
    }
    if (auto hit = base::failpoint("calls.before_commit"); hit.has_error()) return hit;
    if (auto done = database_->run("COMMIT"); done.has_error()) {
        commit_failed_ = true;
        return done;
    }
    commit_failed_ = false;
    commits_.add();
    // Durable from here on: only `kill` and `sleep` make sense at this point, an error would be a
    // lie.
    [[maybe_unused]] const auto ignored = base::failpoint("calls.after_commit");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    commit_seconds_.observe(took.count());
    return {};
}

/// An error means that the whole group is lost; that of the job alone is kept in it.
Result<void> CallWriter::write_one(Job& job) {
    if (auto point = tables_.open_savepoint(); point.has_error()) return point;
    auto done = job.work(tables_);
    if (done.has_error()) {
        // Inside a transaction SQLite may have to roll all of it back, a full disk for one.
        if (!database_->in_transaction()) return done;
        job.failed = done.error();
        if (auto undone = tables_.undo_to_savepoint(); undone.has_error()) return undone;
    }
    return tables_.close_savepoint();
}

/// A commit whose fsync failed has its frames in the WAL all the same, and a crash now would bring
/// back what was reported as failed. The next commit overwrites them; this is one that changes
/// nothing else.
void CallWriter::undo_commit() {
    auto done = database_->run("BEGIN IMMEDIATE");
    if (done.has_value()) done = tables_.note_undone();
    if (done.has_value()) done = database_->run("COMMIT");
    if (done.has_error()) {
        database_->rollback();
        log_.log(telemetry::Level::warn, "store",
                 "the failed commit could not be erased; the next write does it",
                 {{telemetry::kErr, done.error().message}});
        return;
    }
    commit_failed_ = false;
}

}  // namespace hearth::store
