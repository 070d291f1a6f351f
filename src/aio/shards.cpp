#include "hearth/aio/shards.hpp"

#include <pthread.h>
#include <boost/asio/executor_work_guard.hpp>

#include <chrono>
#include <string>

#include "hearth/aio/one_shot.hpp"

namespace hearth::aio {
namespace {

constexpr auto kLagProbe = std::chrono::milliseconds(100);

using Timer = net::basic_waitable_timer<std::chrono::steady_clock,
                                        net::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace

void Shard::note_lag(std::int64_t us) {
    lag_us_.store(us, std::memory_order_relaxed);
    if (us > worst_lag_us_.load(std::memory_order_relaxed)) {
        worst_lag_us_.store(us, std::memory_order_relaxed);
    }
}

Shards::Shards(std::size_t count) {
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
        shards_.push_back(std::make_unique<Shard>(i));
    }
    for (auto& owned : shards_) {
        Shard* shard = owned.get();
        shard->thread_ = std::thread([shard] {
            pthread_setname_np(pthread_self(), ("shard-" + std::to_string(shard->index_)).c_str());
            auto guard = net::make_work_guard(shard->context_);
            // The probe is a plain timer chain on the loop's own thread: it ends with the loop.
            Timer timer(shard->context_.get_executor());
            std::function<void()> probe = [&] {
                const auto due = std::chrono::steady_clock::now() + kLagProbe;
                timer.expires_at(due);
                timer.async_wait([&, due](boost::system::error_code ec) {
                    if (ec) return;
                    const auto late = std::chrono::steady_clock::now() - due;
                    shard->note_lag(
                        std::chrono::duration_cast<std::chrono::microseconds>(late).count());
                    probe();
                });
            };
            probe();
            shard->context_.run();
        });
    }
}

Shards::~Shards() {
    stop();
}

void Shards::stop() {
    for (auto& shard : shards_) shard->context_.stop();
    for (auto& shard : shards_) {
        if (shard->thread_.joinable()) shard->thread_.join();
    }
}

Task<bool> sleep_until(Deadline deadline) {
    auto executor = co_await net::this_coro::executor;
    // The signal of a cancellation reaches only what is waited for at that moment; a loop that
    // sleeps again after it would sleep for ever.
    const auto before = co_await net::this_coro::cancellation_state;
    if (before.cancelled() != net::cancellation_type::none) co_return false;
    Timer timer(executor);
    timer.expires_at(deadline.at());
    auto [ec] = co_await timer.async_wait(use_task);
    const auto after = co_await net::this_coro::cancellation_state;
    co_return !ec && after.cancelled() == net::cancellation_type::none;
}

}  // namespace hearth::aio
