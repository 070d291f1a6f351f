#include "hearth/api/api.hpp"

#include "api/content.hpp"
#include "api/context.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/session.hpp"
#include "hearth/http/request_gate.hpp"

namespace hearth::api {
namespace {

constexpr std::int64_t kMinArchiveAge = 3600;

/// Answers of an API are no pages: nothing may be guessed, framed, cached or run from them.
void add_fixed_headers(http::HeaderList& headers, const std::string& request_id) {
    headers.set("X-Request-Id", request_id);
    headers.set("X-Content-Type-Options", "nosniff");
    if (!headers.has("Content-Security-Policy"))
        headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    headers.set("Referrer-Policy", "no-referrer");
    if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
}

/// Whether a path that is not canonical is so because of "." or "..": no object has such a name.
bool has_dot_segment(std::string_view path) {
    const auto decoded = http::percent_decode(path, false);
    if (!decoded) return false;
    const std::string text = *decoded + "/";
    return text.find("/./") != std::string::npos || text.find("/../") != std::string::npos;
}

/// A namespace the token may not see hides its objects from reads, and refuses writes and lists.
std::optional<Reply> check_namespace(const Request& request) {
    if (request.ns.empty() || request.access.sees(request.ns)) return std::nullopt;
    const bool by_name = !request.name.empty();
    const auto& method = request.exchange.request().method;
    const bool reads =
        method == "GET" || method == "HEAD" || request.operation.op == Op::call_function;
    if (by_name && reads) {
        const std::string what =
            request.operation.kind ? to_string(request.key()) : request.ns + "/" + request.name;
        return problem(request.id, Error(Errc::not_found, "there is no " + what, {}, "api"));
    }
    return problem(request.id,
                   Error(Errc::forbidden,
                         "the token " + request.access.who().name + " is for the namespace " +
                             request.access.who().ns + ", not for " + request.ns,
                         {}, "api"));
}

class ApiImpl final : public Api {
 public:
    template <class... Arguments>
    explicit ApiImpl(Arguments&&... arguments) : context_(std::forward<Arguments>(arguments)...) {}

    Task<void> handle(http::Exchange& exchange) override {
        const std::string id = request_id_of(exchange.request());
        Reply reply = co_await answer(exchange, id);
        if (reply.sent) co_return;
        if (exchange.response_started()) {
            exchange.close_after();
            co_return;
        }
        add_fixed_headers(reply.head.headers, id);
        http::ResponseHead head = std::move(reply.head);
        std::string body = std::move(reply.body);
        const auto written = co_await exchange.respond(std::move(head), std::move(body));
        if (written.has_error()) exchange.close_after();
    }

    void begin_drain() override {
        context_.draining.store(true);
        context_.streams.end_all();
    }

    void stop() override { context_.streams.end_all(); }

    Task<Result<std::size_t>> collect_archives() override {
        Principal daemon;
        daemon.name = "daemon";
        daemon.role = Role::admin;
        daemon.all_namespaces = true;
        const Access access(daemon);
        auto allowed = access.authorise_archives(Role::admin);
        if (!allowed) co_return allowed.error();
        auto proof = std::move(*allowed);
        co_return co_await collect_unnamed(context_, std::move(proof), kMinArchiveAge);
    }

 private:
    Task<Reply> answer(http::Exchange& exchange, const std::string& id) {
        const auto& head = exchange.request();
        const auto path = http::canonical_path(head.path());
        if (!path) co_return problem(id, path.error(), has_dot_segment(head.path()) ? 404 : 400);
        const auto match = context_.table.match(head.method, *path);
        if (match.operation == nullptr) co_return no_operation(id, match);
        Request request{exchange, *match.operation, id, Access(), {}, {}, {}, {}, {}, {}};
        auto refused = admit(request, match.values);
        Reply reply;
        if (refused) {
            reply = std::move(*refused);
        } else {
            reply = co_await run(request);
        }
        note(request, reply);
        co_return reply;
    }

    Reply no_operation(const std::string& id, const Match& match) const {
        if (match.allow.empty()) {
            return problem(
                id, Error(Errc::not_found,
                          "nothing is served at this path; see /api/v1/openapi.json", {}, "api"));
        }
        Reply reply = problem(
            id,
            Error(Errc::invalid_argument, "this path answers " + match.allow + " only", {}, "api"),
            405);
        reply.head.headers.set("Allow", match.allow);
        return reply;
    }

