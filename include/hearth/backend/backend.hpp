#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/http/forward.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::backend {

/// A workload of one function's own (executor types newdeploy and container): its instances are the replicas of one
/// Deployment. Backends without such a thing start them one by one.
struct Workload {
    enum class Kind {
        environment,   ///< the environment's image; code is loaded into each replica
        container,     ///< the user's own image, which serves as it starts; nothing is loaded
    } kind = Kind::environment;
    model::Metadata function;
    model::FunctionSpec spec;          ///< scale, autoscaler, pod settings
};

/// What a generic instance is started from.
struct Runtime {
    model::Metadata environment;       ///< its uid names the pool
    model::EnvironmentSpec spec;
    std::string hash;                  ///< of everything that shapes the process; equal hash, interchangeable instances
    /// Variables fixed at start. Empty for pooled instances; a runtime that cannot take variables when code is
    /// loaded (see Features) gets a process of its own with the function's variables here.
    std::map<std::string, std::string> env;
    model::Limits limits;              ///< at start; zero members: the environment's, then the configured default
    std::shared_ptr<const Workload> workload;  ///< null: an instance of the environment's pool
};

/// What one runtime's loader can do beyond Fission's contract; from its env.yaml.
struct Features {
    bool env_at_load = false;          ///< takes `env` in /v2/specialize
    bool zygote = false;               ///< instances are forked from a pre-imported process
    bool workloads = false;            ///< newdeploy and container functions get a Workload of their own
    bool limits_at_load = true;        ///< takes other limits with the code; else they must stand in Runtime::limits
};

/// Code and settings put into a generic instance.
struct LoadRequest {
    std::string code_path;             ///< unpacked folder or single file on this machine; shared, read-only
    std::string digest;
    std::string identity;              ///< hash of all that shapes the loaded instance; an adopted one shows it again
    std::string function_name;         ///< entry point; may be empty
    model::Metadata function;
    std::map<std::string, std::string> env;
    std::map<std::string, std::string> secret_files;  ///< path below /secrets → bytes
    std::map<std::string, std::string> config_files;  ///< path below /configs → bytes
    model::Limits limits;              ///< zero members: unchanged
    LoadRequest() = default;           // a constructor, so that g++ 12.2 handles it in coroutines
};

/// One started instance.
struct Instance {
    std::uint64_t id = 0;              ///< unique for the daemon's life; also http::Upstream::id
    std::string name;                  ///< as people see it: "python-7f3a9c"
    http::Endpoint endpoint;
    std::string host;                  ///< Host header of requests to it; empty: the caller's
    std::int64_t pid = 0;              ///< 0 where there is none to show
    std::string isolation;             ///< what is in force, e.g. "bubblewrap, cgroup v1 (memory, pids, cpu)"
};

/// An instance that was there before anybody asked for it: of an earlier run of the daemon, or a replica that an
/// autoscaler made.
struct FoundInstance {
    Instance instance;
    std::string runtime_hash;          ///< Runtime::hash of what it was started from
    std::string environment_ns, environment;   ///< names
    std::string function_ns, function; ///< of the code in it; empty: generic
    std::string identity;              ///< LoadRequest::identity of that code; empty: generic
};

struct InstanceExit {
    std::uint64_t id = 0;
    enum class Cause { exited, signalled, out_of_memory, stopped } cause = Cause::exited;
    int code = 0;                      ///< exit code or signal number
    std::string last_output;           ///< the last lines of its error stream, at most 4 KiB
};

struct InstanceUsage {
    std::uint64_t rss_bytes = 0;
    std::uint64_t cpu_ms = 0;
};

/// One line of `hearth doctor`.
struct Probe {
    std::string name;                  ///< "sandbox", "memory limit", "python3"…
    enum class State { ok, degraded, missing } state = State::ok;
    std::string detail;                ///< what is in force and, unless ok, what to do about it
};

class Builder;

/// Where instances live. Thread: any; awaitables resume on the caller's shard.
class Backend {
  public:
    virtual ~Backend() = default;
    virtual std::string_view name() const = 0;   ///< "process"
    /// Instances go on when the daemon ends, and the next one finds them: nobody stops them because of a shutdown.
    virtual bool outlives_daemon() const { return false; }

    /// What the environment's runtime can do, or why it cannot run here (unsupported: names image and remedy).
    virtual Result<Features> features(const model::EnvironmentSpec& spec) const = 0;
    /// A generic instance that answers. Errors: unsupported, unavailable (died at start: detail holds its output),
    /// deadline_exceeded, exhausted (too many processes).
    virtual Task<Result<Instance>> start(Runtime runtime, Deadline deadline) = 0;
    /// Puts code in, once per instance. Errors: function_failed (detail: the language's own trace), not_found,
    /// deadline_exceeded, unavailable (it died). After an error the instance is to be stopped.
    virtual Task<Result<void>> load(std::uint64_t id, LoadRequest request, Deadline deadline) = 0;
    /// SIGTERM to its group, after `grace` SIGKILL; returns when nothing of it is left. Unknown ids are ignored.
    virtual Task<void> stop(std::uint64_t id, std::chrono::milliseconds grace) = 0;
    /// Called for each instance that ends, stopped ones included, on the backend's own thread; must not block. Set once, before start().
    virtual void on_exit(std::function<void(const InstanceExit&)> listener) = 0;
    virtual std::optional<InstanceUsage> usage(std::uint64_t id) const = 0;
    virtual std::vector<Probe> probes() const = 0;
    /// Called for each instance found rather than started, on the backend's own thread; must not block. Whoever does
    /// not want it stops it. Set once, before the first start.
    virtual void on_found(std::function<void(const FoundInstance&)> listener) { (void)listener; }
    /// Returns when each instance that was there before has been told of through on_found, so that nothing is started
    /// beside it. Asked before the first start. Errors: unavailable (not known yet, ask again), deadline_exceeded,
    /// cancelled.
    virtual Task<Result<void>> discovered(Deadline deadline) {
        (void)deadline;
        co_return Result<void>();
    }
    /// Nothing will be started from this runtime again: what the backend keeps for it (a Deployment) goes with its
    /// last instance. Unknown hashes are ignored.
    virtual void retire(const std::string& runtime_hash) { (void)runtime_hash; }
    /// The function of a workload was written anew and nothing that shapes its instances changed: what the backend
    /// keeps for it (an autoscaler) follows at once. Must not block. Runtimes that nothing was started from are ignored.
    virtual void update(const Runtime& runtime) { (void)runtime; }
    /// The request a single-request instance now works on, so that its plain output lines get their request id. "" ends it.
    virtual void attribute(std::uint64_t id, std::string_view request_id) = 0;
    /// Where source packages are built, for the backend's life; null: they are not.
    virtual Builder* builder() { return nullptr; }
    /// Ends everything. Blocks; call from a thread that is no shard.
    virtual void shutdown(Deadline deadline) = 0;
};

}  // namespace hearth::backend
