#include "kube/connection_pool.hpp"

#include <boost/asio/post.hpp>

#include <future>

namespace hearth::kube {

ShardConnections::ShardConnections(aio::Executor executor, std::size_t most_idle,
                                   std::chrono::milliseconds idle_timeout)
    : most_idle_(most_idle), idle_timeout_(idle_timeout), timer_(executor) {}

std::unique_ptr<Connection> ShardConnections::take_idle() {
    while (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        if (connection->alive()) return connection;
    }
    return nullptr;
}

void ShardConnections::keep(std::unique_ptr<Connection> connection) {
    if (closed_ || idle_.size() >= most_idle_) return;
    connection->idle_since = std::chrono::steady_clock::now();
    idle_.push_back(std::move(connection));
    arm();
}

void ShardConnections::arm() {
    if (armed_ || idle_.empty()) return;
    armed_ = true;
    timer_.expires_at(idle_.front()->idle_since + idle_timeout_);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code) {
        const auto self = weak.lock();
        if (!self) return;
        self->armed_ = false;
        self->drop_old();
        self->arm();
    });
}

void ShardConnections::drop_old() {
    const auto limit = std::chrono::steady_clock::now() - idle_timeout_;
    std::erase_if(idle_, [limit](const auto& one) { return one->idle_since <= limit; });
}

void ShardConnections::close(const Error& why) {
    closed_ = true;
    idle_.clear();
    timer_.cancel();
    for (auto* connection : in_use_) connection->cut(why);
}

Line::Line(std::shared_ptr<ShardConnections> home, std::unique_ptr<Connection> connection)
    : home_(std::move(home)), connection_(std::move(connection)) {
    if (home_) home_->in_use_.insert(connection_.get());
}

Line::~Line() {
    if (!home_ || !connection_) return;
    home_->in_use_.erase(connection_.get());
    if (connection_->reusable()) home_->keep(std::move(connection_));
}

ConnectionPool::ConnectionPool(aio::Shards& shards, std::size_t most_idle,
                               std::chrono::milliseconds idle_timeout)
    : shards_(shards) {
    for (std::size_t i = 0; i < shards.size(); ++i)
        by_shard_.push_back(
            std::make_shared<ShardConnections>(shards.at(i).executor(), most_idle, idle_timeout));
}

ConnectionPool::~ConnectionPool() {
    close(Error(Errc::cancelled, "the Kubernetes client was stopped"));
}

std::shared_ptr<ShardConnections> ConnectionPool::of(aio::Executor executor) const {
    for (std::size_t i = 0; i < by_shard_.size(); ++i)
        if (&shards_.at(i).context() == &executor.context()) return by_shard_[i];
    return nullptr;
}

void ConnectionPool::close(const Error& why) {
    if (closed_.exchange(true)) return;
    std::vector<std::future<void>> done;
    for (std::size_t i = 0; i < by_shard_.size(); ++i) {
        auto promise = std::make_shared<std::promise<void>>();
        done.push_back(promise->get_future());
        aio::net::post(shards_.at(i).executor(), [one = by_shard_[i], promise, why] {
            one->close(why);
            promise->set_value();
        });
    }
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (auto& one : done) one.wait_until(limit);
}

}  // namespace hearth::kube
