#pragma once

#include <map>
#include <mutex>
#include <unordered_map>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/aio/waiters.hpp"
#include "hearth/trigger/async_calls.hpp"
#include "trigger/async_core.hpp"
#include "trigger/async_policy.hpp"

namespace hearth::trigger {

/// The policies of functions, decoded once per revision. Thread: any.
class PolicyBook {
 public:
    explicit PolicyBook(const catalog::Catalog& catalog) : catalog_(catalog) {}
    /// The defaults for a function that is not there.
    model::Invocation of(const std::string& ns, const std::string& function);
    bool exists(const std::string& ns, const std::string& function) const;

 private:
    static constexpr std::size_t kMost = 10'000;
    struct Known {
        std::int64_t revision = 0;
        model::Invocation policy;
    };
    const catalog::Catalog& catalog_;
    std::mutex mutex_;
    std::unordered_map<std::string, Known> known_;
};

struct AsyncMetrics {
    explicit AsyncMetrics(telemetry::Registry& registry);
    telemetry::Counter& accepted;
    telemetry::Counter& attempts;
    telemetry::Counter& succeeded;
    telemetry::Counter& failed;
    telemetry::Counter& retried;
    telemetry::Gauge& waiting;
    telemetry::Gauge& running;
    telemetry::Gauge& lag;
};

/// The core with its store, its clock and its calls. Lock order: mutex_, then PolicyBook's or the
/// catalog's; never held across a suspension or while a call is spawned.
class AsyncDriver final : public AsyncCalls {
 public:
    AsyncDriver(AsyncOptions options, catalog::Catalog& catalog, catalog::CallQueue& queue,
                Deliverer& deliverer, std::shared_ptr<http::WebClient> web, TopicPublisher* topics,
                aio::Shards& shards, const base::Clock& clock, telemetry::Logger& log,
                telemetry::Registry& metrics);
    ~AsyncDriver() override { stop(Deadline::after(std::chrono::milliseconds(0))); }

    void start() override;
    void begin_drain() override;
    void stop(Deadline deadline) override;

    Task<Result<catalog::AcceptedCall>> accept(catalog::NewCall call,
                                               std::int64_t delay_ms) override;
    Task<Result<catalog::CallRecord>> await_end(std::string id, Deadline deadline) override;
    Task<Result<std::vector<catalog::CallRecord>>> list(catalog::CallQuery query) override;
    Task<Result<void>> edit(std::string id, catalog::CallEdit edit) override;
    Task<Result<void>> redrive(std::string id) override;
    Task<Result<std::size_t>> purge(catalog::CallQuery query) override;
    Task<Result<void>> cancel(std::string id) override;

 private:
    // Each holds a client's connection, which the listener bounds as well.
    static constexpr std::size_t kMostWaiters = 10'000;

    UnixMs now() const;
    int lane_limit(const std::string& lane);
    // async_driver.cpp: what runs when.
    void pump();
    void add(PendingCall call);
    void poke();
    Task<void> run();
    Task<void> keep_retention();
    Task<bool> recover();
    void release(std::int64_t seq);
    bool stopping();
    // async_attempt.cpp: one attempt, from its record to its settlement.
    Task<void> attempt(PendingCall call);
    Task<Result<catalog::CallRecord>> read(std::string id);
    Task<void> give_up(PendingCall call, std::string reason, std::string message);
    Task<invoke::CallAnswer> call_function(const catalog::CallRecord& record, int number);
    Task<invoke::CallAnswer> call_topic(const catalog::CallRecord& record);
    Task<invoke::CallAnswer> call_address(const catalog::CallRecord& record, int number);
    Task<bool> settle(catalog::CallSettlement settlement);
    void log_end(const catalog::CallRecord& record, const catalog::CallSettlement& settlement);
    double random();

    const AsyncOptions options_;
    catalog::CallQueue& queue_;
    Deliverer& deliverer_;
    std::shared_ptr<http::WebClient> web_;
    TopicPublisher* topics_;
    aio::Shards& shards_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    AsyncMetrics metrics_;
    PolicyBook policies_;

    std::mutex mutex_;
    AsyncCore core_;
    bool stopping_ = false;
    std::size_t next_shard_ = 0;
    std::uint64_t random_state_;
    UnixMs lag_told_ = 0;
    std::shared_ptr<aio::OneShot<bool>> nap_;
    aio::Waiters waiters_{kMostWaiters};
    aio::TaskGroup background_, attempts_;
};

}  // namespace hearth::trigger
