#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <mutex>
#include <optional>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"

namespace hearth::aio {

/// A value handed once from any thread to one waiting coroutine.
/// Lifetime: keep it in a shared_ptr that both sides hold; it may outlive the loop, because the timer is the waiter's own.
/// Thread: deliver from any; wait on the waiter's shard.
template <class T>
class OneShot : public std::enable_shared_from_this<OneShot<T>> {
  public:
    explicit OneShot(Executor executor) : executor_(executor) {}

    /// The value, or nothing when the deadline passed or the waiter was cancelled. Call once.
    /// After nothing was returned, deliver() returns false.
    Task<std::optional<T>> wait(Deadline deadline) {
        auto self = this->shared_from_this();
        const auto asked_to_end = co_await net::this_coro::cancellation_state;
        Timer timer(executor_);
        {
            std::lock_guard lock(mutex_);
            // A signal that came while nothing was waited for would not end this wait.
            if (value_ || asked_to_end.cancelled() != net::cancellation_type::none) {
                closed_ = true;
                co_return std::move(value_);
            }
            timer.expires_at(deadline.at());
            timer_ = &timer;
        }
        co_await timer.async_wait(use_task);
        std::lock_guard lock(mutex_);
        timer_ = nullptr;
        closed_ = true;
        co_return std::move(value_);
    }

    /// True when the waiter will get, or has got, this value.
    bool deliver(T value) {
        std::lock_guard lock(mutex_);
        if (closed_ || value_) return false;
        value_.emplace(std::move(value));
        if (timer_ != nullptr) {
            auto self = this->shared_from_this();
            net::post(executor_, [self] { self->wake(); });
        }
        return true;
    }

  private:
    using Timer = net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>,
                                            Executor>;

    /// On the waiter's shard: the timer belongs to the coroutine that waits there.
    void wake() {
        std::lock_guard lock(mutex_);
        if (timer_ != nullptr) timer_->cancel();
    }

    Executor executor_;
    std::mutex mutex_;
    std::optional<T> value_;
    Timer* timer_ = nullptr;
    bool closed_ = false;
};

/// Suspends until `deadline` or cancellation; false when cancelled, also when the signal came before
/// the wait or while its end was on the way.
Task<bool> sleep_until(Deadline deadline);

}  // namespace hearth::aio
