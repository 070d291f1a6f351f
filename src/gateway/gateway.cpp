#include "hearth/gateway/gateway.hpp"

#include <sodium.h>

#include <atomic>
#include <stdexcept>

#include <fmt/format.h>

#include "gateway/async_calls.hpp"
#include "gateway/cors.hpp"
#include "gateway/edge.hpp"
#include "gateway/forwarded.hpp"
#include "gateway/route_directory.hpp"
#include "gateway/shard_state.hpp"
#include "gateway/workflow_runs.hpp"
#include "hearth/http/cloud_event.hpp"
#include "hearth/http/problem.hpp"
#include "hearth/http/request_gate.hpp"

namespace hearth::gateway {

namespace {

/// A signed body is held in memory while it is checked; a route may set another bound by
/// maxBodySize.
constexpr std::uint64_t kSignedBody = 1u << 20;
/// Of a client of a workflow's route that sets no timeout.
constexpr std::chrono::seconds kRunPatience{60};
/// The most shards the configuration allows.
constexpr std::size_t kMaxShards = 1024;

/// One request on its way through the edge.
struct Work {
    explicit Work(ShardState& s) : shard(s), scratch(s.take_scratch()) {}
    ~Work() { shard.give_back(std::move(scratch)); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    ShardState& shard;
    std::unique_ptr<Scratch> scratch;
    SnapshotPtr snapshot;
    std::string request_id;
    std::string canonical;  ///< only filled when the path as received is not canonical
    std::string_view path;
    const Route* route = nullptr;
    std::uint64_t max_body = 0;
    executor::FunctionSlotPtr function;
    std::optional<std::string> call_id;  ///< of the call whose result is asked for
    std::optional<std::string> run_id;   ///< of the run whose result is asked for
};

class GatewayImpl final : public Gateway {
 public:
    GatewayImpl(GatewayOptions options, TrustedProxies proxies, catalog::Catalog& catalog,
                executor::Executor& executor, invoke::Invoker& invoker, catalog::CallDesk* desk,
                catalog::RunDesk* runs, telemetry::Logger& log, telemetry::Registry& registry)
        : options_(std::move(options)),
          proxies_(std::move(proxies)),
          catalog_(catalog),
          executor_(executor),
          invoker_(invoker),
          desk_(desk),
          runs_(runs),
          metrics_(registry),
          shards_(kMaxShards),
          directory_(catalog, log, registry) {}

    void start() override { directory_.start(); }
    void begin_drain() override { draining_.store(true, std::memory_order_relaxed); }
    std::size_t routes() const override { return directory_.snapshot().table.size(); }

    std::optional<std::string> match(std::string_view host, std::string_view method,
                                     std::string_view path) const override {
        const auto canonical = http::canonical_path(path);
        if (!canonical) return std::nullopt;
        const auto snapshot = directory_.snapshot();
        const auto found = snapshot.table.match(normal_host(host), method_bit(method), *canonical);
        if (found.route == nullptr) return std::nullopt;
        return found.route->qualified;
    }

    Task<void> handle(http::Exchange& exchange) override {
        Work work(shard_at(exchange.shard()));
        work.snapshot = work.shard.present(directory_);
        work.request_id = invoke::request_id_of(exchange.request(), work.shard.request_ids);
        auto answer = examine(exchange, work);
        if (work.call_id) answer = co_await fetch_result(exchange, work);
        if (work.run_id) answer = co_await fetch_run(exchange, work);
        if (!answer && work.route->auth && work.route->auth->hmac)
            answer = co_await check_body(exchange, work);
        if (!answer && work.route->cloud_events != model::HttpTriggerSpec::Events::none)
            answer = co_await check_event(exchange, work);
        if (!answer && work.route->workflow) answer = co_await start_run(exchange, work);
        if (!answer) {
            work.function = work.shard.function(*work.route, executor_);
            if (!work.function) answer.emplace(no_function(*work.route, work.request_id));
        }
        if (!answer && desk_ != nullptr && wants_async(exchange, work))
            answer = co_await accept_call(exchange, work);
        if (answer) {
            co_await respond(exchange, work, *answer);
            co_return;
        }
        invoke::Call call;
        prepare_call(exchange, work, call);
        metrics_.count(Outcome::routed);
        const auto report = co_await invoker_.serve(exchange, call);
        if (!report.component.empty()) work.shard.forget(*work.route);
        const std::chrono::duration<double> taken =
            std::chrono::steady_clock::now() - exchange.received_at();
        metrics_.answered(report.status, report.component, taken.count());
    }

 private:
    ShardState& shard_at(std::size_t index) {
        if (index >= shards_.size())
            throw std::logic_error("more shards than the configuration allows");
        auto& state = shards_[index];
        if (!state) state = std::make_unique<ShardState>();
        return *state;
    }

