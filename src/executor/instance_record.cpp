#include "executor/instance_record.hpp"

namespace hearth::executor {

std::string end_reason_text(const backend::InstanceExit& exit) {
    switch (exit.cause) {
        case backend::InstanceExit::Cause::out_of_memory:
            return "oom";
        case backend::InstanceExit::Cause::signalled:
            return "signal " + std::to_string(exit.code);
        case backend::InstanceExit::Cause::stopped:
            return "stopped";
        case backend::InstanceExit::Cause::exited:
            break;
    }
    return "exit code " + std::to_string(exit.code);
}

void InstanceTable::add(const InstanceRecordPtr& record) {
    std::lock_guard lock(mutex_);
    const auto early = early_.find(record->instance.id);
    if (early != early_.end()) {
        std::lock_guard record_lock(record->mutex);
        record->end_reason = std::move(early->second);
        early_.erase(early);
        return;
    }
    records_[record->instance.id] = record;
}

InstanceRecordPtr InstanceTable::ended(const backend::InstanceExit& exit) {
    std::lock_guard lock(mutex_);
    const auto it = records_.find(exit.id);
    if (it == records_.end()) {
        // Bounded: an exit nobody asks for is that of an instance whose start failed.
        if (early_.size() >= kEarlyExits) early_.clear();
        early_[exit.id] = end_reason_text(exit);
        return nullptr;
    }
    auto record = std::move(it->second);
    records_.erase(it);
    std::lock_guard record_lock(record->mutex);
    record->end_reason = end_reason_text(exit);
    return record;
}

void InstanceTable::remove(std::uint64_t id) {
    std::lock_guard lock(mutex_);
    records_.erase(id);
}

std::vector<InstanceRecordPtr> InstanceTable::all() const {
    std::lock_guard lock(mutex_);
    std::vector<InstanceRecordPtr> records;
    records.reserve(records_.size());
    for (const auto& [id, record] : records_) records.push_back(record);
    return records;
}

std::size_t InstanceTable::leaving() const {
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [id, record] : records_)
        if (record->stopping && !record->released) ++count;
    return count;
}

}  // namespace hearth::executor
