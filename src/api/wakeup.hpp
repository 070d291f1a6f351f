#pragma once

#include <memory>
#include <mutex>

#include "hearth/aio/one_shot.hpp"

namespace hearth::api {

/// Wakes one coroutine from any thread, again and again; what comes while nobody waits is kept.
/// Lifetime: in a shared_ptr that both sides hold.
class Wakeup {
 public:
    /// Thread: any.
    void notify() {
        std::lock_guard lock(mutex_);
        if (waiter_ && waiter_->deliver(true)) {
            waiter_.reset();
            return;
        }
        pending_ = true;
    }

    /// True when notified, false when the deadline passed or the waiter was cancelled. Thread: the
    /// one waiter's shard.
    static Task<bool> wait(std::shared_ptr<Wakeup> self, Deadline deadline) {
        auto executor = co_await aio::net::this_coro::executor;
        std::shared_ptr<aio::OneShot<bool>> slot;
        {
            std::lock_guard lock(self->mutex_);
            if (self->pending_) {
                self->pending_ = false;
                co_return true;
            }
            slot = std::make_shared<aio::OneShot<bool>>(executor);
            self->waiter_ = slot;
        }
        const auto woken = co_await slot->wait(deadline);
        std::lock_guard lock(self->mutex_);
        self->waiter_.reset();
        co_return woken.has_value();
    }

 private:
    std::mutex mutex_;
    std::shared_ptr<aio::OneShot<bool>> waiter_;
    bool pending_ = false;
};

}  // namespace hearth::api
