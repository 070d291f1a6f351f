#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "hearth/aio/one_shot.hpp"

namespace hearth::aio {

/// Coroutines that wait for something with a number to happen, at most `most` of them.
/// Owner: who tells; outlives every place. Thread: any; a place belongs to its coroutine's shard.
class Waiters {
 public:
    /// Held by who waits; given back by its end, however that comes. What is told after enter() ends a later wait().
    class Place {
     public:
        Place(Waiters& all, std::int64_t key, Executor executor);
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        /// Until it is told, the deadline, or close(). Call once.
        Task<void> wait(Deadline deadline);

     private:
        friend class Waiters;
        Waiters& all_;
        const std::int64_t key_;
        std::shared_ptr<OneShot<bool>> signal_;
    };

    explicit Waiters(std::size_t most) : most_(most) {}
    /// Null: there are as many as may be, or nobody may wait any more.
    std::unique_ptr<Place> enter(std::int64_t key, Executor executor);
    void tell(std::int64_t key);
    /// Ends every wait; no other begins.
    void close();

 private:
    const std::size_t most_;
    std::mutex mutex_;
    bool closed_ = false;
    std::multimap<std::int64_t, Place*> places_;
};

}  // namespace hearth::aio
