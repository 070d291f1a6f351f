#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "hearth/aio/shards.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/kube/client.hpp"

namespace hearth::kube {

struct LeaderLeaseOptions {
    std::string ns, name;  ///< of the coordination.k8s.io/v1 Lease
    /// Unlike every other contender's. A process that comes back under the same identity has its
    /// lease again at once, so it must be one that cannot run twice at a time: pod name and UID.
    std::string identity;
    // duration > renew > 2 * retry must hold, else the defaults are taken.
    std::chrono::milliseconds duration{15'000};  ///< others wait this long without a renewal
    std::chrono::milliseconds renew{
        10'000};  ///< the holder stops acting this long after its last renewal began
    std::chrono::milliseconds retry{
        2'000};  ///< between renewals, and at most between looks of who waits
    LeaderLeaseOptions() = default;
};

/// At most one of the contenders acts at a time, each by its own clock: nobody takes a lease before
/// its whole duration has passed since he saw it change, and its holder stops `renew` after the
/// last renewal was sent. Clocks may be set differently and may run apart by a third. The clock
/// counts on while the machine sleeps. Goes on contending after a loss.
class LeaderLease {
 public:
    struct Listener {
        std::function<void()> acquired;
        std::function<void()> lost;                               ///< held() has been false before
        std::function<void(const std::string& identity)> holder;  ///< who has it now; empty: nobody
    };

    /// `client` and `clock`, which should be a BootClock, outlive it.
    static std::unique_ptr<LeaderLease> make(Client& client, LeaderLeaseOptions options,
                                             aio::Shards& shards, const base::Clock& clock,
                                             telemetry::Logger& log,
                                             telemetry::Registry* metrics = nullptr);
    virtual ~LeaderLease() = default;

    /// Contends from now on; calls the listener on the first shard. Call once.
    virtual void start(Listener listener) = 0;
    /// Whether this process may act now. Costs a read of the clock. Thread: any.
    virtual bool held() const = 0;
    /// Ends contending and gives the lease back, so that another may have it at once; held() is
    /// false before the server is asked. No listener is called once it has returned. Blocks; call
    /// from no shard.
    virtual void release(Deadline deadline) = 0;
};

/// A clock that counts on while the machine sleeps (CLOCK_BOOTTIME): what a lease must be held by.
class BootClock final : public base::Clock {
 public:
    base::SteadyTime now() const override;
    base::WallTime wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace hearth::kube
