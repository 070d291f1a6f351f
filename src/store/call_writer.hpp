#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "store/call_tables.hpp"

namespace hearth::store {

/// The one thread that writes queued calls. Writes that wait while a commit is under way share the
/// next one, so that its fsync is paid once for all of them.
/// Thread: write from any shard; the rest is the writer's own.
class CallWriter {
 public:
    CallWriter(std::unique_ptr<Database> database, CallTables tables, std::size_t queue,
               telemetry::Registry& metrics, telemetry::Logger& log);
    ~CallWriter();  // writes what is queued, then ends
    CallWriter(const CallWriter&) = delete;
    CallWriter& operator=(const CallWriter&) = delete;

    /// Runs `work(CallTables&)`, returning Result<T>, and resumes when what it wrote is durable.
    /// An error of `work` undoes what it did and nothing else. Errors: exhausted, unavailable,
    /// those of the commit.
    template <class T, class Work>
    Task<Result<T>> write(Work work) {
        auto executor = co_await aio::net::this_coro::executor;
        auto slot = std::make_shared<aio::OneShot<Result<T>>>(executor);
        auto made = std::make_shared<std::optional<Result<T>>>();
        Job job;
        job.work = [made, work = std::move(work)](CallTables& tables) -> Result<void> {
            made->emplace(work(tables));
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
        std::function<Result<void>(CallTables&)> work;
        /// Null: durable.
        std::function<void(const Error*)> done;
        std::optional<Error> failed;
    };

    Result<void> submit(Job job);
    void loop();
    std::vector<Job> take();
    void process(std::vector<Job>& jobs);
    Result<void> write_group(std::vector<Job>& jobs);
    Result<void> write_one(Job& job);
    void undo_commit();

    std::unique_ptr<Database> database_;
    CallTables tables_;
    const std::size_t capacity_;
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