    /// Finds the route and checks what can be checked without the body. An answer: the request ends
    /// here.
    std::optional<EdgeAnswer> examine(http::Exchange& exchange, Work& work) {
        const auto& head = exchange.request();
        work.path = head.path();
        if (!is_plain_path(work.path)) {
            auto canonical = http::canonical_path(work.path);
            if (!canonical) return refuse(Outcome::bad_request, canonical.error(), work.request_id);
            work.canonical = std::move(*canonical);
            work.path = work.canonical;
        }
        if (auto answer = find_route(head, work)) return answer;
        if (work.call_id || work.run_id) return std::nullopt;

        const auto& route = *work.route;
        if (route.cors) add_cors_headers(*route.cors, head, work.scratch->response_headers);
        if (route.auth && route.auth->api_keys) {
            if (auto checked = check_api_key(*route.auth->api_keys, catalog_, head); !checked) {
                return unauthenticated(route, checked.error(), work.request_id);
            }
        }
        work.max_body = route.max_body.value_or(options_.max_body_bytes);
        exchange.set_max_body(work.max_body);
        if (head.content_length && *head.content_length > work.max_body) {
            return too_large(work.max_body, work.request_id);
        }
        return std::nullopt;
    }

    std::optional<EdgeAnswer> find_route(const http::RequestHead& head, Work& work) {
        const auto& table = work.snapshot->table;
        std::string host;
        if (table.has_hosts()) host = normal_host(head.headers.find("Host").value_or(""));
        if (is_preflight(head)) {
            const auto asked =
                method_bit(head.headers.find("Access-Control-Request-Method").value_or(""));
            const auto target = table.match(host, asked, work.path);
            if (target.route != nullptr && target.route->cors)
                return preflight(*target.route, head, work);
        }
        const auto found = table.match(host, method_bit(head.method), work.path);
        work.route = found.route;
        if (found.route != nullptr) return std::nullopt;
        if (found.allowed == 0) {
            if (auto health = health_answer(head, work)) return health;
            if (desk_ != nullptr && (head.method == "GET" || head.method == "HEAD"))
                work.call_id = call_id_of(work.path);
            if (runs_ != nullptr && (head.method == "GET" || head.method == "HEAD"))
                work.run_id = run_id_of(work.path);
            if (work.call_id || work.run_id) return std::nullopt;
            return no_route(head, work.path, work.request_id);
        }
        if (head.method == "OPTIONS" && (found.allowed & kOptions) != 0) {
            http::ResponseHead options;
            options.status = 204;
            options.headers.add("Allow", method_list(found.allowed));
            return EdgeAnswer(Outcome::preflight, std::move(options), {});
        }
        return no_method(head, work.path, found.allowed, work.request_id);
    }

    EdgeAnswer preflight(const Route& route, const http::RequestHead& head, Work& work) {
        http::ResponseHead allowed;
        allowed.status = 204;
        auto refused = answer_preflight(route, head, allowed.headers);
        if (!refused) return EdgeAnswer(Outcome::preflight, std::move(allowed), {});
        work.scratch->response_headers.add("Vary", "Origin");
        return refuse(
            Outcome::preflight,
            Error(Errc::forbidden, fmt::format("HTTPTrigger {}: {}", route.qualified, *refused)),
            work.request_id);
    }

    /// Fission's router paths, as long as no route takes them.
    std::optional<EdgeAnswer> health_answer(const http::RequestHead& head, const Work& work) const {
        if (head.method != "GET" && head.method != "HEAD") return std::nullopt;
        if (work.path != "/router-healthz" && work.path != "/readyz") return std::nullopt;
        if (work.path == "/readyz" && draining_.load(std::memory_order_relaxed)) {
            return refuse(Outcome::health, Error(Errc::unavailable, "The daemon is stopping"),
                          work.request_id);
        }
        http::ResponseHead ok;
        ok.headers.add("Content-Type", "text/plain; charset=utf-8");
        return EdgeAnswer(Outcome::health, std::move(ok), "ok\n");
    }

    /// Reads the body whole, compares its signature and puts it back for the function.
    Task<std::optional<EdgeAnswer>> check_body(http::Exchange& exchange, Work& work) {
        const auto limit =
            work.route->max_body.value_or(std::min(kSignedBody, options_.max_body_bytes));
        auto body = co_await exchange.read_body_all(limit);
        std::optional<EdgeAnswer> answer;
        if (!body) {
            if (body.error().code == Errc::too_large) {
                answer.emplace(too_large(limit, work.request_id));
            } else {
                answer.emplace(refuse(Outcome::bad_request, body.error(), work.request_id));
            }
            co_return answer;
        }
        const auto checked = check_signature(*work.route->auth, catalog_, exchange.request(), *body,
                                             base::SystemClock().wall());
        if (checked) {
            exchange.replay_body(std::move(*body));
        } else {
            answer.emplace(unauthenticated(*work.route, checked.error(), work.request_id));
        }
        co_return answer;
    }

