#pragma once

#include <memory>
#include <string>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::aio {

/// Owns long-lived coroutines: counts them, logs what escapes them, cancels and joins them.
///
/// Keep it as the last member of its owner, so that it is destroyed (and checked to be empty) first.
/// Thread: spawn, cancel and size from any; join awaits on the caller's shard.
class TaskGroup {
  public:
    explicit TaskGroup(telemetry::Logger& log);
    ~TaskGroup();  // asserts that nothing is left running
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Starts `task` on `executor`. After cancel() a new task is dropped unstarted.
    void spawn(Executor executor, std::string name, Task<void> task);
    /// Asks every task to end: emits total|terminal cancellation on each task's own executor.
    void cancel();
    bool cancelled() const;
    std::size_t size() const;
    /// True when all tasks ended before `deadline`.
    Task<bool> join(Deadline deadline);
    /// The same for a thread that runs no shard; blocks.
    bool join_blocking(Deadline deadline);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace hearth::aio
