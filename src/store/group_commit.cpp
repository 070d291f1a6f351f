#include "store/group_commit.hpp"

#include <pthread.h>

#include <chrono>
#include <exception>

#include "hearth/base/failpoint.hpp"

namespace hearth::store {

Result<Savepoint> Savepoint::prepare(Database& database) {
    Savepoint savepoint;
    struct Text {
        Statement& statement;
        const char* sql;
    };
    const Text texts[] = {{savepoint.open_, "SAVEPOINT one"},
                          {savepoint.close_, "RELEASE one"},
                          {savepoint.undo_, "ROLLBACK TO one"}};
    for (const auto& text : texts) {
        auto made = database.prepare(text.sql);
        if (!made) return made.error();
        text.statement = std::move(*made);
    }
    return savepoint;
}

Result<void> Savepoint::undo() {
    if (auto undone = undo_.run(); undone.has_error()) return undone;
    return close_.run();
}

GroupCommit::GroupCommit(Database& database, Savepoint savepoint, GroupHooks& hooks,
                         GroupCommitOptions options, telemetry::Registry& metrics,
                         telemetry::Logger& log)
    : database_(database),
      savepoint_(std::move(savepoint)),
      hooks_(hooks),
      options_(std::move(options)),
      points_{options_.prefix + ".before_begin", options_.prefix + ".after_apply",
              options_.prefix + ".before_commit", options_.prefix + ".after_commit"},
      log_(log),
      commits_(metrics.counter(options_.series + "_commits_total",
                               "Commits of " + options_.what + ", one fsync each.")),
      writes_(metrics.counter(options_.series + "_writes_total",
                              "Writes of " + options_.what + " that were answered.")),
      failures_(metrics.counter(
          options_.series + "_failures_total",
          "Writes and commits of " + options_.what + " that failed, for example on a full disk.")),
      queued_(metrics.gauge(options_.series + "_queue",
                            "Writes of " + options_.what + " waiting for the writer.")),
      commit_seconds_(metrics.histogram(options_.series + "_commit_seconds",
                                        "From the first row of a commit to its fsync's end.")) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), options_.thread.c_str());
        loop();
    });
}

GroupCommit::~GroupCommit() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_one();
    thread_.join();
}

Result<void> GroupCommit::submit(Job job) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return Error(Errc::unavailable, "the daemon is stopping", {}, "store");
        if (queue_.size() >= options_.queue)
            return Error(
                Errc::exhausted,
                "too many writes of " + options_.what + " are waiting; try again in a moment", {},
                "store");
        queue_.push_back(std::move(job));
        queued_.set(static_cast<std::int64_t>(queue_.size()));
    }
    ready_.notify_one();
    return {};
}

std::vector<GroupCommit::Job> GroupCommit::take() {
    std::vector<Job> jobs;
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    while (!queue_.empty() && jobs.size() < options_.group) {
        jobs.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    queued_.set(static_cast<std::int64_t>(queue_.size()));
    return jobs;
}

void GroupCommit::loop() {
    for (;;) {
        auto jobs = take();
        if (jobs.empty()) return;
        process(jobs);
    }
}

void GroupCommit::process(std::vector<Job>& jobs) {
    Result<void> done;
    try {
        done = write_group(jobs);
    } catch (const std::exception& thrown) {
        done =
            Error(Errc::internal, std::string("the store failed: ") + thrown.what(), {}, "store");
    }
    if (done.has_error()) {
        database_.rollback();
        if (commit_failed_) undo_commit();
        failures_.add();
        log_.log(telemetry::Level::error, "store",
                 "a commit of " + options_.what + " failed; nothing of it is kept",
                 {{telemetry::kErr, done.error().message}});
    } else if (hooks_.changed()) {
        hooks_.committed();
    }
    writes_.add(jobs.size());
    for (auto& job : jobs) {
        // A write saw what those before it had written, so with them its own error is void too.
        if (done.has_error()) job.failed = done.error();
        job.done(job.failed ? &*job.failed : nullptr);
    }
}

Result<void> GroupCommit::write_group(std::vector<Job>& jobs) {
    const auto started = std::chrono::steady_clock::now();
    hooks_.begin();
    if (auto hit = base::failpoint(points_.before_begin); hit.has_error()) return hit;
    if (auto begun = database_.run("BEGIN IMMEDIATE"); begun.has_error()) return begun;
    for (auto& job : jobs) {
        if (auto written = write_one(job); written.has_error()) return written;
    }
    if (!hooks_.changed()) {
        database_.rollback();
        return {};
    }
    if (auto hit = base::failpoint(points_.after_apply); hit.has_error()) return hit;
    if (auto done = commit(); done.has_error()) return done;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    commit_seconds_.observe(took.count());
    return {};
}

/// An error means that the whole group is lost; that of the job alone is kept in it.
Result<void> GroupCommit::write_one(Job& job) {
    if (auto point = savepoint_.open(); point.has_error()) return point;
    auto done = job.work();
    if (done.has_value()) return savepoint_.close();
    // Inside a transaction SQLite may have to roll all of it back, a full disk for one.
    if (!database_.in_transaction()) return done;
    if (done.error().component == "store") failures_.add();
    job.failed = done.error();
    return savepoint_.undo();
}

Result<void> GroupCommit::commit() {
    if (auto sealed = hooks_.seal(); sealed.has_error()) return sealed;
    if (auto hit = base::failpoint(points_.before_commit); hit.has_error()) return hit;
    if (auto done = database_.run("COMMIT"); done.has_error()) {
        commit_failed_ = true;
        return done;
    }
    commit_failed_ = false;
    commits_.add();
    // Durable from here on: only `kill` and `sleep` make sense at this point, an error would be a
    // lie.
    [[maybe_unused]] const auto ignored = base::failpoint(points_.after_commit);
    return {};
}

/// A commit whose fsync failed has its frames in the WAL all the same, and a crash now would bring
/// back what was reported as failed. The next commit overwrites them; this is one that changes
/// nothing else.
void GroupCommit::undo_commit() {
    auto done = database_.run("BEGIN IMMEDIATE");
    if (done.has_value()) done = hooks_.note_undone();
    if (done.has_value()) done = database_.run("COMMIT");
    if (done.has_error()) {
        database_.rollback();
        log_.log(telemetry::Level::warn, "store",
                 "the failed commit could not be erased; the next write does it",
                 {{telemetry::kErr, done.error().message}});
        return;
    }
    commit_failed_ = false;
}

}  // namespace hearth::store
