#include "http/upstream_pool.hpp"

#include <algorithm>

namespace hearth::http {
namespace {

constexpr std::size_t kKeepBuffer = 16 * 1024;

}  // namespace

UpstreamConnection::UpstreamConnection(UpstreamPool& pool, std::uint64_t upstream_id)
    : stream(pool.poller()), id(upstream_id), pool_(pool) {
    pool.sweep().add(*this);
}

void UpstreamConnection::on_sweep(SteadyTime now) {
    if (!idle_) {
        stream.check_deadlines(now);
    } else if (now >= idle_until_) {
        pool_.drop(*this);
    }
}

UpstreamPool::UpstreamPool(aio::Executor executor, const Forwarder::Options& options,
                           telemetry::Counter& forwarded, telemetry::Counter& reused)
    : executor_(executor),
      options_(options),
      forwarded_(forwarded),
      reused_(reused),
      sweep_(executor),
      poller_(executor) {}

std::unique_ptr<UpstreamConnection> UpstreamPool::take(std::uint64_t id, bool sure) {
    const auto found = idle_.find(id);
    if (found == idle_.end()) return nullptr;
    auto& idle = found->second;
    while (!idle.empty()) {
        auto connection = std::move(idle.back());
        idle.pop_back();
        connection->idle_ = false;
        // Bytes or an end that nobody asked for: the peer closed it, or would answer with another's
        // response.
        char unasked;
        if (sure) connection->stream.doubt();
        if (connection->stream.try_receive(&unasked, 1).fault == Fault::pending) return connection;
    }
    return nullptr;
}

std::unique_ptr<UpstreamConnection> UpstreamPool::make(std::uint64_t id) {
    return std::make_unique<UpstreamConnection>(*this, id);
}

void UpstreamPool::put_back(std::unique_ptr<UpstreamConnection> connection) {
    if (closed_ || options_.idle_per_upstream == 0) return;
    auto& idle = idle_[connection->id];
    if (idle.size() >= options_.idle_per_upstream) return;
    connection->stream.read_by = connection->stream.write_by = SteadyTime::max();
    connection->in.release(kKeepBuffer);
    if (connection->scratch.capacity() > kKeepBuffer) std::string().swap(connection->scratch);
    connection->idle_ = true;
    connection->idle_until_ = sweep_.now() + options_.idle_timeout;
    idle.push_back(std::move(connection));
}

void UpstreamPool::forget(std::uint64_t id) {
    idle_.erase(id);
}

void UpstreamPool::close() {
    closed_ = true;
    idle_.clear();
    sweep_.for_each(
        [](SweepEntry& entry) { static_cast<UpstreamConnection&>(entry).stream.abort(); });
}

void UpstreamPool::drop(UpstreamConnection& connection) {
    const auto found = idle_.find(connection.id);
    if (found == idle_.end()) return;
    auto& idle = found->second;
    const auto same = [&](const auto& owned) { return owned.get() == &connection; };
    const auto at = std::find_if(idle.begin(), idle.end(), same);
    if (at != idle.end()) idle.erase(at);
    if (idle.empty()) idle_.erase(found);
}

}  // namespace hearth::http
