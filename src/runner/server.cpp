#include "runner/server.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>

#include "runner/api.hpp"
#include "runner/build_agent.hpp"
#include "runner/connection.hpp"
#include "runner/log.hpp"

namespace hearth::runner {
namespace {

constexpr std::size_t kMostConnections = 64;

std::unique_ptr<Service> make_service(const Configuration& configuration, Executor executor,
                                      std::function<void()> over) {
    if (configuration.mode == Configuration::Mode::build_agent)
        return std::make_unique<BuildAgent>(configuration, executor, std::move(over));
    return std::make_unique<Api>(configuration, executor);
}

}  // namespace

Server::Server(net::io_context& loop, Configuration configuration, std::function<void()> over)
    : loop_(loop),
      configuration_(std::move(configuration)),
      service_(make_service(configuration_, loop.get_executor(), std::move(over))),
      acceptor_(loop.get_executor()),
      breath_(loop.get_executor()) {}

Server::~Server() = default;

Result<void> Server::start() {
    boost::system::error_code ec;
    const Endpoint& wanted = configuration_.listen;
    acceptor_.open(wanted.protocol(), ec);
    if (!ec) acceptor_.set_option(Acceptor::reuse_address(true), ec);
    if (!ec) acceptor_.bind(wanted, ec);
    if (!ec) acceptor_.listen(128, ec);
    if (!ec) endpoint_ = acceptor_.local_endpoint(ec);
    if (ec) {
        return Fault(500, "io",
                     "cannot listen on " + wanted.address().to_string() + " port " +
                         std::to_string(wanted.port()) + ": " + ec.message());
    }
    run(accept());
    run(service_->watch());
    return {};
}

void Server::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    breath_.cancel();
    service_->stop();
    for (auto& connection : connections_) connection->stream.close();
}

void Server::run(Task<void> task) {
    net::co_spawn(loop_, std::move(task), [](std::exception_ptr failure) {
        // Failures are values here, so what is thrown is a bug; a fresh start is safer than its
        // state.
        if (failure) std::rethrow_exception(failure);
    });
}

Task<void> Server::accept() {
    while (acceptor_.is_open()) {
        auto [ec, socket] = co_await acceptor_.async_accept(use_task);
        if (!acceptor_.is_open()) break;
        if (ec) {
            breath_.expires_after(std::chrono::milliseconds(20));
            co_await breath_.async_wait(use_task);
            continue;
        }
        make_room();
        boost::system::error_code ignored;
        socket.set_option(Tcp::no_delay(true), ignored);
        auto connection = std::make_shared<Connection>(std::move(socket));
        connections_.insert(connection);
        run(serve(std::move(connection)));
    }
}

/// Peers that only hold a connection cannot keep others out: the one idle for longest goes first.
void Server::make_room() {
    if (connections_.size() < kMostConnections) return;
    Connection* oldest = nullptr;
    for (auto& connection : connections_) {
        if (!connection->idle || !connection->stream.socket().is_open()) continue;
        if (oldest == nullptr || connection->since < oldest->since) oldest = connection.get();
    }
    if (oldest != nullptr) oldest->stream.close();
}

Task<void> Server::serve(std::shared_ptr<Connection> connection) {
    co_await talk(*connection);
    connections_.erase(connection);
}

Task<void> Server::talk(Connection& connection) {
    if (connections_.size() > kMostConnections + 1) {
        Reply busy(Fault(503, "exhausted", "there are too many connections"));
        co_await connection.send(std::move(busy), Connection::After::close);
        co_return;
    }
    while (acceptor_.is_open()) {
        auto call = co_await connection.next();
        if (!call) {
            if (call.error().status == 400) {
                Reply reply(call.error());
                co_await connection.send(std::move(reply), Connection::After::close);
            }
            break;
        }
        Reply reply = co_await service_->answer(std::move(*call), connection.body());
        const bool again = co_await connection.finish(std::move(reply));
        if (!again) break;
    }
    connection.close();
}

}  // namespace hearth::runner
