#include "app/front_door.hpp"

#include "hearth/aio/one_shot.hpp"
#include "hearth/http/problem.hpp"

namespace hearth::app {
namespace {

constexpr std::string_view kComponent = "replica";

/// Takes one of the places for waiting requests for as long as it lives.
class Held {
 public:
    Held(std::atomic<std::size_t>& count, std::size_t most)
        : count_(count), within_(count.fetch_add(1) < most) {}
    ~Held() { count_.fetch_sub(1); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    bool within() const { return within_; }

 private:
    std::atomic<std::size_t>& count_;
    bool within_;
};

/// Methods that change nothing (RFC 9110 section 9.2.1).
bool repeatable(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

std::string request_id_of(const http::Exchange& exchange) {
    return std::string(exchange.request().headers.find("X-Request-Id").value_or(""));
}

}  // namespace

void FrontDoor::lead(http::Handler handler) {
    own_ = std::make_unique<const http::Handler>(std::move(handler));
    leading_.store(own_.get(), std::memory_order_release);
}

void FrontDoor::follow(std::optional<http::Endpoint> leader) {
    std::lock_guard lock(mutex_);
    if (leader_) last_led_ = std::chrono::steady_clock::now();
    if (!leader) {
        leader_.reset();
        return;
    }
    if (leader_ && leader_->endpoint == *leader) return;
    // A new id, so that no connection to the leader before it is used again.
    leader_.emplace();
    leader_->id = ++next_id_;
    leader_->endpoint = std::move(*leader);
}

bool FrontDoor::open() const {
    if (leading_.load(std::memory_order_acquire) != nullptr) return true;
    std::lock_guard lock(mutex_);
    if (leader_) return true;
    return last_led_ != std::chrono::steady_clock::time_point{} &&
           std::chrono::steady_clock::now() - last_led_ < options_.patience;
}

std::optional<http::Upstream> FrontDoor::leader() const {
    std::lock_guard lock(mutex_);
    return leader_;
}

Task<void> FrontDoor::lead_on(const http::Handler& own, http::Exchange& exchange) {
    if (options_.reads_only_when_fenced && fenced_.load(std::memory_order_relaxed) &&
        !repeatable(exchange.request().method)) {
        Error unsure(
            Errc::unavailable,
            "this replica could not renew its lease, so it changes nothing until it has; try again",
            {}, std::string(kComponent));
        co_await refuse(exchange, 503, std::move(unsure));
        co_return;
    }
    relay_.accept(exchange);
    co_await own(exchange);
}

Task<bool> FrontDoor::answer_probe(http::Exchange& exchange) {
    const auto path = exchange.request().path();
    const bool readiness = path == "/readyz";
    if (!readiness && path != "/healthz" && path != "/router-healthz") co_return false;
    http::ResponseHead head;
    std::string text = "ok\n";
    if (readiness && !open()) {
        head.status = 503;
        text = "no replica leads yet\n";
    }
    head.headers.add("Content-Type", "text/plain");
    const auto sent = co_await exchange.respond(std::move(head), std::move(text));
    (void)sent.has_value();
    co_return true;
}

Task<void> FrontDoor::handle(http::Exchange& exchange) {
    if (const auto* own = leading_.load(std::memory_order_acquire)) {
        co_await lead_on(*own, exchange);
        co_return;
    }
    const bool probe = co_await answer_probe(exchange);
    if (probe) co_return;
    std::optional<Held> held;
    const auto limit = Deadline::after(options_.patience);
    while (true) {
        if (const auto* own = leading_.load(std::memory_order_acquire)) {
            co_await lead_on(*own, exchange);
            co_return;
        }
        if (const auto to = leader()) {
            const auto step = co_await pass_on(exchange, *to);
            if (step == Step::done) co_return;
        }
        if (!held) held.emplace(held_, options_.most_held);
        if (!held->within()) {
            Error full(Errc::unavailable,
                       "too many requests wait for a replica to take over; try again", {},
                       std::string(kComponent));
            co_await refuse(exchange, 503, std::move(full));
            co_return;
        }
        if (limit.passed() || exchange.client_gone()) break;
        const bool on = co_await aio::sleep_until(Deadline::after(options_.look));
        if (!on) co_return;
    }
    Error none(Errc::unavailable,
               "no replica has taken over; `kubectl get lease` shows who holds the lease", {},
               std::string(kComponent));
    co_await refuse(exchange, 503, std::move(none));
}

Task<FrontDoor::Step> FrontDoor::pass_on(http::Exchange& exchange, http::Upstream leader) {
    http::ForwardPlan plan;
    plan.target = exchange.request().target;
    const auto headers = relay_.headers(exchange);
    plan.set_headers = {&headers};
    const auto result = co_await forwarder_.forward(exchange, leader, plan);
    if (!result.error || exchange.response_started() || result.client_fault) co_return Step::done;
    const bool unsent = result.stage == http::ForwardStage::not_connected;
    const bool safe = unsent || repeatable(exchange.request().method);
    if (safe && !result.body_consumed) co_return Step::again;
    Error gone(Errc::unavailable, "the leading replica went away while it worked on the request",
               {}, std::string(kComponent));
    co_await refuse(exchange, 502, std::move(gone));
    co_return Step::done;
}

Task<void> FrontDoor::refuse(http::Exchange& exchange, int status, Error error) {
    if (exchange.response_started() || exchange.client_gone()) co_return;
    exchange.close_after();
    auto head = http::problem_head(status);
    auto body = http::problem_body(status, error, request_id_of(exchange));
    const auto sent = co_await exchange.respond(std::move(head), std::move(body));
    (void)sent.has_value();
}

}  // namespace hearth::app
