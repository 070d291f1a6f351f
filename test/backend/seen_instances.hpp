#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "hearth/backend/backend.hpp"

namespace hearth::test {

/// What a backend tells of its instances. Outlives it. Thread: any.
class SeenInstances {
 public:
    explicit SeenInstances(std::chrono::seconds patience) : patience_(patience) {}

    void watch(backend::Backend& backend) {
        backend.on_exit([this](const backend::InstanceExit& exit) {
            std::lock_guard lock(mutex_);
            exits_[exit.id] = exit;
            changed_.notify_all();
        });
        backend.on_found([this](const backend::FoundInstance& instance) {
            std::lock_guard lock(mutex_);
            found_.push_back(instance);
            changed_.notify_all();
        });
    }
    std::optional<backend::InstanceExit> wait_exit(std::uint64_t id) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience_, [&] { return exits_.contains(id); });
        return exits_.contains(id) ? std::optional(exits_[id]) : std::nullopt;
    }
    bool exited(std::uint64_t id) {
        std::lock_guard lock(mutex_);
        return exits_.contains(id);
    }
    std::vector<backend::FoundInstance> wait_found(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience_, [&] { return found_.size() >= count; });
        return found_;
    }
    /// The same, and the next call waits for others.
    std::vector<backend::FoundInstance> take_found(std::size_t count) {
        (void)wait_found(count);
        std::lock_guard lock(mutex_);
        return std::exchange(found_, {});
    }
    /// False when it has not come true in time.
    bool until(const std::function<bool()>& holds) {
        const auto limit = std::chrono::steady_clock::now() + patience_;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > limit) return false;
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, std::chrono::milliseconds(5));
        }
        return true;
    }

 private:
    const std::chrono::seconds patience_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, backend::InstanceExit> exits_;
    std::vector<backend::FoundInstance> found_;
};

}  // namespace hearth::test
