#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "store/sqlite.hpp"

namespace hearth::store {

struct GroupCommitOptions {
    std::string thread;  ///< the writer thread's name, at most 15 bytes
    std::string prefix;  ///< of its failpoints: PREFIX.before_begin and so on
    std::string series;  ///< of its metrics: SERIES_commits_total and so on
    std::string what;    ///< in messages: "calls"
    /// Writes waiting for the writer; past it: exhausted.
    std::size_t queue = 0;
    /// Writes that share one commit: bounds how long the first of them waits for the others' rows.
    std::size_t group = 256;
};

/// What the writes of one commit have in common. Thread: all on the writer's.
class GroupHooks {
 public:
    virtual ~GroupHooks() = default;
    /// The first write of a group comes next; what the group before left in memory is void.
    virtual void begin() {}
    /// False: the writes came to nothing, so there is nothing to make durable.
    virtual bool changed() const { return true; }
    /// Rows about the group as a whole, after those of its writes.
    virtual Result<void> seal() { return {}; }
    /// The group is durable; its callers are answered next.
    virtual void committed() {}
    /// Changes one row and nothing else, to overwrite a failed commit.
    virtual Result<void> note_undone() = 0;
};

/// Around each write of a group, so that one that fails is undone alone.
class Savepoint {
 public:
    static Result<Savepoint> prepare(Database& database);
    Result<void> open() { return open_.run(); }
    Result<void> close() { return close_.run(); }
    Result<void> undo();

 private:
    Statement open_, close_, undo_;
};

/// The one thread that writes to a database. Writes that wait while a commit is under way share the
/// next one, so that its fsync is paid once for all of them.
/// Owner: whoever has the database, the hooks and what the writes touch; they outlive it.
/// Thread: write from any shard; the rest is the writer's own.
class GroupCommit {
 public:
    GroupCommit(Database& database, Savepoint savepoint, GroupHooks& hooks,
                GroupCommitOptions options, telemetry::Registry& metrics, telemetry::Logger& log);
    ~GroupCommit();  // writes what is queued, then ends
    GroupCommit(const GroupCommit&) = delete;
    GroupCommit& operator=(const GroupCommit&) = delete;

    /// Runs `work()`, returning Result<T>, in the writer's transaction and resumes when what it
    /// wrote is durable. An error of `work` undoes its rows and nothing else.
    /// Errors: exhausted, unavailable, cancelled, those of the commit.
    template <class T, class Work>
    Task<Result<T>> write(Work work) {
        auto executor = co_await aio::net::this_coro::executor;
        auto slot = std::make_shared<aio::OneShot<Result<T>>>(executor);
        auto made = std::make_shared<std::optional<Result<T>>>();
        Job job;
        job.work = [made, work = std::move(work)]() mutable -> Result<void> {
            made->emplace(work());
            if (made->value().has_error()) return made->value().error();
            return {};
        };
        job.done = [made, slot](const Error* failed) {
            slot->deliver(failed ? Result<T>(*failed) : std::move(**made));
        };
        if (auto queued = submit(std::move(job)); queued.has_error()) co_return queued.error();
        auto result = co_await slot->wait(Deadline::never());
        if (!result)
            co_return Error(Errc::cancelled,
                            "the caller went away; the write may or may not have happened", {},
                            "store");
        co_return std::move(*result);
    }

 private:
    struct Job {
        std::function<Result<void>()> work;
        /// Null: durable.
        std::function<void(const Error*)> done;
        std::optional<Error> failed;
    };
    struct Points {
        std::string before_begin, after_apply, before_commit, after_commit;
    };

    Result<void> submit(Job job);
    void loop();
    std::vector<Job> take();
    void process(std::vector<Job>& jobs);
    Result<void> write_group(std::vector<Job>& jobs);
    Result<void> write_one(Job& job);
    Result<void> commit();
    void undo_commit();

    Database& database_;
    Savepoint savepoint_;
    GroupHooks& hooks_;
    const GroupCommitOptions options_;
    const Points points_;
    telemetry::Logger& log_;
    telemetry::Counter& commits_;
    telemetry::Counter& writes_;
    telemetry::Counter& failures_;
    telemetry::Gauge& queued_;
    telemetry::Histogram& commit_seconds_;
    bool commit_failed_ = false;

    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> queue_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace hearth::store
