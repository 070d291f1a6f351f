#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/artifact/archive_store.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/backend/settings_source.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/executor/pool_stats.hpp"
#include "hearth/telemetry/function_log.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::executor {

/// Everything a function's instance is made of, resolved from its resources.
struct FunctionSource {
    model::Metadata metadata;
    model::FunctionSpec spec;
    model::Metadata environment_metadata;
    model::EnvironmentSpec environment;
    std::string digest;                                  ///< of the package's deployment archive
    std::map<std::string, std::string> env;              ///< env and envFrom, resolved
    std::map<std::string, std::string> secret_files;     ///< path below /secrets → bytes
    std::map<std::string, std::string> config_files;
    /// Of all that shapes an instance; labels do not count. An adopted instance shows it (LoadRequest::identity).
    std::string hash;
};

/// Looks a resource up: the catalog, or the catalog under an overlay of documents about to be applied.
using Lookup = std::function<std::optional<model::Resource>(model::Kind, const std::string& ns, const std::string& name)>;

/// Errors: not_found naming the missing Environment, Package, Secret, ConfigMap or key; invalid_argument;
/// unavailable when the package has no deployment archive yet.
Result<FunctionSource> resolve_function(const model::Resource& function, const Lookup& lookup);
/// The Secrets and ConfigMaps a function names, each once. Empty for what decode_function refuses.
std::vector<backend::SettingsRef> settings_of(const model::Resource& function);

/// The policy and identity of one generation of a function; immutable.
struct FunctionInfo {
    model::Metadata metadata;
    model::FunctionSpec spec;
    std::string hash;
};

/// A function by name, for its life. Holders keep it across updates. Opaque outside the executor.
class FunctionSlot;
class Driver;
using FunctionSlotPtr = std::shared_ptr<FunctionSlot>;

/// Where the time of a lease went, for Server-Timing.
struct LeaseTimings {
    std::chrono::nanoseconds queue{0};   ///< waited for a free place
    std::chrono::nanoseconds start{0};   ///< waited for a generic instance
    std::chrono::nanoseconds load{0};    ///< waited for code to be loaded
    bool cold = false;                   ///< this request caused or awaited a load
};

enum class LeaseOutcome { ok, instance_failed /* connection refused or broken: take it out */ };

/// The right to send one request to an instance. Move-only; the destructor releases it as `ok`.
/// Thread: any; one owner.
class [[nodiscard]] Lease {
  public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    explicit operator bool() const { return held_ != nullptr; }
    const http::Upstream& upstream() const;
    const std::string& instance_name() const;
    const FunctionInfo& function() const;
    const LeaseTimings& timings() const { return timings_; }
    void release(LeaseOutcome outcome);
    /// Why the instance ended, once it has; for the 502's text ("oom", "exit code 1", "signal 9").
    std::optional<std::string> end_reason() const;

    struct Held;
    Lease(std::shared_ptr<Held> held, LeaseTimings timings);

  private:
    friend class Driver;
    std::shared_ptr<Held> held_;
    LeaseTimings timings_;
};

struct ExecutorOptions {
    std::size_t queue_per_function = 1000;      ///< requests waiting for a place; past it exhausted
    std::size_t max_instances = 200;            ///< of all functions together, generic ones included
    int max_pool_size = 50;                     ///< refill by arrival rate never goes past it
    std::chrono::milliseconds stop_grace{5'000};
    std::chrono::milliseconds tick{200};        ///< reaping and refilling
    std::size_t parallel_starts = 8;
};

/// Pools, instances and leases. Pure core, this driver around it. Thread: any.
class Executor {
  public:
    static std::unique_ptr<Executor> make(ExecutorOptions options, catalog::Catalog& catalog,
                                          artifact::ArchiveStore& archives, backend::Backend& backend,
                                          aio::Shards& shards, aio::BlockingPool& pool, const base::Clock& clock,
                                          telemetry::FunctionLog& function_log, telemetry::Logger& log,
                                          telemetry::Registry& metrics, backend::SettingsSource* settings = nullptr);
    virtual ~Executor() = default;

    /// Follows the catalog from now on and fills the pools. Call once.
    virtual void start() = 0;
    /// The slot of a function that exists, else null.
    virtual FunctionSlotPtr find(std::string_view ns, std::string_view name) = 0;
    /// The present generation; null once the function is deleted.
    virtual std::shared_ptr<const FunctionInfo> info(const FunctionSlotPtr& slot) const = 0;

    /// A place on an instance without waiting, or an empty lease.
    virtual Lease try_acquire(const FunctionSlotPtr& slot) = 0;
    /// A place on an instance; waits in the bounded, deadline-ordered queue, starts instances as needed.
    /// Errors: not_found (deleted), exhausted (queue or concurrency: 429), deadline_exceeded (component executor),
    /// function_failed (does not load; detail: trace), unavailable (no instance can be had; message why), cancelled.
    virtual Task<Result<Lease>> acquire(FunctionSlotPtr slot, Deadline deadline) = 0;
    /// Names the request an instance of requestsPerPod 1 works on, for its plain log lines.
    virtual void attribute(const Lease& lease, std::string_view request_id) = 0;

    /// What a function about to be written would be made of. `planned` is the catalog as it will then be; Secrets and
    /// ConfigMaps that it does not hold are asked of the cluster. Errors as resolve_function; unavailable and
    /// deadline_exceeded when the cluster's settings cannot be had.
    virtual Task<Result<FunctionSource>> resolve_planned(model::Resource function, Lookup planned, Deadline deadline);

    /// Loads the code of a function about to be written into an instance, and keeps it for up to 30 s under
    /// source.hash, to serve as the first instance once the catalog's change arrives. Errors as acquire.
    virtual Task<Result<void>> prepare(FunctionSource source, Deadline deadline) = 0;

    virtual std::vector<PoolStats> pools() const = 0;
    virtual std::vector<InstanceStats> instances() const = 0;
    /// No new work; waits for leases to end until the deadline; then stops all instances. Blocks; from no shard.
    virtual void stop(Deadline deadline) = 0;
};

}  // namespace hearth::executor
