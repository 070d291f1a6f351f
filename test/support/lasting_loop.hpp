#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include "hearth/aio/task.hpp"

namespace hearth::test {

/// A loop for the test's thread that is never destroyed. As in the daemon, where the shards end
/// last, a thread of the code under test may still hold what it has just handed to a waiter when
/// the waiter's task has ended.
inline aio::net::io_context& lasting_loop() {
    static auto* loop = new aio::net::io_context(1);
    loop->restart();
    return *loop;
}

/// run_task on that loop.
template <class T>
T run_lasting(Task<T> task) {
    aio::net::io_context& loop = lasting_loop();
    std::optional<T> value;
    std::exception_ptr thrown;
    auto done = [&](std::exception_ptr e, T v) {
        thrown = e;
        if (!e) value.emplace(std::move(v));
    };
    aio::net::co_spawn(loop.get_executor(), std::move(task), done);
    loop.run_for(std::chrono::seconds(60));
    if (thrown) std::rethrow_exception(thrown);
    if (!value) throw std::runtime_error("the task did not end in time");
    return std::move(*value);
}

}  // namespace hearth::test
