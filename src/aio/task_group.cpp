#include "hearth/aio/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>

#include <condition_variable>
#include <cstdio>
#include <list>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "hearth/aio/one_shot.hpp"

namespace hearth::aio {

struct TaskGroup::State {
    struct Entry {
        explicit Entry(Executor e, std::string n) : executor(e), name(std::move(n)) {}
        Executor executor;
        std::string name;
        net::cancellation_signal signal;
        std::list<std::shared_ptr<Entry>>::iterator place;
    };

    explicit State(telemetry::Logger& l) : log(l) {}

    void finished(const std::shared_ptr<Entry>& entry, std::exception_ptr thrown) {
        if (thrown) report(*entry, thrown);
        std::vector<std::shared_ptr<OneShot<bool>>> to_wake;
        {
            std::lock_guard lock(mutex);
            entries.erase(entry->place);
            if (entries.empty()) to_wake.swap(joiners);
        }
        empty.notify_all();
        for (auto& joiner : to_wake) joiner->deliver(true);
    }

    void report(const Entry& entry, const std::exception_ptr& thrown) {
        std::string what = "an exception of unknown type";
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& e) {
            if (e.code() == net::error::operation_aborted) return;
            what = e.what();
        } catch (const std::exception& e) {
            what = e.what();
        } catch (...) {
        }
        log.log(telemetry::Level::error, "aio", "a task ended with an exception",
                {{"task", entry.name}, {telemetry::kErr, what}});
    }

    telemetry::Logger& log;
    std::mutex mutex;
    std::condition_variable empty;
    bool cancelled = false;
    std::list<std::shared_ptr<Entry>> entries;
    std::vector<std::shared_ptr<OneShot<bool>>> joiners;
};

TaskGroup::TaskGroup(telemetry::Logger& log) : state_(std::make_shared<State>(log)) {}

TaskGroup::~TaskGroup() {
    std::lock_guard lock(state_->mutex);
    if (state_->entries.empty()) return;
    // Straight to standard error: the log's writer does not outlive what comes next.
    for (const auto& entry : state_->entries)
        std::fprintf(stderr, "task still running: %s\n", entry->name.c_str());
    std::terminate();
}

void TaskGroup::spawn(Executor executor, std::string name, Task<void> task) {
    auto entry = std::make_shared<State::Entry>(executor, std::move(name));
    {
        std::lock_guard lock(state_->mutex);
        if (state_->cancelled) return;
        entry->place = state_->entries.insert(state_->entries.end(), entry);
    }
    auto done = [state = state_, entry](std::exception_ptr thrown) {
        state->finished(entry, thrown);
    };
    auto token = net::bind_cancellation_slot(entry->signal.slot(), std::move(done));
    net::co_spawn(executor, std::move(task), std::move(token));
}

void TaskGroup::cancel() {
    std::vector<std::shared_ptr<State::Entry>> running;
    {
        std::lock_guard lock(state_->mutex);
        state_->cancelled = true;
        running.assign(state_->entries.begin(), state_->entries.end());
    }
    for (auto& entry : running) {
        // emit() is not thread-safe: it runs where the task runs.
        auto emit = [entry] {
            entry->signal.emit(net::cancellation_type::total | net::cancellation_type::terminal);
        };
        net::post(entry->executor, std::move(emit));
    }
}

bool TaskGroup::cancelled() const {
    std::lock_guard lock(state_->mutex);
    return state_->cancelled;
}

std::size_t TaskGroup::size() const {
    std::lock_guard lock(state_->mutex);
    return state_->entries.size();
}

Task<bool> TaskGroup::join(Deadline deadline) {
    auto executor = co_await net::this_coro::executor;
    auto wake = std::make_shared<OneShot<bool>>(executor);
    {
        std::lock_guard lock(state_->mutex);
        if (state_->entries.empty()) co_return true;
        state_->joiners.push_back(wake);
    }
    auto woken = co_await wake->wait(deadline);
    co_return woken.has_value();
}

bool TaskGroup::join_blocking(Deadline deadline) {
    std::unique_lock lock(state_->mutex);
    auto none_left = [this] { return state_->entries.empty(); };
    if (deadline.is_never()) {
        state_->empty.wait(lock, none_left);
        return true;
    }
    return state_->empty.wait_until(lock, deadline.at(), none_left);
}

}  // namespace hearth::aio
