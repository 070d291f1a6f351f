#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "hearth/aio/task.hpp"

namespace hearth::aio {

/// One event loop with its thread. Thread: `executor()` and the counters from any; the rest is Shards' own.
class Shard {
  public:
    explicit Shard(std::size_t index) : index_(index), context_(1) {}
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    std::size_t index() const { return index_; }
    net::io_context& context() { return context_; }
    Executor executor() { return context_.get_executor(); }
    /// How late the loop ran its last probe, in microseconds; probed every 100 ms.
    std::int64_t lag_us() const { return lag_us_.load(std::memory_order_relaxed); }
    /// The worst lag since the last call.
    std::int64_t take_worst_lag_us() { return worst_lag_us_.exchange(0, std::memory_order_relaxed); }

  private:
    friend class Shards;
    void note_lag(std::int64_t us);

    std::size_t index_;
    net::io_context context_;
    std::atomic<std::int64_t> lag_us_{0};
    std::atomic<std::int64_t> worst_lag_us_{0};
    std::thread thread_;
};

/// The daemon's event loops. Owner: the composition root, which stops them last.
class Shards {
  public:
    /// Starts `count` (at least 1) threads at once.
    explicit Shards(std::size_t count);
    ~Shards();  // stops and joins
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    std::size_t size() const { return shards_.size(); }
    Shard& at(std::size_t index) { return *shards_[index]; }
    /// The shard of background work that has no connection.
    Shard& first() { return *shards_.front(); }
    /// Ends the loops and joins their threads. Everything that runs on them must have been joined before.
    void stop();

  private:
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace hearth::aio
