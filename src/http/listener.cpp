#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hearth/aio/one_shot.hpp"
#include "http/address.hpp"
#include "http/server_impl.hpp"

namespace hearth::http {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerTurn = 64;
// So many connections past the limit are answered 503; more are closed at once.
constexpr std::size_t kAnsweredOverLimit = 128;

Error listen_error(const Endpoint& endpoint, std::string_view step, int error_number) {
    std::string message = "cannot listen on " + endpoint.to_string() + ": ";
    message.append(step).append(" failed, ").append(std::strerror(error_number));
    if (error_number == EADDRINUSE) {
        message.append(
            "; stop the program that uses this address, or choose another port (0 picks a free "
            "one)");
    } else if (error_number == EACCES || error_number == EPERM) {
        message.append(
            "; choose a port from 1024 on or a folder that may be written to, or run with the "
            "right to do so");
    } else if (error_number == EADDRNOTAVAIL) {
        message.append("; the address does not belong to this machine");
    }
    return Error(Errc::io, std::move(message));
}

// A socket file whose server is gone is in the way of a new one; a living server answers a connect.
bool remove_stale_socket(const SocketAddress& address, const std::string& path) {
    const int fd = open_socket(AF_UNIX);
    if (fd < 0) return false;
    const bool refused = ::connect(fd, address.get(), address.length) != 0 && errno == ECONNREFUSED;
    ::close(fd);
    return refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

Result<int> ServerImpl::open_listener(const Endpoint& endpoint, bool share_port) {
    auto address = resolve_blocking(endpoint);
    if (!address)
        return Error(Errc::io,
                     "cannot listen on " + endpoint.to_string() + ": " + address.error().message);
    const int fd = open_socket(address->family());
    if (fd < 0) return listen_error(endpoint, "socket", errno);
    const int on = 1;
    if (address->family() != AF_UNIX) {
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (share_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    int bound = ::bind(fd, address->get(), address->length);
    if (bound != 0 && errno == EADDRINUSE && address->family() == AF_UNIX &&
        remove_stale_socket(*address, endpoint.host)) {
        bound = ::bind(fd, address->get(), address->length);
    }
    if (bound != 0 || ::listen(fd, kBacklog) != 0) {
        const auto error = listen_error(endpoint, bound != 0 ? "bind" : "listen", errno);
        ::close(fd);
        return error;
    }
    return fd;
}

Result<void> ServerImpl::listen() {
    const bool unix_socket = options_.listen.type == Endpoint::Type::unix_socket;
    if (!unix_socket && options_.listen.port != 0) {
        // SO_REUSEPORT would let a second daemon of the same user share the port unseen: look first
        // without it.
        auto probe = open_listener(options_.listen, false);
        if (!probe) return probe.error();
        ::close(*probe);
    }
    const std::size_t count = unix_socket ? 1 : shards_.size();
    for (std::size_t i = 0; i < count; ++i) {
        auto fd = open_listener(options_.listen, true);
        if (!fd) return fd.error();
        bound_ = true;
        if (i == 0 && !unix_socket) options_.listen.port = bound_port(*fd);
        auto address = resolve_blocking(options_.listen);
        const int family = address ? address->family() : AF_UNIX;
        if (auto placed = place_listener(i, *fd, family); !placed) return placed.error();
    }
    on_every_shard([](ServerShard& shard) { shard.sweep.start(); });
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        auto executor = shards_[i]->shard->executor();
        if (shards_[i]->acceptor) listeners_.spawn(executor, "http accept", accept_loop(i));
    }
    return {};
}

Result<void> ServerImpl::place_listener(std::size_t index, int fd, int family) {
    auto& shard = *shards_[index];
    auto acceptor = std::make_unique<Socket>(shard.shard->executor());
    boost::system::error_code ec;
    acceptor->assign(net::generic::stream_protocol(family, 0), fd, ec);
    if (ec) {
        ::close(fd);
        return Error(Errc::io, "the event loop refused a listening socket: " + ec.message());
    }
    shard.acceptor = std::move(acceptor);
    return {};
}

Task<void> ServerImpl::accept_loop(std::size_t index) {
    auto& shard = *shards_[index];
    co_await net::this_coro::throw_if_cancelled(false);
    while (!stopped_.load() && shard.acceptor->is_open()) {
        auto [ec] = co_await shard.acceptor->async_wait(net::socket_base::wait_read, aio::use_task);
        if (ec || stopped_.load()) break;
        if (!accept_ready(shard)) {
            const auto pause = Deadline::after(std::chrono::milliseconds(100));
            co_await aio::sleep_until(pause);
        }
    }
}

bool ServerImpl::accept_ready(ServerShard& on) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        SocketAddress from;
        from.length = sizeof from.storage;
        const int fd =
            ::accept4(on.acceptor->native_handle(), reinterpret_cast<sockaddr*>(&from.storage),
                      &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            const int family = from.family() == AF_UNSPEC ? AF_UNIX : from.family();
            admit(on, fd, family, peer_text(from));
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
        if (errno != EMFILE && errno != ENFILE) {
            log_.log(telemetry::Level::warn, "http", "a connection could not be accepted",
                     {{"server", options_.name}, {telemetry::kErr, std::strerror(errno)}});
            return false;
        }
        // The connection would stay in the queue and wake this loop without end.
        std::lock_guard lock(reserve_mutex_);
        if (reserve_fd_ >= 0) ::close(reserve_fd_);
        const int victim = ::accept4(on.acceptor->native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
        if (victim >= 0) ::close(victim);
        reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        rejected_total_.add();
        log_.log(telemetry::Level::error, "http",
                 "out of file descriptors: a connection was turned away",
                 {{"server", options_.name}});
        return false;
    }
    return true;
}

void ServerImpl::admit(ServerShard& on, int fd, int family, std::string peer) {
    const auto open = connections_.fetch_add(1) + 1;
    connections_gauge_.set(static_cast<std::int64_t>(open));
    auto admission = Connection::Admission::normal;
    if (open > options_.max_connections) {
        rejected_total_.add();
        admission = Connection::Admission::over_limit;
        if (open > options_.max_connections + kAnsweredOverLimit) {
            ::close(fd);
            connections_.fetch_sub(1);
            return;
        }
    }
    set_no_delay(fd, family);
    // A unix socket has one listener, so its connections are dealt out.
    auto* target = &on;
    if (family == AF_UNIX) target = shards_[next_shard_.fetch_add(1) % shards_.size()].get();
    auto executor = target->shard->executor();
    tasks_.spawn(executor, "http connection", serve(*target, fd, std::move(peer), admission));
}

Task<void> ServerImpl::serve(ServerShard& on, int fd, std::string peer,
                             Connection::Admission admission) {
    Connection connection(*this, on, fd, std::move(peer), admission);
    co_await connection.run();
}

}  // namespace hearth::http
