#pragma once

#include <functional>
#include <memory>
#include <set>

#include "runner/configuration.hpp"
#include "runner/net.hpp"
#include "runner/service.hpp"

namespace hearth::runner {

/// The runner's HTTP server, with all that belongs to it, on one loop. Must live as long as the
/// loop runs. Thread: the loop's; stop() may be posted to it.
class Server {
 public:
    /// Serves what the configuration asks for; with a build agent `over` is called when its build
    /// is.
    Server(net::io_context& loop, Configuration configuration, std::function<void()> over = {});
    ~Server();

    /// Listens and starts what works in the background. Errors: io.
    Result<void> start();
    Endpoint endpoint() const { return endpoint_; }
    /// Ends all connections; the loop runs out of work soon after.
    void stop();

 private:
    struct Connection;

    void run(Task<void> task);
    Task<void> accept();
    Task<void> serve(std::shared_ptr<Connection> connection);
    Task<void> talk(Connection& connection);
    void make_room();

    net::io_context& loop_;
    Configuration configuration_;
    std::unique_ptr<Service> service_;
    Acceptor acceptor_;
    Timer breath_;  ///< between two attempts to accept while descriptors are short
    Endpoint endpoint_;
    std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace hearth::runner
