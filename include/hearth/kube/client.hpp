#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/aio/blocking_pool.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/shards.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/kube/access.hpp"
#include "hearth/kube/request_options.hpp"
#include "hearth/kube/resource_type.hpp"
#include "hearth/kube/status.hpp"
#include "hearth/telemetry/log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::kube {

struct ClientOptions {
    double requests_per_second = 50;  ///< of the whole daemon; a watch counts once
    std::size_t burst = 100;
    std::size_t idle_connections = 8;  ///< kept open per shard
    std::chrono::milliseconds idle_timeout{30'000};
    std::chrono::milliseconds connect_timeout{5'000};  ///< TCP and TLS of one address
    std::uint64_t max_response = 256u << 20;           ///< bytes of one answer
    std::string user_agent = "hearth";
    std::string field_manager = "hearth";
};

/// An API server over HTTP/1.1. Objects are JSON, as the server sends them.
///
/// Every call waits for the request budget, is repeated after a 429 (or a 503 with Retry-After)
/// when the server allows, and once after a 401 with fresh credentials, all within its deadline. A
/// request whose kept-alive connection turned out closed before any byte of an answer is sent again
/// unless it is a create. Errors of all: status.hpp; what differs stands at each. Thread: any. On a
/// shard, a call resumes there and uses that shard's connections; on another loop it makes one of
/// its own.
class Client {
 public:
    /// Connects only when something is asked. `shards` and `pool` outlive it. Errors:
    /// invalid_argument (the certificates).
    static Result<std::unique_ptr<Client>> make(Access access, ClientOptions options,
                                                aio::Shards& shards, aio::BlockingPool& pool,
                                                telemetry::Logger& log,
                                                telemetry::Registry& metrics);
    virtual ~Client() = default;

    virtual Task<Result<boost::json::object>> get(ResourceType type, std::string ns,
                                                  std::string name, Deadline deadline) = 0;
    /// All pages. An empty `ns` means all namespaces. Begins again when the continue token expires
    /// on the way, at last without pages.
    virtual Task<Result<ObjectList>> list(ResourceType type, std::string ns, ListOptions options,
                                          Deadline deadline) = 0;
    /// apiVersion and kind are filled in. Errors: already_exists.
    virtual Task<Result<boost::json::object>> create(ResourceType type, std::string ns,
                                                     boost::json::object object,
                                                     Deadline deadline) = 0;
    /// Replaces; a metadata.resourceVersion makes it conditional (conflict).
    virtual Task<Result<boost::json::object>> update(ResourceType type, std::string ns,
                                                     std::string name, boost::json::object object,
                                                     Deadline deadline) = 0;
    /// create and update with options.
    virtual Task<Result<boost::json::object>> write(ResourceType type, std::string ns,
                                                    std::string name, boost::json::object object,
                                                    WriteOptions options, Deadline deadline) = 0;
    /// Errors: conflict (a uid or resourceVersion in the patch, or with apply a field of another
    /// manager).
    virtual Task<Result<boost::json::object>> patch(ResourceType type, std::string ns,
                                                    std::string name, boost::json::value patch,
                                                    PatchOptions options, Deadline deadline) = 0;
    /// Returns when the deletion is accepted. Errors: not_found, conflict (a precondition).
    virtual Task<Result<void>> remove(ResourceType type, std::string ns, std::string name,
                                      DeleteOptions options, Deadline deadline) = 0;
    /// All that the selectors match. Errors: invalid_argument (no namespace for a kind that has
    /// them).
    virtual Task<Result<void>> remove_all(ResourceType type, std::string ns, ListOptions which,
                                          DeleteOptions options, Deadline deadline) = 0;
    /// One watch, events in order on this shard; Informer is what one usually wants. Errors:
    /// cancelled, and those of a request that was not accepted.
    virtual Task<Result<WatchEnd>> watch(ResourceType type, std::string ns, WatchOptions options,
                                         std::function<bool(WatchEvent)> on_event) = 0;
    /// A container's output as it comes, in pieces; on_bytes gives false to stop. With follow,
    /// until the container ends.
    virtual Task<Result<void>> logs(std::string ns, std::string pod, LogOptions options,
                                    std::function<bool(std::string_view)> on_bytes,
                                    Deadline deadline) = 0;
    /// "v1.34.1".
    virtual Task<Result<std::string>> version(Deadline deadline) = 0;
    /// The type of a kind by the server's discovery, kept for ten minutes. `api_version` empty: of
    /// any group. Errors: not_found (no such group, version or kind).
    virtual Task<Result<ResourceType>> discover(std::string api_version, std::string kind,
                                                Deadline deadline) = 0;
    /// What the calls above do not cover. `target` is a path with its query; a null body is none.
    virtual Task<Result<boost::json::value>> request(std::string method, std::string target,
                                                     boost::json::value body,
                                                     Deadline deadline) = 0;
    /// From now on requests that change something are sent only while `may_write` says yes; else they fail with
    /// unavailable. It is asked right before each, on any thread. Urgent requests are not asked for: they are what
    /// it depends on.
    virtual void fence(std::function<bool()> may_write) = 0;
    /// The same client for the few things that must not wait for the request budget, such as a
    /// lease. Lives as long.
    virtual Client& urgent() = 0;
    virtual const Access& access() const = 0;
    /// Ends what is running (cancelled) and closes all connections. Blocks; call from a thread that
    /// is no shard, before the shards stop.
    virtual void stop() = 0;
};

}  // namespace hearth::kube
