#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/trigger/delivery.hpp"

namespace hearth::test {

/// Keeps every delivery and answers as it is told. Thread: any.
class FakeDeliverer final : public trigger::Deliverer {
 public:
    Task<invoke::CallAnswer> deliver(trigger::Delivery delivery) override {
        invoke::CallAnswer answer;
        std::chrono::milliseconds pause{0};
        {
            std::lock_guard lock(mutex_);
            answer.status = status_of ? status_of(delivery, kept_.size()) : 200;
            pause = takes;
            kept_.push_back(std::move(delivery));
            changed_.notify_all();
        }
        if (pause.count() > 0) {
            const auto limit = Deadline::after(pause);
            if (!co_await aio::sleep_until(limit))
                answer.error.emplace(Errc::cancelled, "the call was cancelled");
        }
        co_return answer;
    }

    std::vector<trigger::Delivery> all() const {
        std::lock_guard lock(mutex_);
        return kept_;
    }
    /// Blocks; false when there were fewer after twenty seconds.
    bool wait_for_count(std::size_t count) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(20),
                                 [&] { return kept_.size() >= count; });
    }

    /// Status for the delivery and how many came before; set before use.
    std::function<int(const trigger::Delivery&, std::size_t)> status_of;
    std::chrono::milliseconds takes{0};

 private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<trigger::Delivery> kept_;
};

}  // namespace hearth::test
