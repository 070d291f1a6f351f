#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/kube_pod_view.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"

namespace hearth::backend {

/// What a watch of the installation's pods tells. Called on one thread, in the order of things.
struct PodNews {
    enum class Kind {
        present,  ///< `pod` is its newest state
        absent,   ///< it is not there any more; `certain` unless a list merely lacked it
        synced,   ///< all that was there at the start has been told
    } kind = Kind::present;
    PodView pod;
    bool certain = true;
};

/// A Deployment as far as its scale goes.
struct WorkloadView {
    std::string uid, runtime_hash;
    int replicas = 0;
};

/// The kinds of namespaced objects the backend makes beside pods.
enum class ClusterKind { deployment, autoscaler, service, secret };

/// Everything the backend asks of the cluster: the seam between its logic and Kubernetes' REST API.
/// Thread: any; awaitables resume on the caller's shard. Errors of all: unavailable (cannot be
/// reached, or too busy), forbidden (the message names verb and object to allow),
/// deadline_exceeded, cancelled; and what stands at each.
class Cluster {
 public:
    virtual ~Cluster() = default;

    /// Errors: exhausted (a quota), unsupported (refused by PodSecurity, a webhook or a limit;
    /// detail: its own words), not_found (the namespace), already_exists, invalid_argument.
    virtual Task<Result<PodView>> create_pod(boost::json::object pod, Deadline deadline) = 0;
    /// Not from a cache. Nothing when there is none of that name.
    virtual Task<Result<std::optional<PodView>>> read_pod(std::string ns, std::string name,
                                                          Deadline deadline) = 0;
    /// Of this uid alone; one that is gone or another's is no error. Returns when the deletion is
    /// accepted.
    virtual Task<Result<void>> delete_pod(std::string ns, std::string name, std::string uid,
                                          std::int64_t grace_seconds, Deadline deadline) = 0;
    /// JSON merge patch. Errors: not_found, conflict (`metadata.uid` in the patch is another's).
    virtual Task<Result<void>> patch_pod(std::string ns, std::string name,
                                         boost::json::object patch, Deadline deadline) = 0;
    /// The last `lines` lines of one container, at most 64 KiB.
    virtual Task<Result<std::string>> read_log(std::string ns, std::string name,
                                               std::string container, int lines,
                                               Deadline deadline) = 0;
    /// The output as it is written, each line with its time; returns when it ends. `since`: RFC
    /// 3339 or empty.
    virtual Task<Result<void>> follow_log(std::string ns, std::string name, std::string container,
                                          std::string since,
                                          std::function<void(std::string_view)> on_bytes) = 0;

    /// Makes a Secret unless one of its name is there; gives the data of the one that is (decoded).
    virtual Task<Result<std::map<std::string, std::string>>> keep_secret(boost::json::object secret,
                                                                         Deadline deadline) = 0;
    /// Server-side apply of a whole object; gives it as it then is.
    virtual Task<Result<boost::json::object>> apply(ClusterKind kind, boost::json::object object,
                                                    Deadline deadline) = 0;
    /// Gone already is no error.
    virtual Task<Result<void>> remove(ClusterKind kind, std::string ns, std::string name,
                                      Deadline deadline) = 0;
    /// Not from a cache. Nothing when there is none.
    virtual Task<Result<std::optional<WorkloadView>>> read_workload(std::string ns,
                                                                    std::string name,
                                                                    Deadline deadline) = 0;
    /// Nothing when there is none.
    virtual Task<Result<std::optional<boost::json::object>>> read_service(std::string ns,
                                                                          std::string name,
                                                                          Deadline deadline) = 0;
    /// Names of the installation's Deployments, with their runtime hash: ns/name → hash.
    virtual Task<Result<std::map<std::string, std::string>>> list_workloads(Deadline deadline) = 0;
    /// Errors: not_found.
    virtual Task<Result<void>> scale(std::string ns, std::string name, int replicas,
                                     Deadline deadline) = 0;
    /// The autoscaling API this server has: "autoscaling/v2", else "autoscaling/v2beta2".
    virtual Task<Result<std::string>> autoscaling_api(Deadline deadline) = 0;

    /// Follows the installation's pods until shutdown. Call once.
    virtual void watch_pods(std::function<void(const PodNews&)> listener) = 0;
    /// False while the watch has no connection: what it told may be old.
    virtual bool watching() const = 0;
    /// "v1.34.1". For probes.
    virtual Task<Result<std::string>> version(Deadline deadline) = 0;
    /// Whether this identity may do `verb` on `resource` ("pods", "pods/log", "apps/deployments").
    virtual Task<Result<bool>> may(std::string verb, std::string resource, std::string ns,
                                   Deadline deadline) = 0;
    /// Labels of a namespace; nothing when it does not exist. Errors: forbidden.
    virtual Task<Result<std::optional<std::map<std::string, std::string>>>> namespace_labels(
        std::string ns, Deadline deadline) = 0;
    /// Ends the watch and what else runs. Blocks; call from no shard.
    virtual void stop() = 0;
};

}  // namespace hearth::backend
