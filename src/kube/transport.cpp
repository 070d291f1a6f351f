#include "kube/transport.hpp"

#include <boost/json/stream_parser.hpp>

#include "hearth/aio/one_shot.hpp"
#include "kube/status_error.hpp"

namespace hearth::kube {
namespace json = boost::json;
namespace {

using Steady = std::chrono::steady_clock;

/// After a 429 that does not say how long.
constexpr std::chrono::seconds kBusyPause{1};
constexpr int kMostAttempts = 12;
constexpr std::size_t kMostRefusal = 64 * 1024;
constexpr std::size_t kDeepestJson = 128;

Error stopped() {
    return Error(Errc::cancelled, "the Kubernetes client was stopped");
}

Error cancelled() {
    return Error(Errc::cancelled, "the caller was cancelled");
}

Error not_json(const std::string& why) {
    return Error(Errc::unavailable,
                 "the Kubernetes API server gave an answer that is no JSON: " + why, {},
                 std::string(kComponent));
}

Error fenced_off() {
    return Error(Errc::unavailable,
                 "this replica does not hold the leader lease, so it changes nothing in the "
                 "cluster until it has it again",
                 {}, std::string(kComponent));
}

/// A read may be sent again whatever became of it, and so may what names its object; a create may
/// not.
bool repeatable(const HttpRequest& request) {
    return request.method != "POST";
}

/// How long to wait before the same request; nothing when it is not to be repeated.
std::optional<std::chrono::seconds> pause_after(const ReplyHead& head) {
    if (head.status == 429) return head.retry_after.value_or(kBusyPause);
    if (head.status >= 500 && head.retry_after) return head.retry_after;
    return std::nullopt;
}

}  // namespace

Transport::Transport(Access access, const ClientOptions& options, aio::Shards& shards,
                     aio::BlockingPool& pool, telemetry::Logger& log, telemetry::Registry& metrics)
    : plan_{std::move(access), options.user_agent, options.connect_timeout},
      options_(options),
      metrics_(metrics),
      credentials_(plan_.access, pool),
      budget_(options.requests_per_second, static_cast<double>(options.burst)),
      connections_(shards, options.idle_connections, options.idle_timeout),
      tasks_(log) {}

void Transport::stop() {
    if (stopped_.exchange(true)) return;
    tasks_.cancel();
    connections_.close(stopped());
    tasks_.join_blocking(Deadline::after(std::chrono::seconds(10)));
}

void Transport::fence(std::function<bool()> may_write) {
    std::lock_guard lock(mutex_);
    may_write_ = std::make_shared<const std::function<bool()>>(std::move(may_write));
}

bool Transport::fenced(const Call& call) {
    if (call.urgent || call.http.method == "GET") return false;
    std::shared_ptr<const std::function<bool()>> may_write;
    {
        std::lock_guard lock(mutex_);
        may_write = may_write_;
    }
    return may_write && !(*may_write)();
}

Result<std::shared_ptr<TlsContext>> Transport::tls_for(const Credential& credential) {
    if (!plan_.access.tls) return std::shared_ptr<TlsContext>();
    std::lock_guard lock(mutex_);
    if (tls_ && tls_->made_of(credential)) return tls_;
    auto made = TlsContext::make(plan_.access, credential);
    if (made) tls_ = *made;
    return made;
}

void Transport::sign(HttpRequest& request, const Credential& credential) const {
    const auto& access = plan_.access;
    request.headers.clear();
    if (!credential.authorization.empty())
        request.headers.emplace_back("Authorization", credential.authorization);
    if (!access.impersonate_user.empty())
        request.headers.emplace_back("Impersonate-User", access.impersonate_user);
    for (const auto& group : access.impersonate_groups)
        request.headers.emplace_back("Impersonate-Group", group);
}

/// Waits for the request's place in the budget.
Task<Result<void>> Transport::admit(Deadline deadline) {
    const auto wait = budget_.take(Steady::now(), deadline.left());
    if (!wait) {
        co_return Error(Errc::exhausted,
                        "the daemon's budget of requests to Kubernetes is used up for longer than "
                        "this request can wait",
                        {}, std::string(kComponent));
    }
    if (wait->count() == 0) co_return Result<void>();
    metrics_.throttled(*wait);
    const bool on = co_await aio::sleep_until(Deadline::after(*wait));
    if (!on) co_return cancelled();
    co_return Result<void>();
}

Task<Result<Line>> Transport::fresh(Credential credential, Deadline deadline) {
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    auto tls = tls_for(credential);
    if (!tls) co_return tls.error();
    // In the books before it connects, so that stop() cuts it there too.
    Line line(connections_.of(executor), std::make_unique<Connection>(plan_, *tls, executor));
    auto connected = co_await line->connect(deadline);
    if (!connected) co_return connected.error();
    (line->resumed() ? metrics_.resumed : metrics_.fresh).add();
    co_return std::move(line);
}

Task<Result<Transport::Attempt>> Transport::attempt_on(Line line, HttpRequest request,
                                                       std::uint64_t credential,
                                                       Deadline deadline) {
    auto head = co_await line->begin(std::move(request), deadline);
    if (!head) co_return head.error();
    Attempt done{std::move(line), std::move(*head), credential};
    co_return std::move(done);
}

Task<Result<Transport::Attempt>> Transport::attempt(Call call, Deadline deadline) {
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    auto credential = co_await credentials_.present(deadline);
    if (!credential) co_return credential.error();
    const auto version = credential->version;
    sign(call.http, *credential);
    const auto home = connections_.of(executor);
    while (auto kept = home ? home->take_idle() : nullptr) {
        metrics_.reused.add();
        Line line(home, std::move(kept));
        HttpRequest copy = call.http;
        auto head = co_await line->begin(std::move(copy), deadline);
        if (head) {
            Attempt done{std::move(line), std::move(*head), version};
            co_return std::move(done);
        }
        const bool again = line->untouched() && repeatable(call.http) &&
                           head.error().code == Errc::unavailable && !stopped_;
        if (!again) co_return head.error();
    }
    auto opened = co_await fresh(std::move(*credential), deadline);
    if (!opened) co_return opened.error();
    auto done = co_await attempt_on(std::move(*opened), std::move(call.http), version, deadline);
    co_return std::move(done);
}

void Transport::count(const Call& call, const Result<Attempt>& result, Steady::time_point began) {
    const auto code = result ? std::to_string(result->head.status)
                             : std::string(base::to_string(result.error().code));
    metrics_.request(call.verb, call.resource, code, Steady::now() - began);
}

/// Reads a failed answer's body, which also frees the connection, and makes the error of it.
Task<Error> Transport::refusal(Attempt& refused, Deadline deadline) {
    std::string body;
    while (body.size() < kMostRefusal) {
        auto piece = co_await refused.line->read(deadline);
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        body.append(*piece);
    }
    co_return status_error(refused.head.status, body);
}

Task<Result<Line>> Transport::open(Call call, Deadline deadline) {
    bool renewed = false;
    for (int attempts = 1;; ++attempts) {
        if (stopped_) co_return stopped();
        if (!call.urgent) {
            auto admitted = co_await admit(deadline);
            if (!admitted) co_return admitted.error();
        }
        if (fenced(call)) co_return fenced_off();
        const auto began = Steady::now();
        Call copy = call;
        auto result = co_await attempt(std::move(copy), deadline);
        count(call, result, began);
        if (!result) co_return result.error();
        if (result->head.status < 400) co_return std::move(result->line);
        auto error = co_await refusal(*result, deadline);
        if (result->head.status == 401 && !renewed) {
            renewed = true;
            credentials_.refused(result->credential);
            continue;
        }
        const auto pause = pause_after(result->head);
        if (!pause || *pause > deadline.left() || attempts >= kMostAttempts) co_return error;
        const bool on = co_await aio::sleep_until(Deadline::after(*pause));
        if (!on) co_return cancelled();
    }
}

Task<Result<json::value>> Transport::fetch(Call call, Deadline deadline) {
    auto line = co_await open(std::move(call), deadline);
    if (!line) co_return line.error();
    json::parse_options depth;
    depth.max_depth = kDeepestJson;
    json::stream_parser parser(json::storage_ptr(), depth);
    std::string text;
    const bool as_json = (*line)->head_is_json();
    std::uint64_t bytes = 0;
    for (;;) {
        auto piece = co_await (*line)->read(deadline);
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        bytes += piece->size();
        if (bytes > options_.max_response)
            co_return Error(Errc::too_large,
                            "an answer of the Kubernetes API server is larger than the limit of " +
                                std::to_string(options_.max_response) + " bytes",
                            {}, std::string(kComponent));
        boost::system::error_code ec;
        // Parsed piece by piece, so that a list of megabytes does not hold the shard up.
        if (as_json) {
            parser.write(piece->data(), piece->size(), ec);
            if (ec) co_return not_json(ec.message());
        } else {
            text.append(*piece);
        }
    }
    if (!as_json) co_return json::value(text);
    boost::system::error_code ec;
    parser.finish(ec);
    if (ec) co_return not_json(ec.message());
    co_return parser.release();
}

Task<bool> Transport::answers(Deadline deadline) {
    Call call("GET", "/version", "get", "version");
    call.urgent = true;
    auto answer = co_await fetch(std::move(call), deadline);
    if (answer) co_return true;
    // Any status shows that somebody is there.
    co_return !reason_of(answer.error()).empty() || answer.error().code == Errc::forbidden ||
        answer.error().code == Errc::unauthenticated || answer.error().code == Errc::not_found;
}

}  // namespace hearth::kube
