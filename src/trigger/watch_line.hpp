#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/kube/informer.hpp"
#include "hearth/trigger/kube_watches.hpp"
#include "trigger/watch_memory.hpp"

namespace hearth::trigger {

/// What the lines of all triggers share; outlives them.
struct WatchSurroundings {
    KubeWatchOptions options;
    catalog::TriggerLedger& ledger;
    Deliverer& deliverer;
    aio::Shards& shards;
    aio::BlockingPool& pool;
    const base::Clock& clock;
    telemetry::Logger& log;
    telemetry::Registry& metrics;
    telemetry::Counter& delivered;
    telemetry::Counter& given_up;
    telemetry::Counter& relists;
};

/// A trigger as its object says.
struct WatchDefinition {
    std::string uid, ns, name;
    std::int64_t generation = 0;
    model::KubernetesWatchTriggerSpec spec;
};

/// One trigger's watch: an informer fills a bounded queue, and one call after another empties it.
///
/// Everything runs on the first shard but start, stop and status. When the queue is full the
/// informer is stopped and begun anew, from what has been delivered, once the queue is empty: the
/// API server keeps the rest.
class WatchLine {
 public:
    static constexpr std::size_t kMostQueued = 1000;

    WatchLine(WatchSurroundings& around, WatchDefinition definition, WatchMemory memory);
    ~WatchLine() { stop(Deadline::after(std::chrono::seconds(0))); }

    void start();
    struct Status {
        bool subscribed = false;
        std::string reason = "Starting", message;
        std::size_t queued = 0;
        std::string revision;
        WatchMemory::Counts counts;
    };
    /// Thread: any.
    Status status() const;
    /// A call that runs may end and be recorded until the deadline. Blocks; call from no shard.
    void stop(Deadline patient);
    const WatchDefinition& definition() const { return definition_; }

 private:
    Task<void> run();
    Result<std::string> watched_namespace() const;
    Task<Result<kube::InformerOptions>> prepare(std::string ns);
    Task<bool> follow(kube::InformerOptions options);
    Task<bool> empty_queue();
    Task<bool> deal_with(kube::Notice notice);
    Task<bool> deliver(const kube::Notice& notice);
    Task<bool> write(std::vector<catalog::LedgerWrite> writes);
    Task<void> drop_informer();
    Delivery delivery_of(const kube::Notice& notice) const;
    void take(const kube::Notice& notice);
    void say(bool subscribed, std::string reason, std::string message);
    std::string now_text() const;

    WatchSurroundings& around_;
    const WatchDefinition definition_;
    WatchMemory memory_;  ///< the shard's; what status() shows is copied
    std::deque<kube::Notice> queue_;
    bool overflowed_ = false;
    std::shared_ptr<aio::OneShot<bool>> waiting_;
    std::vector<catalog::LedgerWrite> unwritten_;       ///< of notices that called nobody
    std::atomic<bool> ending_{false}, calling_{false};  ///< calling: until it is recorded

    mutable std::mutex mutex_;  ///< guards what follows
    std::shared_ptr<kube::Informer> informer_;
    Status status_;
    aio::TaskGroup tasks_;
};

}  // namespace hearth::trigger
