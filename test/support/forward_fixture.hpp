#pragma once

#include <future>
#include <string>
#include <vector>

#include "hearth/http/problem.hpp"
#include "support/http_fixture.hpp"
#include "support/raw_client.hpp"

namespace hearth::test {

/// A server whose handler forwards everything to one upstream and answers with the error when that
/// fails. Set the public fields before the first request; they are read on the server's shard.
class ForwardFixture {
 public:
    explicit ForwardFixture(http::Endpoint upstream, std::size_t shards = 1)
        : fixture_(shards), forwarder_(fixture_.forwarder()) {
        upstream_.id = 1;
        upstream_.endpoint = std::move(upstream);
        endpoint_ = fixture_.serve([this](http::Exchange& e) { return handle(e); }).endpoint();
    }

    const http::Endpoint& endpoint() const { return endpoint_; }
    http::Forwarder& forwarder() { return forwarder_; }
    HttpFixture& base() { return fixture_; }

    /// The result of the oldest forwarded exchange that was not asked for yet; waits for it.
    http::ForwardResult result() {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_for(lock, std::chrono::seconds(10),
                               [this] { return !results_.empty(); })) {
            throw std::runtime_error("no exchange ended within ten seconds");
        }
        auto first = std::move(results_.front());
        results_.erase(results_.begin());
        return first;
    }

    void set_upstream_host(std::string host) { upstream_.host = std::move(host); }

    http::HeaderList set_headers;
    std::vector<std::string> drop_prefixes;
    std::string drop_cookie;
    std::chrono::milliseconds timeout{20'000};
    std::chrono::milliseconds idle{0};
    std::uint64_t max_body = 100u << 20;
    http::ResponseHook* hook = nullptr;
    bool allow_websocket = true;

 private:
    Task<void> handle(http::Exchange& exchange) {
        http::ForwardPlan plan;
        plan.target = exchange.request().target;
        plan.set_headers = {&set_headers};
        plan.drop_prefixes = &drop_prefixes;
        plan.drop_cookie = drop_cookie;
        plan.deadline = Deadline::after(timeout);
        plan.idle_timeout = idle;
        plan.max_request_body = max_body;
        plan.hook = hook;
        plan.allow_websocket = allow_websocket;
        auto result = co_await forwarder_.forward(exchange, upstream_, plan);
        if (result.error && !exchange.response_started() && !exchange.client_gone()) {
            const int status = http::status_of(result.error->code);
            auto head = http::problem_head(status);
            auto body = http::problem_body(status, *result.error, {});
            auto sent = co_await exchange.respond(std::move(head), std::move(body));
            (void)sent.has_value();
        }
        {
            std::lock_guard lock(mutex_);
            results_.push_back(std::move(result));
        }
        arrived_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<http::ForwardResult> results_;
    http::Upstream upstream_;
    http::Endpoint endpoint_;
    HttpFixture fixture_;
    http::Forwarder& forwarder_;
};

}  // namespace hearth::test
