#include "runner/environment.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

#include "runner/exchange.hpp"

namespace hearth::runner {
namespace {

namespace http = beast::http;
namespace json = boost::json;

constexpr auto kFirstPause = std::chrono::milliseconds(5);
constexpr auto kLongestPause = std::chrono::milliseconds(50);
constexpr auto kOneAsk = std::chrono::seconds(1);
constexpr auto kConnect = std::chrono::milliseconds(250);
/// Of a trace; more than any person reads.
constexpr std::size_t kKeptAnswer = 64 * 1024;

std::string body_of(const LoadOrder& order, const std::string& code) {
    json::object body;
    body["filepath"] = code;
    body["functionName"] = order.function_name;
    body["url"] = "";
    body["FunctionMetadata"] = order.metadata;
    body["envVersion"] = order.environment_version;
    // Only Hearth's own loaders know it, so the others are not shown an empty one.
    if (!order.env.empty()) body["env"] = order.env;
    return json::serialize(body);
}

Exchange::Request request_of(const LoadOrder& order, const std::string& code) {
    const bool first = order.contract == 1;
    auto request = Exchange::request(http::verb::post, first ? "/specialize" : "/v2/specialize");
    request.set(http::field::content_type, first ? "text/plain" : "application/json");
    if (!first) request.body() = body_of(order, code);
    return request;
}

}  // namespace

Environment::Environment(Executor executor, std::optional<Endpoint> endpoint)
    : executor_(executor),
      endpoint_(endpoint),
      changed_(executor, Clock::time_point::max()),
      pause_(executor),
      ready_(!endpoint) {}

void Environment::stop() {
    stopping_ = true;
    pause_.cancel();
    changed_.cancel();
}

Task<void> Environment::watch() {
    Clock::duration pause = kFirstPause;
    while (!ready_ && !stopping_) {
        ready_ = co_await answers();
        if (ready_ || stopping_) break;
        pause_.expires_after(pause);
        co_await pause_.async_wait(use_task);
        pause = std::min<Clock::duration>(pause * 2, kLongestPause);
    }
    changed_.cancel();
}

/// Images need not know /healthz: any answer will do but one that says that it is not up yet. A
/// generic runtime answers 500 to what it takes for a call.
Task<bool> Environment::answers() {
    Exchange exchange(executor_, *endpoint_);
    auto status = co_await exchange.send(Exchange::request(http::verb::get, "/healthz"),
                                         Clock::now() + kOneAsk);
    co_return status.has_value() && (*status <= 501 || *status > 504);
}

Task<bool> Environment::wait_ready(Clock::time_point until) {
    while (!ready_ && !stopping_ && Clock::now() < until) {
        Timer limit(executor_, until);
        limit.async_wait([this](boost::system::error_code ec) {
            if (!ec) changed_.cancel();
        });
        co_await changed_.async_wait(use_task);
    }
    co_return ready_;
}

Task<bool> Environment::listens() {
    if (!endpoint_) co_return true;
    co_return co_await accepts_connections(executor_, *endpoint_, kConnect);
}

Task<Result<void>> Environment::specialize(const LoadOrder& order, std::string code,
                                           Clock::time_point deadline) {
    Exchange exchange(executor_, *endpoint_);
    auto status = co_await exchange.send(request_of(order, code), deadline);
    if (!status) {
        Fault fault = status.error();
        if (fault.status == 502) fault.code = "environment_gone";
        co_return fault;
    }
    if (*status >= 200 && *status < 300) co_return Result<void>();
    auto text = co_await exchange.text(kKeptAnswer, deadline);
    Fault fault(422, "function_failed", text ? std::move(*text) : std::string());
    fault.environment_status = *status;
    co_return fault;
}

}  // namespace hearth::runner
