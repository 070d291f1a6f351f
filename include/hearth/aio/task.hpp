#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace hearth::aio {

namespace net = boost::asio;

/// Every shard is one io_context with one thread; naming the concrete executor spares the type-erased
/// one's indirect calls on each operation.
using Executor = net::io_context::executor_type;

/// A coroutine that runs on a shard. Lifetime rules of src/aio/README.md hold for each of them.
template <class T>
using Task = net::awaitable<T, Executor>;

/// Completion token: the operation's error_code comes back in a tuple, nothing throws.
inline constexpr net::as_tuple_t<net::use_awaitable_t<Executor>> use_task{net::use_awaitable_t<Executor>{}};

}  // namespace hearth::aio

namespace hearth {
using aio::Task;
}  // namespace hearth
