#pragma once

#include <atomic>
#include <memory>
#include <unordered_set>
#include <vector>

#include "hearth/aio/shards.hpp"
#include "kube/connection.hpp"

namespace hearth::kube {

/// The connections of one shard: those that wait for a request, and those in use. Thread: its
/// shard.
class ShardConnections : public std::enable_shared_from_this<ShardConnections> {
 public:
    ShardConnections(aio::Executor executor, std::size_t most_idle,
                     std::chrono::milliseconds idle_timeout);

    /// One that the server has kept open, or null.
    std::unique_ptr<Connection> take_idle();
    /// Of connections made before that, none is used again.
    void forget_idle() { idle_.clear(); }
    void close(const Error& why);

 private:
    friend class Line;
    using Timer = aio::net::basic_waitable_timer<
        std::chrono::steady_clock, aio::net::wait_traits<std::chrono::steady_clock>, aio::Executor>;
    void keep(std::unique_ptr<Connection> connection);
    void arm();
    void drop_old();

    const std::size_t most_idle_;
    const std::chrono::milliseconds idle_timeout_;
    Timer timer_;
    bool armed_ = false, closed_ = false;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::unordered_set<Connection*> in_use_;
};

/// A connection in use. When it goes, the connection is kept for the next request if its answer was
/// read to the end. Thread: its shard.
class Line {
 public:
    /// `home` may be null: then the connection is closed afterwards.
    Line(std::shared_ptr<ShardConnections> home, std::unique_ptr<Connection> connection);
    ~Line();
    Line(Line&& other) noexcept = default;
    Line& operator=(Line&&) = delete;

    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }

 private:
    std::shared_ptr<ShardConnections> home_;
    std::unique_ptr<Connection> connection_;
};

/// All shards' connections of one client. Thread: any.
class ConnectionPool {
 public:
    ConnectionPool(aio::Shards& shards, std::size_t most_idle,
                   std::chrono::milliseconds idle_timeout);
    ~ConnectionPool();

    /// Of the shard that an executor belongs to; null for a loop that is no shard.
    std::shared_ptr<ShardConnections> of(aio::Executor executor) const;
    /// Cuts what is in use and closes the rest. Blocks up to five seconds, in case the shards have
    /// ended.
    void close(const Error& why);

 private:
    aio::Shards& shards_;
    std::vector<std::shared_ptr<ShardConnections>> by_shard_;
    std::atomic<bool> closed_{false};
};

}  // namespace hearth::kube
