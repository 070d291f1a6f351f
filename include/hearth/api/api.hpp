#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hearth/artifact/archive_store.hpp"
#include "hearth/build/builds.hpp"
#include "hearth/catalog/call_queue.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/catalog/run_desk.hpp"
#include "hearth/executor/executor.hpp"
#include "hearth/http/server.hpp"
#include "hearth/http/web_client.hpp"
#include "hearth/telemetry/function_log.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::api {

/// What the API needs of modules it does not know; wired by `app`.
struct Ports {
    /// Conflicts of a route about to be written, as "conflicts with ns/name: reason"; empty: none.
    std::function<std::vector<std::string>(const model::Resource& trigger,
                                           const std::vector<catalog::RecordPtr>& others)>
        route_conflicts;
    /// Calls a function for an exchange on the API listener (role `call`); `target` is the path and
    /// query it sees.
    std::function<Task<void>(http::Exchange&, std::string ns, std::string name, std::string target)>
        call;
    std::function<std::optional<std::string>(std::string_view host, std::string_view method,
                                             std::string_view path)>
        match_route;
    /// The `status` of a trigger that calls by itself (not by requests). Null or empty: nothing is
    /// known of it.
    std::function<boost::json::object(const model::Resource& trigger)> trigger_status;
    /// Fetches archives that packages name by address. Null: no archive is fetched.
    std::shared_ptr<http::WebClient> web;
    catalog::CallDesk* calls = nullptr;   ///< null: there are no asynchronous calls
    catalog::RunDesk* runs = nullptr;     ///< null: there are no runs of workflows
    build::Builds* builds = nullptr;  ///< null: source packages are not built
};

/// A language environment the daemon can start, for `hearth deploy` and the admin page.
struct OfferedEnvironment {
    std::string name, image;
    std::string builder_image;      ///< empty: source packages of it are not built here
    std::filesystem::path starter;  ///< folder that `hearth new` copies; may not exist
    std::vector<std::string> extensions;
    bool available = true;
    std::string remedy;
};

struct ApiOptions {
    bool require_auth = true;
    std::uint64_t max_body_bytes = 16u << 20;
    std::uint64_t max_archive_bytes = 256u << 20;
    std::chrono::milliseconds fetch_timeout{120'000};  ///< of one archive from an address
    std::string gateway_url;                           ///< base of URLs shown to people
    std::vector<OfferedEnvironment> environments;
};

/// The REST API under /api/v1, health and metrics. Thread: handle on any shard.
class Api {
 public:
    static std::unique_ptr<Api> make(ApiOptions options, Ports ports, catalog::Catalog& catalog,
                                     artifact::ArchiveStore& archives, executor::Executor& executor,
                                     backend::Backend& backend, aio::BlockingPool& pool,
                                     telemetry::FunctionLog& function_log, telemetry::Logger& log,
                                     telemetry::Registry& metrics);
    virtual ~Api() = default;
    virtual Task<void> handle(http::Exchange& exchange) = 0;
    /// /readyz answers 503 from now on.
    virtual void begin_drain() = 0;
    /// Ends watches and log followers.
    virtual void stop() = 0;
    /// Removes archives that no package names; returns how many.
    virtual Task<Result<std::size_t>> collect_archives() = 0;
};

/// Makes the first admin token, writes it to `file` (0600) and its hash to the catalog, unless an
/// admin token exists and the file is there. Errors: io, no_space.
Task<Result<void>> ensure_admin_token(catalog::Catalog& catalog, std::filesystem::path file);

}  // namespace hearth::api
