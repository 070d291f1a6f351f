#include <boost/asio/experimental/awaitable_operators.hpp>

#include "executor/pool_set.hpp"

namespace hearth::executor {
namespace {

constexpr std::chrono::seconds kStartLimit{60};
/// A pod may wait for its image or for a node; its backend knows better how long.
constexpr std::chrono::seconds kStartLimitElsewhere{3600};

using Started = Result<backend::Instance>;

Task<void> start_into(backend::Backend& backend, backend::Runtime runtime, Deadline limit,
                      std::shared_ptr<Started> made) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto started = co_await backend.start(std::move(runtime), limit);
    *made = std::move(started);
}

Task<void> end_of(std::shared_ptr<aio::OneShot<bool>> end, Deadline limit) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    co_await end->wait(limit);
}

}  // namespace

Task<bool> PoolSet::wait_turn(std::string key, std::uint64_t start, std::shared_ptr<Signal> hurry) {
    const auto turn = Deadline::after(kGiveWay);
    co_await hurry->wait(turn);
    std::lock_guard lock(mutex_);
    if (const auto pool = pools_.find(key); pool != pools_.end())
        pool->second->put_off.erase(start);
    co_return !stopped_;
}

Task<Result<backend::Instance>> PoolSet::start_unless_ended(Start& wanted) {
    using namespace aio::net::experimental::awaitable_operators;
    const auto limit =
        Deadline::after(backend_.outlives_daemon() ? kStartLimitElsewhere : kStartLimit);
    // Kept beside the race, so that an instance which starts while the end is told is not lost.
    auto made = std::make_shared<Started>(Error(Errc::cancelled, "not wanted any more"));
    auto starting = start_into(backend_, std::move(wanted.runtime), limit, made);
    auto ended = end_of(wanted.end, limit);
    co_await (std::move(starting) || std::move(ended));
    co_return std::move(*made);
}

Task<void> PoolSet::run_start(std::string key, Start wanted) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const auto start = wanted.number;
    if (wanted.hurry && !co_await wait_turn(key, start, std::move(wanted.hurry))) co_return;
    const auto ns = wanted.runtime.environment.ns, name = wanted.runtime.environment.name;
    const auto began = clock_.now();
    auto made = co_await start_unless_ended(wanted);
    if (!made && made.error().code == Errc::cancelled) {
        start_ended(key, start, made.error());
        co_return;
    }
    if (!made) {
        log_.log(telemetry::Level::warn, "executor", "an instance did not start",
                 {{"environment", ns + "/" + name}, {telemetry::kErr, made.error().message}});
        start_ended(key, start, made.error());
        co_return;
    }
    auto record = std::make_shared<InstanceRecord>();
    record->instance = std::move(*made);
    record->pool = key;
    record->ns = ns;
    record->environment = name;
    record->started = began;
    {
        std::lock_guard lock(mutex_);
        ++live_[key];
    }
    table_.add(record);
    start_ended(key, start, record);
}

void PoolSet::start_ended(const std::string& key, std::uint64_t start,
                          Result<InstanceRecordPtr> outcome) {
    Work work;
    InstanceRecordPtr unwanted;
    {
        std::lock_guard lock(mutex_);
        const auto found = pools_.find(key);
        const auto now = clock_.now();
        if (found != pools_.end()) found->second->ends.erase(start);
        PoolEffects fx;
        if (found == pools_.end() || stopped_) {
            if (outcome.has_value()) unwanted = *outcome;
        } else if (outcome.has_value()) {
            auto& pool = *found->second;
            std::optional<std::string> died;
            {
                std::lock_guard record_lock((*outcome)->mutex);
                died = (*outcome)->end_reason;
                if (!died) pool.warm.emplace((*outcome)->instance.id, *outcome);
            }
            if (died) {
                drop_live(key);
                const Error error(Errc::unavailable,
                                  "the instance ended as soon as it had started (" + *died + ")");
                pool.core.start_failed(start, error, now, budget_, fx);
            } else {
                pool.core.started(start, (*outcome)->instance.id, now, budget_, fx);
            }
            collect(key, pool, fx, work);
        } else {
            found->second->core.start_failed(start, outcome.error(), now, budget_, fx);
            collect(key, *found->second, fx, work);
        }
    }
    if (unwanted) hooks_.stop(unwanted);
    perform(std::move(work));
    tick();
}

}  // namespace hearth::executor