    /// Reads the event, refuses what is none, and puts it back in the mode that the function wants.
    Task<std::optional<EdgeAnswer>> check_event(http::Exchange& exchange, Work& work) {
        const auto limit =
            work.route->max_body.value_or(std::min(kSignedBody, options_.max_body_bytes));
        auto body = co_await exchange.read_body_all(limit);
        std::optional<EdgeAnswer> answer;
        if (!body) {
            answer.emplace(refuse(Outcome::bad_request, body.error(), work.request_id));
            co_return answer;
        }
        auto event = http::read_cloud_event(exchange.request().headers, *body);
        if (!event) {
            const int status = event.error().code == Errc::unsupported ? 415 : 400;
            answer.emplace(refuse(Outcome::bad_request, event.error(), work.request_id));
            answer->head.status = status;
            co_return answer;
        }
        auto& headers = work.scratch->request_headers;
        if (work.route->cloud_events == model::HttpTriggerSpec::Events::binary) {
            http::set_binary_headers(*event, headers);
            exchange.replay_body(std::move(event->data));
        } else {
            headers.set("Content-Type", http::kStructuredEvent);
            exchange.replay_body(http::structured_body(*event));
        }
        co_return answer;
    }

    static bool wants_async(const http::Exchange& exchange, const Work& work) {
        const auto& head = exchange.request();
        return !head.websocket_upgrade && (work.route->async || asks_for_async(head.headers));
    }

    /// Stores the request as a call to be made; the client is told once that is durable.
    Task<std::optional<EdgeAnswer>> accept_call(http::Exchange& exchange, Work& work) {
        std::optional<EdgeAnswer> answer;
        const auto& head = exchange.request();
        auto wishes = async_wishes(head.headers);
        if (!wishes) {
            answer.emplace(refuse(Outcome::bad_request, wishes.error(), work.request_id));
            co_return answer;
        }
        auto body = co_await exchange.read_body_all(work.max_body);
        if (!body) {
            answer.emplace(refuse(Outcome::bad_request, body.error(), work.request_id));
            co_return answer;
        }
        const auto& route = *work.route;
        auto& headers = work.scratch->request_headers;
        const auto peer = exchange.peer_address();
        add_route_headers(route, work.path, head.query(), headers, work.scratch->text);
        add_forwarding_headers(head, peer, proxies_.contains(peer), headers, work.scratch->text);
        catalog::NewCall call;
        call.request.ns = route.ns();
        call.request.function = route.function;
        call.request.method = head.method;
        call.request.target = function_target(route, work.path, head);
        call.request.headers = kept_headers(head.headers, headers, work.request_id);
        call.request.body = std::move(*body);
        call.origin = "HTTPTrigger/" + route.qualified;
        call.idempotency_key = std::move(wishes->idempotency_key);
        auto accepted = co_await desk_->accept(std::move(call), wishes->delay_ms);
        if (accepted) {
            answer.emplace(accepted_answer(*accepted, head.headers));
        } else {
            answer.emplace(refuse(Outcome::bad_request, accepted.error(), work.request_id));
        }
        co_return answer;
    }

    Task<std::optional<EdgeAnswer>> fetch_result(http::Exchange& exchange, Work& work) {
        std::optional<EdgeAnswer> answer;
        const auto wait = wait_of(exchange.request().query());
        if (!wait) {
            answer.emplace(refuse(Outcome::bad_request, wait.error(), work.request_id));
            co_return answer;
        }
        const auto deadline = Deadline::after(*wait);
        auto record = co_await desk_->await_end(*work.call_id, deadline);
        if (record) {
            answer.emplace(result_answer(*record, work.request_id));
        } else {
            answer.emplace(refuse(Outcome::no_route, record.error(), work.request_id));
        }
        co_return answer;
    }

