#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/access.hpp"
#include "api/authenticator.hpp"
#include "api/entity_tags.hpp"
#include "api/operations.hpp"
#include "api/plan.hpp"
#include "api/reply.hpp"
#include "api/sessions.hpp"
#include "api/wakeup.hpp"
#include "api/write_gate.hpp"
#include "hearth/aio/blocking_pool.hpp"
#include "hearth/api/api.hpp"

namespace hearth::api {

/// The streams that are open, so that a drain can end them. Thread: any.
class Streams {
 public:
    /// Null once streams are to end, or when kMostOpen are open already.
    std::shared_ptr<Wakeup> open();
    void close(const std::shared_ptr<Wakeup>& stream);
    void end_all();
    bool ended() const { return ended_.load(); }
    static constexpr std::size_t kMostOpen = 1000;

 private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<Wakeup>> open_;
    std::atomic<bool> ended_{false};
};

/// What all handlers share. Owner: the Api.
struct Context {
    Context(ApiOptions o, Ports p, catalog::Catalog& c, artifact::ArchiveStore& a,
            executor::Executor& e, backend::Backend& b, aio::BlockingPool& bp,
            telemetry::FunctionLog& fl, telemetry::Logger& l, telemetry::Registry& m);

    ApiOptions options;
    Ports ports;
    catalog::Catalog& catalog;
    artifact::ArchiveStore& archives;
    executor::Executor& executor;
    backend::Backend& backend;
    aio::BlockingPool& pool;
    telemetry::FunctionLog& function_log;
    telemetry::Logger& log;
    telemetry::Registry& metrics;
    base::SystemClock clock;
    std::string started_at;
    Authenticator authenticator;
    Sessions sessions;
    OperationTable table;
    std::string openapi_text;
    WriteGate gate;
    Streams streams;
    std::atomic<bool> draining{false};

    /// For planning: routes, environments and uids of this daemon.
    Surroundings surroundings() const;
};

/// One request after routing and authorisation.
struct Request {
    http::Exchange& exchange;
    const Operation& operation;
    std::string id;
    Access access;
    std::string ns, name, digest, rest;  ///< values of the path, where the template has them
    std::string audit_object;            ///< what a mutating handler worked on
    std::string audit_detail;

    /// A query parameter's value; absent or empty: nothing.
    std::optional<std::string> query(std::string_view name) const;
    std::optional<std::string_view> header(std::string_view name) const;
    /// Only after the dispatcher has checked the parameters' types.
    bool flag(std::string_view name, bool fallback = false) const;
    /// The same of a whole number.
    std::int64_t integer(std::string_view parameter, std::int64_t fallback) const;
    /// "Function ns/name" for operations on one object.
    ObjectKey key() const;
};

using HandlerFunction = Task<Reply> (*)(Context&, Request&);
/// The handler of an operation. Never null.
HandlerFunction handler_of(Op op);

/// Removes archives no package names, younger ones than `min_age_seconds` and those in `kept`
/// excepted.
Task<Result<std::size_t>> collect_unnamed(Context& context, Authorised<ArchiveWrite> proof,
                                          std::int64_t min_age_seconds);

}  // namespace hearth::api
