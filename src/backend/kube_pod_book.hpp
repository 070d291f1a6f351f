#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/kube_pod_output.hpp"
#include "backend/kube_pod_view.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::backend {

/// What a pod was made from and how to speak to it; written into its annotations, so that the next
/// daemon knows it.
struct PodOrigin {
    std::string runtime_hash;
    std::string environment_ns, environment;
    std::string function_ns, function;  ///< of a replica of a function's own workload; else empty
    std::string workload;               ///< name of its Deployment; empty: a bare pod
    bool container = false;             ///< the user's own image: nothing is loaded into it
    int contract = 3;
    bool env_at_load = false;
    std::uint16_t port = 8888;
};
/// Nothing for a pod that is no instance of this program's making.
std::optional<PodOrigin> origin_of(const PodView& pod);

/// One pod from its order, or from when it was found, until it is gone.
/// Thread: any; what is not const is guarded by `mutex`.
struct PodEntry {
    enum class Stage {
        starting,  ///< not proven yet
        idle,      ///< a replica that is proven and nobody's
        held,      ///< the executor has it
        stopping,  ///< its end was ordered
        over,      ///< no longer an instance; the object may still be there
    };
    PodEntry(std::uint64_t number, std::string namespace_, std::string pod, PodOrigin from)
        : id(number), ns(std::move(namespace_)), name(std::move(pod)), origin(std::move(from)) {}
    std::string key() const { return ns + "/" + name; }

    const std::uint64_t id;
    const std::string ns, name;
    const PodOrigin origin;

    mutable std::mutex mutex;
    Stage stage = Stage::starting;
    std::string uid;        ///< empty: its creation is not answered yet
    PodView view;           ///< the newest state seen; empty name: none
    bool gone = false;      ///< the object is no more
    bool reported = false;  ///< its end was told
    bool load_begun = false;
    bool adopted = false;   ///< was there when the daemon started
    bool examined = false;  ///< its runner is being asked whether it still answers
    bool proving = false;   ///< somebody waits for its runner
    bool refused = false;   ///< the executor gave the replica back; an autoscaler keeps it
    bool stale = false;     ///< holds code that is not the one wanted
    std::string digest, identity, function_ns, function, function_uid;
    std::string service_ip,
        service_host;  ///< where requests go instead of to the pod; empty: to the pod
    std::shared_ptr<PodOutput> output;
    std::vector<std::shared_ptr<aio::OneShot<bool>>> waiters;
};
using PodEntryPtr = std::shared_ptr<PodEntry>;

/// Wakes everybody who waits for a change. Call without the entry's lock.
void wake(PodEntry& entry);
/// Delivered at the next wake(): register first, then look at the state, then wait.
std::shared_ptr<aio::OneShot<bool>> register_waiter(PodEntry& entry, aio::Executor executor);

/// All pods known, by id and by name. Thread: any.
class PodBook {
 public:
    /// `size` shows how many there are.
    explicit PodBook(telemetry::Gauge& size) : size_(size) {}
    /// A new instance. A pod whose containers were restarted gets a new entry under its old name.
    PodEntryPtr add(std::string ns, std::string name, PodOrigin origin);
    void remove(const PodEntry& entry);
    PodEntryPtr find(std::uint64_t id) const;
    PodEntryPtr find(const std::string& key) const;
    std::vector<PodEntryPtr> all() const;
    std::vector<PodEntryPtr> of_workload(const std::string& ns, const std::string& workload) const;
    std::size_t size() const;
    /// A pod on `node` whose runner has this archive; null when there is none but `except`.
    PodEntryPtr with_archive(const std::string& ns, const std::string& node,
                             const std::string& digest, std::uint64_t except) const;

 private:
    telemetry::Gauge& size_;
    mutable std::mutex mutex_;
    std::uint64_t next_id_ = 1;
    std::unordered_map<std::uint64_t, PodEntryPtr> by_id_;
    std::unordered_map<std::string, PodEntryPtr> by_key_;
};

}  // namespace hearth::backend
