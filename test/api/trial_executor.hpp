#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hearth/executor/executor.hpp"

namespace hearth::test {

/// An executor whose trial loads do what the test says.
class TrialExecutor final : public executor::Executor {
 public:
    void fail_next(Error error) {
        std::lock_guard lock(mutex_);
        failure_ = std::move(error);
    }
    std::vector<executor::FunctionSource> trials() const {
        std::lock_guard lock(mutex_);
        return trials_;
    }

    void start() override {}
    executor::FunctionSlotPtr find(std::string_view, std::string_view) override { return nullptr; }
    std::shared_ptr<const executor::FunctionInfo> info(
        const executor::FunctionSlotPtr&) const override {
        return nullptr;
    }
    executor::Lease try_acquire(const executor::FunctionSlotPtr&) override { return {}; }
    Task<Result<executor::Lease>> acquire(executor::FunctionSlotPtr, Deadline) override {
        co_return Result<executor::Lease>(Error(Errc::unavailable, "no instance"));
    }
    void attribute(const executor::Lease&, std::string_view) override {}
    Task<Result<void>> prepare(executor::FunctionSource source, Deadline) override {
        std::lock_guard lock(mutex_);
        trials_.push_back(std::move(source));
        if (failure_) {
            const Error error = *failure_;
            failure_.reset();
            co_return Result<void>(error);
        }
        co_return Result<void>();
    }
    std::vector<executor::PoolStats> pools() const override {
        executor::PoolStats a, b;
        a.ns = "a", a.environment = "py", a.warm = 2;
        b.ns = "b", b.environment = "py";
        return {a, b};
    }
    std::vector<executor::InstanceStats> instances() const override {
        executor::InstanceStats a, b;
        a.ns = "a", a.function = "hello", a.name = "py-1", a.state = "ready";
        b.ns = "b", b.function = "hello", b.name = "py-2", b.state = "ready";
        return {a, b};
    }
    void stop(Deadline) override {}

 private:
    mutable std::mutex mutex_;
    std::optional<Error> failure_;
    std::vector<executor::FunctionSource> trials_;
};

}  // namespace hearth::test
