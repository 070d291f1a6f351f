#pragma once

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>

#include "hearth/aio/shards.hpp"
#include "hearth/aio/task.hpp"

namespace hearth::test {

/// Runs a task on a loop of the calling thread and gives its value; throws when it has not ended
/// within `limit`.
template <class T>
T run_task(Task<T> task, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    aio::net::io_context context(1);
    std::optional<T> value;
    std::exception_ptr thrown;
    bool ended = false;
    auto done = [&](std::exception_ptr e, T v) {
        thrown = e;
        if (!e) value.emplace(std::move(v));
        ended = true;
    };
    aio::net::co_spawn(context.get_executor(), std::move(task), done);
    context.run_for(limit);
    if (!ended) throw std::runtime_error("the task did not end in time");
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*value);
}

inline void run_task(Task<void> task, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    aio::net::io_context context(1);
    std::exception_ptr thrown;
    bool ended = false;
    auto done = [&](std::exception_ptr e) {
        thrown = e;
        ended = true;
    };
    aio::net::co_spawn(context.get_executor(), std::move(task), done);
    context.run_for(limit);
    if (!ended) throw std::runtime_error("the task did not end in time");
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace hearth::test
