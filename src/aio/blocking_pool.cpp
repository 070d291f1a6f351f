#include "hearth/aio/blocking_pool.hpp"

#include <pthread.h>

namespace hearth::aio {

BlockingPool::BlockingPool(std::size_t threads, std::size_t queue_capacity)
    : capacity_(queue_capacity) {
    for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
        threads_.emplace_back([this] {
            pthread_setname_np(pthread_self(), "blocking");
            work_loop();
        });
    }
}

BlockingPool::~BlockingPool() {
    stop();
}

void BlockingPool::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_all();
    for (auto& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

Result<void> BlockingPool::submit(std::function<void()> job) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return Error(Errc::unavailable, "the daemon is stopping");
        if (queue_.size() >= capacity_) {
            return Error(Errc::exhausted,
                         "too much blocking work is queued; try again in a moment");
        }
        queue_.push_back(std::move(job));
    }
    ready_.notify_one();
    return {};
}

std::size_t BlockingPool::queued() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
}

void BlockingPool::work_loop() {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            job = std::move(queue_.front());
            queue_.pop_front();
        }
        job();
    }
}

}  // namespace hearth::aio
