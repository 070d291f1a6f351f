#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/wait_traits.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/rate_policy.hpp>

#include <chrono>

namespace hearth::runner {

namespace net = boost::asio;
namespace beast = boost::beast;

using Clock = std::chrono::steady_clock;
using Executor = net::io_context::executor_type;
using Tcp = net::ip::tcp;
using Endpoint = Tcp::endpoint;
using Stream = beast::basic_stream<Tcp, Executor>;
using Acceptor = net::basic_socket_acceptor<Tcp, Executor>;
using Timer = net::basic_waitable_timer<Clock, net::wait_traits<Clock>, Executor>;

template <class T>
using Task = net::awaitable<T, Executor>;

/// Completion token: the operation's error_code comes back in a tuple, nothing throws.
inline constexpr net::as_tuple_t<net::use_awaitable_t<Executor>> use_task{
    net::use_awaitable_t<Executor>{}};

}  // namespace hearth::runner
