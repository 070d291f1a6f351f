#include "backend/job_thread.hpp"

#include <pthread.h>

#include <utility>

namespace hearth::backend {

JobThread::JobThread(const char* name)
    : thread_([this, name] {
          pthread_setname_np(pthread_self(), name);
          loop();
      }) {}

JobThread::~JobThread() {
    stop();
}

bool JobThread::post(std::function<void()> job) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return false;
        jobs_.push_back(std::move(job));
    }
    ready_.notify_one();
    return true;
}

void JobThread::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void JobThread::loop() {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job();
    }
}

}  // namespace hearth::backend
