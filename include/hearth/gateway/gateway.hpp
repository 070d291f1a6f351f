#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hearth/catalog/call_queue.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/run_desk.hpp"
#include "hearth/http/server.hpp"
#include "hearth/invoke/invoker.hpp"

namespace hearth::gateway {

struct GatewayOptions {
    std::uint64_t max_body_bytes = 100u << 20;
    bool server_timing = false;                 ///< on every answer; else when the client sends X-Hearth-Timing or the route asks
    std::vector<std::string> trusted_proxies;   ///< CIDRs whose X-Forwarded-* are kept
};

/// A pair of routes of which one would never, or not surely, be reached.
struct RouteConflict {
    std::string with;        ///< "namespace/name" of the present trigger
    std::string reason;
};

/// User traffic: routes, edge checks, then invoke. Thread: handle on any shard; route changes arrive on the catalog's
/// writer thread and are visible before the write returns.
class Gateway {
  public:
    /// `desk` takes asynchronous calls; null: every caller waits. `runs` starts workflows; null: their routes answer 503.
    static std::unique_ptr<Gateway> make(GatewayOptions options, catalog::Catalog& catalog,
                                         executor::Executor& executor, invoke::Invoker& invoker,
                                         telemetry::Logger& log, telemetry::Registry& metrics,
                                         catalog::CallDesk* desk = nullptr, catalog::RunDesk* runs = nullptr);
    virtual ~Gateway() = default;
    /// Builds the table from the catalog and follows it.
    virtual void start() = 0;
    virtual Task<void> handle(http::Exchange& exchange) = 0;
    /// Answers 503 on /readyz-like checks and to new requests of drained listeners.
    virtual void begin_drain() = 0;
    virtual std::size_t routes() const = 0;
    /// Which trigger would take this request, for "which route takes this URL".
    virtual std::optional<std::string> match(std::string_view host, std::string_view method,
                                             std::string_view path) const = 0;
};

/// What `trigger` conflicts with among `others` (same host, path shape and a common method). Pure.
std::vector<RouteConflict> route_conflicts(const model::Metadata& metadata, const model::HttpTriggerSpec& trigger,
                                           const std::vector<catalog::RecordPtr>& others);

}  // namespace hearth::gateway