    /// Who it is, whether they may, and whether the request is well-formed, in this order.
    std::optional<Reply> admit(Request& request, const PathValues& values) {
        const auto& head = request.exchange.request();
        for (const auto& [name, value] : values) {
            if (name == "ns") request.ns = value;
            if (name == "name") request.name = value;
            if (name == "digest") request.digest = value;
            if (name == "rest") request.rest = value;
        }
        if (request.operation.role) {
            auto access = identify(context_, request);
            if (!access) return problem(request.id, access.error());
            request.access = std::move(*access);
            if (!context_.options.require_auth &&
                head.headers.find("Sec-Fetch-Site") == "cross-site") {
                return problem(
                    request.id,
                    Error(Errc::forbidden, "another site's page may not use this API", {}, "api"));
            }
            if (!request.access.has(*request.operation.role)) return role_too_low(request);
        }
        for (const auto* name : {&request.ns, &request.name}) {
            if (name->empty() || is_name(*name)) continue;
            return problem(
                request.id,
                Error(Errc::invalid_argument,
                      "names and namespaces are DNS labels: lower-case letters, digits and '-', at "
                      "most 63",
                      {}, "api"));
        }
        if (auto foreign = check_namespace(request)) return foreign;
        if (request.operation.op == Op::call_function) return std::nullopt;
        if (auto good = check_parameters(request.operation, head.query()); good.has_error()) {
            return problem(request.id, good.error());
        }
        const auto accept = head.headers.find("Accept");
        if (accept && !accepts_answer(*accept, request.operation)) {
            return problem(
                request.id,
                Error(Errc::invalid_argument,
                      "the answer is " + request.operation.media + "; Accept must allow it", {},
                      "api"),
                406);
        }
        return std::nullopt;
    }

    static bool accepts_answer(std::string_view accept, const Operation& operation) {
        return operation.media == "*/*" || accepts(accept, operation.media);
    }

    static Reply role_too_low(const Request& request) {
        return problem(request.id, Error(Errc::forbidden,
                                         "this needs the role " +
                                             std::string(to_string(*request.operation.role)) +
                                             "; the token " + request.access.who().name + " has " +
                                             std::string(to_string(request.access.who().role)),
                                         {}, "api"));
    }

    /// A fault of ours becomes an answer that names the request, and a line in the log.
    Task<Reply> run(Request& request) {
        std::string thrown;
        try {
            co_return co_await handler_of(request.operation.op)(context_, request);
        } catch (const std::exception& e) {
            thrown = e.what();
        }
        context_.log.log(telemetry::Level::error, "api", "a handler threw",
                         {{"operation", request.operation.id},
                          {telemetry::kErr, thrown},
                          {telemetry::kRequestId, request.id}});
        co_return problem(
            request.id,
            Error(Errc::internal, "a fault of the daemon; its log has the request id", {}, "api"));
    }

    void note(const Request& request, const Reply& reply) {
        const int status = reply.sent ? request.exchange.response_status() : reply.head.status;
        context_.metrics
            .counter("hearth_api_requests_total",
                     "Requests of the REST API by operation and class of status.",
                     {{"operation", request.operation.id},
                      {"code", std::to_string(status / 100) + "xx"}})
            .add();
        if (!request.operation.mutates) return;
        std::string object = request.audit_object;
        if (object.empty())
            object = request.name.empty() ? request.operation.path : to_string(request.key());
        const auto who = request.access.who().name;
        context_.log.log(telemetry::Level::info, "api", "audit",
                         {{"who", who.empty() ? "unauthenticated" : who},
                          {"verb", request.operation.id},
                          {"object", object},
                          {"outcome", request.audit_detail},
                          {"status", std::to_string(status)},
                          {"peer", std::string(request.exchange.peer_address())},
                          {telemetry::kRequestId, request.id}});
    }

    Context context_;
};

}  // namespace

std::unique_ptr<Api> Api::make(ApiOptions options, Ports ports, catalog::Catalog& catalog,
                               artifact::ArchiveStore& archives, executor::Executor& executor,
                               backend::Backend& backend, aio::BlockingPool& pool,
                               telemetry::FunctionLog& function_log, telemetry::Logger& log,
                               telemetry::Registry& metrics) {
    return std::make_unique<ApiImpl>(std::move(options), std::move(ports), catalog, archives,
                                     executor, backend, pool, function_log, log, metrics);
}

}  // namespace hearth::api
