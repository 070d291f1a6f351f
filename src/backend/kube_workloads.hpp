#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backend/kube_cluster.hpp"
#include "backend/kube_pod_book.hpp"
#include "backend/kube_pod_factory.hpp"
#include "backend/kube_runner_client.hpp"
#include "backend/kube_secrets.hpp"
#include "hearth/telemetry/log.hpp"

namespace hearth::backend {

/// What a Deployment's scale should be. Pure.
struct ScaleInput {
    bool autoscaled = false;
    int replicas = 0;  ///< as last set or read
    int held = 0;      ///< replicas the executor has
    int pending = 0;   ///< starts that wait for one
};
int wanted_replicas(const ScaleInput& input);

/// Deployments of functions of their own, one per runtime: scaled by what is held and waited for,
/// or by an autoscaler between one and its maximum. Ready replicas go to whoever waits; others are
/// told of as found. Thread: any.
class Workloads {
 public:
    struct Hooks {
        std::function<Task<Result<RunnerState>>(PodEntryPtr, Deadline)> prove;
        std::function<Instance(const PodEntry&)> describe;
        std::function<void(const PodEntryPtr&, const RunnerState&)> found;
        std::function<void(std::string, Task<void>)> spawn;
        /// With a mesh: requests to the replica go to this Service.
        std::function<void(PodEntry&, const std::string& name, const boost::json::object&)>
            served_by;
        /// Waits until that Service leads to a ready replica.
        std::function<Task<Result<void>>(PodEntryPtr, Deadline)> reach;
    };
    Workloads(const KubernetesBackendOptions& options, const PodFactory& factory, Cluster& cluster,
              Secrets& secrets, PodBook& book, telemetry::Logger& log, Hooks hooks);

    Task<Result<Instance>> start(Runtime runtime, Deadline deadline);
    /// A replica's pod appeared: proves it, then gives it away. Ends when that is done or has
    /// failed.
    Task<void> take_in(PodEntryPtr entry);
    /// The executor does not want it any more. True: the autoscaler keeps it; false: its pod is to
    /// be deleted, and its Deployment is one smaller.
    Task<bool> give_back(PodEntryPtr entry, Deadline deadline);
    /// It ended by itself.
    void lost(const PodEntryPtr& entry);
    void retire(const std::string& runtime_hash);
    /// The function was written anew: its autoscaler follows.
    void update(const Runtime& runtime);
    /// The pods that were there are known: reads the Deployments of earlier daemons and removes
    /// those nobody asks for.
    void resume();

 private:
    using Waiter = aio::OneShot<Result<PodEntryPtr>>;
    struct State {
        std::string ns, name, hash;
        mutable std::mutex mutex;
        std::optional<Runtime>
            runtime;  ///< absent: of an earlier daemon, nothing was started from it yet
        bool autoscaled = false;
        bool ensured = false;   ///< the Deployment is there
        bool outdated = false;  ///< its autoscaler is not yet as the runtime says
        bool retired = false, removed = false;
        bool running = false, dirty = false;  ///< the reconciler
        int replicas = 0;
        std::optional<Deadline> shrink_at;  ///< a smaller scale is set then, whatever is not ready
        boost::json::object service;        ///< with a mesh: as the server has it
        std::deque<std::shared_ptr<Waiter>> waiters;
        std::vector<std::shared_ptr<aio::OneShot<bool>>>
            settled;          ///< told when there is nothing left to do
        std::string trouble;  ///< why the last step did not succeed
    };
    using StatePtr = std::shared_ptr<State>;

    StatePtr state_of(const Runtime& runtime);
    StatePtr state_of(const PodEntry& entry);
    PodEntryPtr take_idle(const State& state) const;
    int count(const State& state, PodEntry::Stage stage) const;
    void touch(const StatePtr& state);
    Task<void> reconcile(StatePtr state);
    Task<Result<void>> step(StatePtr state);
    Task<Result<void>> resize(StatePtr state, ScaleInput input);
    bool calm(const State& state) const;
    Task<void> mark_spare(const State& state);
    bool take_settings(State& state, const Runtime& runtime) const;
    Task<Result<void>> ensure(StatePtr state, Runtime runtime);
    Task<Result<void>> form_autoscaler(StatePtr state, Runtime runtime);
    Task<Result<void>> remove_all(StatePtr state);
    Task<void> mark_for_removal(PodEntryPtr entry);
    Task<void> settle(StatePtr state, Deadline deadline);
    Task<Result<PodEntryPtr>> wait_for_one(StatePtr state, Deadline deadline);
    bool offer(const StatePtr& state, const PodEntryPtr& entry);
    void fail_waiters(const StatePtr& state, const Error& error);
    Task<Result<void>> serve_by_service(StatePtr state, PodEntryPtr entry, Deadline deadline);
    Task<void> read_earlier();

    const KubernetesBackendOptions& options_;
    const PodFactory& factory_;
    Cluster& cluster_;
    Secrets& secrets_;
    PodBook& book_;
    telemetry::Logger& log_;
    const Hooks hooks_;
    mutable std::mutex mutex_;
    std::map<std::string, StatePtr> states_;  ///< by namespace/name
};

}  // namespace hearth::backend
