#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "hearth/aio/deadline.hpp"
#include "hearth/base/result.hpp"
#include "hearth/kube/leader_lease.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::app {

/// Makes this replica the one that serves, when its turn comes. Thread: its own for take_over and
/// give_way, a shard for the other hooks.
class Leadership {
 public:
    struct Hooks {
        /// Opens the data and starts everything. Called again when it fails, as long as the lease
        /// is held: a leader that ends may still hold the data. May block.
        std::function<Result<void>()> take_over;
        /// Address of the replica that leads; nothing: nobody does.
        std::function<void(std::optional<std::string> host)> leader;
        /// Whether it is unsure that this replica still leads alone.
        std::function<void(bool unsure)> fence;
        /// Another replica has taken over from this one, which can only end now.
        std::function<void()> replaced;
    };
    Leadership(std::unique_ptr<kube::LeaderLease> lease, std::string identity, Hooks hooks,
               telemetry::Logger& log);
    ~Leadership();
    Leadership(const Leadership&) = delete;
    Leadership& operator=(const Leadership&) = delete;

    void start();
    bool leads() const;
    /// Waits for a take-over that is under way; none begins afterwards.
    void stop_taking_over();
    /// Lets another replica take over. Everything that acts has ended. Blocks up to the deadline.
    void release(Deadline deadline);

    /// "name@host": what the Lease shows of its holder.
    static std::string identity_of(const std::string& name, const std::string& host);
    /// The host in it.
    static std::optional<std::string> host_of(const std::string& identity);

 private:
    void run();
    void on_holder(const std::string& holder);

    std::unique_ptr<kube::LeaderLease> lease_;
    const std::string identity_;
    const Hooks hooks_;
    telemetry::Logger& log_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool acquired_ = false, leads_ = false, ending_ = false;
    std::thread thread_;
};

}  // namespace hearth::app
