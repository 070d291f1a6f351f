#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hearth/executor/executor.hpp"

namespace hearth::test {

/// An executor that knows which functions exist and has no instance of any. Thread: any.
class FakeExecutor final : public executor::Executor {
 public:
    void add(const std::string& ns, const std::string& name) {
        std::lock_guard lock(mutex_);
        auto& token = functions_[ns + "/" + name];
        token = std::make_shared<std::string>(ns + "/" + name);
    }
    void drop(const std::string& ns, const std::string& name) {
        std::lock_guard lock(mutex_);
        functions_.erase(ns + "/" + name);
    }
    /// "namespace/name" of a slot this executor gave out.
    static std::string name_of(const executor::FunctionSlotPtr& slot) {
        return *reinterpret_cast<const std::string*>(slot.get());
    }
    std::size_t lookups() const {
        std::lock_guard lock(mutex_);
        return lookups_;
    }

    void start() override {}
    executor::FunctionSlotPtr find(std::string_view ns, std::string_view name) override {
        std::lock_guard lock(mutex_);
        ++lookups_;
        const auto found = functions_.find(std::string(ns) + "/" + std::string(name));
        if (found == functions_.end()) return nullptr;
        // The slot's type is the real executor's secret; its holders only pass the pointer on.
        return executor::FunctionSlotPtr(
            found->second, reinterpret_cast<executor::FunctionSlot*>(found->second.get()));
    }
    std::shared_ptr<const executor::FunctionInfo> info(
        const executor::FunctionSlotPtr&) const override {
        return nullptr;
    }
    executor::Lease try_acquire(const executor::FunctionSlotPtr&) override { return {}; }
    Task<Result<executor::Lease>> acquire(executor::FunctionSlotPtr, Deadline) override {
        co_return Result<executor::Lease>(Error(Errc::unavailable, "no instance"));
    }
    void attribute(const executor::Lease&, std::string_view) override {}
    Task<Result<void>> prepare(executor::FunctionSource, Deadline) override {
        co_return Result<void>();
    }
    std::vector<executor::PoolStats> pools() const override { return {}; }
    std::vector<executor::InstanceStats> instances() const override { return {}; }
    void stop(Deadline) override {}

 private:
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<std::string>> functions_;
    std::size_t lookups_ = 0;
};

}  // namespace hearth::test
