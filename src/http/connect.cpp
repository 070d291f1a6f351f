#include "http/connect.hpp"

#include <sys/un.h>

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>

namespace hearth::http {
namespace {

Error connect_error(const Endpoint& endpoint, std::string_view why) {
    std::string message = "cannot connect to " + endpoint.to_string() + ": ";
    message.append(why);
    return Error(Errc::unavailable, std::move(message));
}

Task<Result<SocketAddress>> resolve(const Endpoint& endpoint) {
    if (auto numeric = numeric_address(endpoint)) co_return *numeric;
    auto executor = co_await net::this_coro::executor;
    // Asio resolves on a thread of its own.
    net::ip::basic_resolver<net::ip::tcp, aio::Executor> resolver(executor);
    const auto port = std::to_string(endpoint.port);
    auto [ec, found] = co_await resolver.async_resolve(endpoint.host, port, aio::use_task);
    if (ec || found.empty()) co_return connect_error(endpoint, "the host name cannot be resolved");
    const auto target = found.begin()->endpoint();
    SocketAddress address;
    std::memcpy(&address.storage, target.data(), target.size());
    address.length = static_cast<socklen_t>(target.size());
    co_return address;
}

Task<Result<void>> finish_connect(Stream& stream, const Endpoint& endpoint, SteadyTime by) {
    const auto fault = co_await stream.wait_writable(by);
    if (fault == Fault::timeout) co_return connect_error(endpoint, "no answer in time");
    if (fault != Fault::none) co_return connect_error(endpoint, "the attempt was broken off");
    int error_number = 0;
    socklen_t length = sizeof error_number;
    ::getsockopt(stream.fd(), SOL_SOCKET, SO_ERROR, &error_number, &length);
    if (error_number != 0) co_return connect_error(endpoint, std::strerror(error_number));
    co_return Result<void>();
}

}  // namespace

Task<Result<void>> connect_stream(Stream& stream, const Endpoint& endpoint, SteadyTime by) {
    auto address = co_await resolve(endpoint);
    if (!address) co_return address.error();
    const int fd = open_socket(address->family());
    if (fd < 0) co_return connect_error(endpoint, std::strerror(errno));
    if (!stream.adopt(fd)) {
        co_return connect_error(endpoint, "the event loop refused the socket");
    }
    auto pause = std::chrono::milliseconds(1);
    for (;;) {
        if (::connect(fd, address->get(), address->length) == 0) co_return Result<void>();
        const int error_number = errno;
        if (error_number == EINTR) continue;
        if (error_number == EINPROGRESS) co_return co_await finish_connect(stream, endpoint, by);
        if (error_number != EAGAIN) co_return connect_error(endpoint, std::strerror(error_number));
        // A unix socket whose accept queue is full says so at once; nothing tells when there is
        // room.
        const auto now = std::chrono::steady_clock::now();
        if (now >= by || !stream.open())
            co_return connect_error(endpoint, "its accept queue is full");
        Timer timer(stream.executor());
        timer.expires_at(std::min(by, now + pause));
        co_await timer.async_wait(aio::use_task);
        pause = std::min(pause * 2, std::chrono::milliseconds(20));
    }
}

}  // namespace hearth::http
