#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "hearth/aio/shards.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "trigger/queue_core.hpp"
#include "trigger/queue_link.hpp"
#include "trigger/queue_texts.hpp"

namespace hearth::trigger {

/// What a trigger tells of itself.
struct QueueStatus {
    std::string state = "Connecting", message;
    base::WallTime since{};
    bool connected = false;
    std::optional<std::int64_t> lag;
    std::size_t in_flight = 0, held = 0;
    std::vector<int> partitions;
    std::uint64_t delivered = 0, retried = 0, failed = 0, dropped = 0;
    std::string last_error;
    std::optional<base::WallTime> last_error_at, last_delivery_at;
};

/// What a runner needs; all of it outlives the runner.
struct QueueSurroundings {
    aio::Shards& shards;
    Deliverer& deliverer;
    telemetry::Logger& log;
    telemetry::Registry& metrics;
    LinkMaker make_link;
    /// Blocks for some seconds at most. Errors: not_found, unavailable.
    std::function<Result<std::map<std::string, std::string>>(const std::string& ns,
                                                             const std::string& name)>
        secret;
    /// The function's time limit.
    std::function<std::chrono::milliseconds(const std::string& ns, const std::string& function)>
        call_limit;
    std::chrono::milliseconds first_pause{500}, longest_pause{30'000};  ///< between two links
    std::chrono::milliseconds stop_patience{4'000};  ///< for what runs when it is stopped
};

/// One trigger: a thread that keeps a link to the broker, starts calls and does what their ends ask
/// for. The calls themselves run on the shards. Thread: any for the public members.
class QueueRunner final : private LinkListener {
 public:
    QueueRunner(QueueNames names, const QueueSurroundings& around);
    ~QueueRunner() override;  // stops and joins

    void start();
    /// Takes no more messages, waits for what runs, leaves the broker. Returns at once.
    void begin_stop();
    bool stopped() const { return stopped_; }
    /// The Secret was changed: the link is made anew.
    void reconnect();
    const QueueNames& names() const { return names_; }
    QueueStatus status() const;

 private:
    struct Publication {
        std::uint64_t unit = 0;
        std::size_t left = 0;
        PublishOutcome worst = PublishOutcome::done;
    };
    struct Partition {
        Partition(QueuePolicy policy, std::uint64_t life) : core(policy), generation(life) {}
        QueueCore core;
        std::uint64_t generation;
        std::map<std::int64_t, QueueMessage> messages;
        std::map<std::uint64_t, CallEnd> ends;  ///< of units that are published
        std::map<std::uint64_t, Publication> publications;
        std::optional<std::int64_t> stored;
        std::size_t bytes = 0;  ///< of `messages`
        bool paused = false;
    };
    /// Where a call or a publication belongs; stale once the partition has gone and come.
    struct Place {
        int partition = 0;
        std::uint64_t generation = 0, unit = 0;
    };
    struct Completion {
        Place place;
        CallOutcome outcome = CallOutcome::withheld;
        CallEnd end;
    };
    struct Meeting;
    class Ticket;
    static constexpr std::size_t kMostBytes = 16u << 20;  ///< held of one partition

    // LinkListener
    void on_message(QueueMessage message) override;
    void on_assigned(const std::vector<int>& partitions) override;
    void on_revoked(std::chrono::milliseconds patience) override;
    void on_lost() override;
    void on_published(std::uint64_t token, std::optional<PublishFault> fault) override;

    void run();
    Result<LinkSettings> gather();
    bool run_link(QueueLink& link);
    void step();
    void start_calls(base::SteadyTime now);
    void call(int number, Partition& partition, const Unit& unit);
    static Task<void> deliver(Deliverer& deliverer, Delivery delivery, Ticket ticket);
    void take_completions();
    void take_refusals();
    void act(int number, Partition& partition, Verdict verdict);
    void publish(int number, Partition& partition, const Verdict& verdict);
    void settle(Partition& partition, const Unit& unit);
    void keep_positions();
    void keep_alive(base::SteadyTime now);
    void rest(base::SteadyTime until);
    void tell(const LinkState& state);
    void tell_failure(const Error& error);
    void note_error(const std::string& words);
    bool stopping() const;
    QueuePolicy policy() const;
    std::uint64_t lane_of(const QueueMessage& message) const;
    double draw();

    const QueueNames names_;
    const QueueSurroundings& around_;
    const std::shared_ptr<Meeting> meeting_;
    std::thread thread_;
    std::atomic<bool> stopped_{false};

    // The thread's own.
    QueueLink* link_ = nullptr;
    std::map<int, Partition> partitions_;
    std::map<std::uint64_t, Place> tokens_;
    std::vector<std::pair<std::uint64_t, PublishFault>> refused_at_once_;
    std::uint64_t next_token_ = 1, generations_ = 0;
    std::size_t in_flight_ = 0, next_shard_ = 0;
    int next_partition_ = 0;  ///< whose turn it is to start a call
    std::string publish_trouble_, call_trouble_;
    base::SteadyTime next_touch_{};
    std::uint64_t chance_ = 0;

    mutable std::mutex status_mutex_;
    QueueStatus status_;
    telemetry::Counter &delivered_, &retried_, &failed_, &dropped_;
    telemetry::Gauge &connected_gauge_, &lag_gauge_, &in_flight_gauge_;
    aio::TaskGroup calls_;
};

}  // namespace hearth::trigger