    /// Starts a run for the request and waits for it as long as the route says, or not at all.
    Task<std::optional<EdgeAnswer>> start_run(http::Exchange& exchange, Work& work) {
        std::optional<EdgeAnswer> answer;
        auto wishes = async_wishes(exchange.request().headers);
        auto body = co_await exchange.read_body_all(work.max_body);
        if (!wishes || !body || runs_ == nullptr) {
            const Error none(Errc::unavailable, "this daemon runs no workflows", {}, "gateway");
            answer.emplace(refuse(Outcome::bad_request,
                                  !wishes ? wishes.error()
                                  : !body ? body.error()
                                          : none,
                                  work.request_id));
            co_return answer;
        }
        const auto& route = *work.route;
        catalog::RunStart start;
        start.ns = route.ns();
        start.workflow = route.function;
        start.input = catalog::run_input(std::move(*body));
        start.origin = "HTTPTrigger/" + route.qualified;
        start.idempotency_key = std::move(wishes->idempotency_key);
        auto accepted = co_await runs_->start_run(std::move(start));
        if (!accepted) {
            answer.emplace(refuse(Outcome::bad_request, accepted.error(), work.request_id));
            co_return answer;
        }
        if (wants_async(exchange, work)) {
            answer.emplace(run_accepted(accepted->row));
            co_return answer;
        }
        const Deadline deadline(exchange.received_at() + route.timeout.value_or(kRunPatience));
        answer.emplace(co_await run_result(accepted->row.id, deadline, work));
        co_return answer;
    }

    Task<std::optional<EdgeAnswer>> fetch_run(http::Exchange& exchange, Work& work) {
        std::optional<EdgeAnswer> answer;
        const auto wait = wait_of(exchange.request().query());
        if (!wait) {
            answer.emplace(refuse(Outcome::bad_request, wait.error(), work.request_id));
            co_return answer;
        }
        answer.emplace(co_await run_result(*work.run_id, Deadline::after(*wait), work));
        co_return answer;
    }

    Task<EdgeAnswer> run_result(std::string id, Deadline deadline, Work& work) {
        auto row = co_await runs_->await_end(id, deadline);
        if (!row) co_return refuse(Outcome::no_route, row.error(), work.request_id);
        if (row->phase != catalog::RunPhase::succeeded) co_return run_answer(*row, work.request_id);
        auto detail = co_await runs_->describe(std::move(id), false);
        if (!detail) co_return refuse(Outcome::no_route, detail.error(), work.request_id);
        co_return run_output(*detail);
    }

    Task<void> respond(http::Exchange& exchange, Work& work, EdgeAnswer& answer) {
        metrics_.count(answer.outcome);
        const auto& extra = work.scratch->response_headers;
        for (std::size_t i = 0; i < extra.size(); ++i)
            answer.head.headers.add(extra.at(i).name, extra.at(i).value);
        answer.head.headers.add("X-Request-Id", work.request_id);
        // A client that left meanwhile is the server's to notice.
        auto sent = co_await exchange.respond(std::move(answer.head), std::move(answer.body));
        static_cast<void>(sent);
    }

    void prepare_call(http::Exchange& exchange, Work& work, invoke::Call& call) const {
        const auto& head = exchange.request();
        const auto& route = *work.route;
        auto& headers = work.scratch->request_headers;
        const auto peer = exchange.peer_address();
        add_route_headers(route, work.path, head.query(), headers, work.scratch->text);
        add_forwarding_headers(head, peer, proxies_.contains(peer), headers, work.scratch->text);

        call.function = work.function;
        call.request_id = work.request_id;
        call.target = function_target(route, work.path, head);
        if (route.timeout) call.deadline = Deadline(exchange.received_at() + *route.timeout);
        call.max_body = work.max_body;
        call.request_headers = &headers;
        if (work.scratch->response_headers.size() > 0)
            call.response_headers = &work.scratch->response_headers;
        call.server_timing =
            options_.server_timing || route.server_timing || head.headers.has("X-Hearth-Timing");
    }

    const GatewayOptions options_;
    const TrustedProxies proxies_;
    catalog::Catalog& catalog_;
    executor::Executor& executor_;
    invoke::Invoker& invoker_;
    catalog::CallDesk* const desk_;
    catalog::RunDesk* const runs_;
    GatewayMetrics metrics_;
    std::atomic<bool> draining_{false};
    std::vector<std::unique_ptr<ShardState>> shards_;  ///< each one touched by its shard alone
    RouteDirectory directory_;
};

}  // namespace

std::unique_ptr<Gateway> Gateway::make(GatewayOptions options, catalog::Catalog& catalog,
                                       executor::Executor& executor, invoke::Invoker& invoker,
                                       telemetry::Logger& log, telemetry::Registry& metrics,
                                       catalog::CallDesk* desk, catalog::RunDesk* runs) {
    if (sodium_init() < 0) throw std::logic_error("libsodium cannot be initialised");
    TrustedProxies proxies;
    for (const auto& cidr : options.trusted_proxies) {
        if (const auto added = proxies.add(cidr); !added) {
            log.log(telemetry::Level::error, "gateway", "a trusted proxy is left out",
                    {{telemetry::kErr, added.error().message}});
        }
    }
    return std::make_unique<GatewayImpl>(std::move(options), std::move(proxies), catalog, executor,
                                         invoker, desk, runs, log, metrics);
}

}  // namespace hearth::gateway
