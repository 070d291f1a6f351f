#pragma once

#include <boost/asio/cancellation_state.hpp>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task.hpp"

namespace hearth::backend {

/// Root of a background task: cancellation ends what it waits for, and it goes on to look at why.
inline Task<void> quietly(Task<void> task) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    co_await std::move(task);
}

/// Sleeps; false when the task was cancelled, also before this call.
inline Task<bool> pause_until(Deadline deadline) {
    const auto state = co_await aio::net::this_coro::cancellation_state;
    if (state.cancelled() != aio::net::cancellation_type::none) co_return false;
    co_return co_await aio::sleep_until(deadline);
}

}  // namespace hearth::backend
