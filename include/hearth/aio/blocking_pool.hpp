#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/base/result.hpp"

namespace hearth::aio {

/// Fixed threads with a bounded queue for work that blocks: SQLite reads, hashing, extraction, DNS, spawning.
/// Thread: any. Owner: the composition root; outlives every user.
class BlockingPool {
  public:
    BlockingPool(std::size_t threads, std::size_t queue_capacity);
    ~BlockingPool();  // finishes what is queued, then joins
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;

    /// Runs `work` (returning Result<X>) on a pool thread and resumes on the caller's shard.
    /// Name the callable before the co_await: `auto work = [..]{..}; auto r = co_await pool.run(std::move(work));`
    /// Errors: exhausted when the queue is full, unavailable after stop(); else what `work` returns. `work`
    /// runs to its end even when the awaiting coroutine is cancelled, so it owns what it captures.
    template <class F>
    auto run(F work) -> Task<std::invoke_result_t<F&>> {
        using R = std::invoke_result_t<F&>;
        auto executor = co_await net::this_coro::executor;
        auto slot = std::make_shared<OneShot<R>>(executor);
        auto holder = std::make_shared<F>(std::move(work));
        std::function<void()> job = [slot, holder] { slot->deliver((*holder)()); };
        if (auto refused = submit(std::move(job)); refused.has_error()) co_return R(refused.error());
        auto answer = co_await slot->wait(Deadline::never());
        if (!answer) co_return R(Error(Errc::cancelled, "the caller was cancelled"));
        co_return std::move(*answer);
    }

    /// Queues work nobody waits for. Errors: exhausted, unavailable.
    Result<void> submit(std::function<void()> job);
    void stop();
    std::size_t queued() const;

  private:
    void work_loop();

    mutable std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> queue_;
    std::size_t capacity_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace hearth::aio
