#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace hearth::backend {

/// One thread that runs jobs in order. Processes are started from such a thread because a child's
/// parent-death signal fires when the very thread that started it ends, so it must live as long as
/// the daemon. Jobs are bounded by the number of instances. Thread: post and stop from any.
class JobThread {
 public:
    explicit JobThread(const char* name);
    ~JobThread();  // stop()
    JobThread(const JobThread&) = delete;
    JobThread& operator=(const JobThread&) = delete;

    /// False after stop(); the job is then not run.
    bool post(std::function<void()> job);
    /// Finishes what is queued and joins.
    void stop();

 private:
    void loop();

    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> jobs_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace hearth::backend
