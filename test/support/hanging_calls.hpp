#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "hearth/aio/one_shot.hpp"

namespace hearth::test {

/// Calls that hang until their deadline, or until all are let go. Thread: any.
class HangingCalls {
 public:
    /// False when the deadline came first.
    Task<bool> wait(Deadline deadline) {
        const auto executor = co_await aio::net::this_coro::executor;
        auto gate = std::make_shared<aio::OneShot<bool>>(executor);
        {
            std::lock_guard lock(mutex_);
            gates_.push_back(gate);
        }
        auto released = co_await gate->wait(deadline);
        co_return released.has_value();
    }
    std::size_t size() const {
        std::lock_guard lock(mutex_);
        return gates_.size();
    }
    void let_go() {
        std::vector<std::shared_ptr<aio::OneShot<bool>>> gates;
        {
            std::lock_guard lock(mutex_);
            gates.swap(gates_);
        }
        for (auto& gate : gates) gate->deliver(true);
    }

 private:
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<aio::OneShot<bool>>> gates_;
};

}  // namespace hearth::test
