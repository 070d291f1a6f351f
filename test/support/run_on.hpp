#pragma once

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <future>

#include "hearth/aio/shards.hpp"
#include "hearth/aio/task.hpp"

namespace hearth::test {

/// Past it the test ends, because what the task uses would be gone before it.
constexpr std::chrono::seconds kRunLimit{120};

/// Runs a task on a shard, whose connections outlive it, and waits for it.
template <class T>
T run_on(aio::Shards& shards, Task<T> task) {
    std::promise<T> promise;
    auto ended = promise.get_future();
    auto done = [&promise](std::exception_ptr thrown, T value) {
        if (thrown)
            promise.set_exception(thrown);
        else
            promise.set_value(std::move(value));
    };
    aio::net::co_spawn(shards.first().executor(), std::move(task), done);
    if (ended.wait_for(kRunLimit) != std::future_status::ready) std::abort();
    return ended.get();
}

inline void run_on(aio::Shards& shards, Task<void> task) {
    std::promise<void> promise;
    auto ended = promise.get_future();
    auto done = [&promise](std::exception_ptr thrown) {
        if (thrown)
            promise.set_exception(thrown);
        else
            promise.set_value();
    };
    aio::net::co_spawn(shards.first().executor(), std::move(task), done);
    if (ended.wait_for(kRunLimit) != std::future_status::ready) std::abort();
    ended.get();
}

}  // namespace hearth::test
