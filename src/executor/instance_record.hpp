#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/backend/backend.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/executor/executor.hpp"

namespace hearth::executor {

/// One instance from its start to the end of its process. Thread: any; `instance`, `pool` and the
/// names never change.
struct InstanceRecord {
    backend::Instance instance;
    std::string pool;  ///< key of the pool it came from
    std::string ns, environment;
    base::SteadyTime started;

    std::atomic<bool> stopping{false};  ///< a stop was ordered
    std::atomic<bool> released{false};  ///< no longer counted by the budget

    mutable std::mutex mutex;
    std::weak_ptr<FunctionSlot> slot;  ///< whose code it holds
    std::optional<std::string> end_reason;
};
using InstanceRecordPtr = std::shared_ptr<InstanceRecord>;

/// "oom", "exit code 1", "signal 9", "stopped".
std::string end_reason_text(const backend::InstanceExit& exit);

/// All instances whose process has not ended, by id. Exits that come before their instance is known
/// are kept for it. Thread: any.
class InstanceTable {
 public:
    void add(const InstanceRecordPtr& record);
    /// The record, which is in the table no longer; null when the id is not known (yet).
    InstanceRecordPtr ended(const backend::InstanceExit& exit);
    void remove(std::uint64_t id);
    std::vector<InstanceRecordPtr> all() const;
    /// Instances told to stop whose process is still there.
    std::size_t leaving() const;

 private:
    static constexpr std::size_t kEarlyExits = 1024;
    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, InstanceRecordPtr> records_;
    std::unordered_map<std::uint64_t, std::string> early_;
};

}  // namespace hearth::executor
