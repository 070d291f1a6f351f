#include "hearth/invoke/invoker.hpp"

#include <boost/json/parse.hpp>

#include "invoke/invoke_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using hearth::test::ExecutorBench;
using hearth::test::FakeBackend;
using hearth::test::InvokeBench;
using hearth::test::RawClient;
using hearth::test::ScriptedInstance;
using namespace std::chrono_literals;

namespace {

boost::json::object problem(const http::ClientResponse& response) {
    CHECK(response.headers.find("Content-Type") == "application/problem+json");
    CHECK(response.headers.find("X-Request-Id") == "req-1");
    auto body = boost::json::parse(response.body).as_object();
    CHECK(body.at("requestId") == "req-1");
    CHECK(body.at("status") == response.status);
    return body;
}

std::string text(const boost::json::object& body, const char* key) {
    return body.contains(key) ? std::string(body.at(key).as_string()) : std::string();
}

/// A line of the call log with its changing duration taken out.
std::string without_time(std::string line) {
    const auto end = line.find(" ms");
    const auto begin = line.rfind(' ', end - 1);
    return line.erase(begin, end - begin);
}

}  // namespace

TEST_CASE("invoke: a call passes, with the platform's headers both ways and forged ones dropped") {
    InvokeBench bench;
    bench.request_headers.add("X-Fission-Params-Id", "7");
    bench.request_headers.add("X-Forwarded-For", "10.0.0.1");
    bench.response_headers.add("Access-Control-Allow-Origin", "*");
    http::ClientRequest request;
    request.method = "POST";
    request.target = "/ok?a=b";
    request.body = "hi";
    request.headers.add("X-Request-Id", "req-1");
    request.headers.add("X-FISSION-Function-Name", "forged");
    request.headers.add("x-fission-params-id", "forged");
    request.headers.add("X-Hearth-Token", "forged");
    request.headers.add("X-Forwarded-For", "forged");
    request.headers.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const auto answer =
        http::fetch_blocking(bench.front->endpoint(), request, Deadline::after(10s));
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "ok");
    CHECK(answer->headers.find("X-Request-Id") == "req-1");
    CHECK(answer->headers.count("X-Request-Id") == 1);
    CHECK(answer->headers.find("Access-Control-Allow-Origin") == "*");
    CHECK_FALSE(answer->headers.has("Server-Timing"));
    const auto seen = bench.instances.at(1)->last_request();
    const auto info = bench.base.executor->info(bench.slot);
    CHECK(seen.find("forged") == std::string::npos);
    for (const auto& header :
         {std::string("X-Request-Id: req-1"), std::string("X-Fission-Request-ID: req-1"),
          std::string("X-Fission-Function-Name: hello"),
          std::string("X-Fission-Function-Namespace: default"),
          "X-Fission-Function-Uid: " + info->metadata.uid,
          "X-Fission-Function-ResourceVersion: " + std::to_string(info->metadata.revision),
          std::string("X-Fission-Params-Id: 7"), std::string("X-Forwarded-For: 10.0.0.1"),
          std::string("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}) {
        CAPTURE(header, seen);
        CHECK(seen.find("\r\n" + header + "\r\n") != std::string::npos);
    }
    const auto report = bench.report();
    CHECK(report.status == 200);
    CHECK(report.component.empty());
    CHECK(report.instance == "fake-1");
    CHECK(report.attempts == 1);
    CHECK(report.cold);
}

TEST_CASE("invoke: an instance behind a name of its own is called by it") {
    InvokeBench bench;
    bench.base.backend.set_host("cart.shop.svc.cluster.local");
    REQUIRE(bench.request("GET", "/ok"));
    CHECK(bench.instances.at(1)->last_request().find("\r\nHost: cart.shop.svc.cluster.local\r\n") !=
          std::string::npos);
}

TEST_CASE("invoke: Server-Timing tells where the time went, when it is asked for") {
    InvokeBench bench;
    bench.server_timing = true;
    const auto answer = bench.request("GET", "/ok");
    REQUIRE(answer);
    const auto timing = std::string(answer->headers.find("Server-Timing").value_or(""));
    std::size_t from = 0;
    for (const auto* phase :
         {"queue;dur=", "start;dur=", "load;dur=", "connect;dur=", "function;dur="}) {
        const auto at = timing.find(phase, from);
        CAPTURE(timing, phase);
        REQUIRE(at != std::string::npos);
        from = at;
    }
}

TEST_CASE(
    "invoke: hostile and broken instances give the status and component they deserve, and are "
    "taken out") {
    struct Row {
        const char* method;
        const char* path;
        int status;
        const char* component;
        const char* detail;
        int attempts;
    };
    const Row rows[] = {
        {"POST", "/close", 502, "function",
         "function default/hello closed the connection before it had answered", 1},
        {"GET", "/close", 502, "function",
         "function default/hello closed the connection before it had answered", 3},
        {"POST", "/die", 502, "instance",
         "instance fake-1 of function default/hello ended (oom) while it worked on the request", 1},
        {"GET", "/die", 502, "instance",
         "instance fake-3 of function default/hello ended (oom) while it worked on the request", 3},
        {"GET", "/garbage", 502, "function", "gave an answer that is not valid HTTP", 1},
        {"GET", "/huge-head", 502, "function", "gave an answer that is not valid HTTP", 1},
        {"GET", "/bad-length", 502, "function", "gave an answer that is not valid HTTP", 1},
        {"GET", "/hang", 504, "function",
         "function default/hello did not answer within its time limit of 1 s", 1},
    };
    for (const auto& row : rows) {
        CAPTURE(row.method, row.path);
        InvokeBench bench(R"(, "functionTimeout": 1)");
        const auto answer = bench.request(row.method, row.path);
        REQUIRE(answer);
        CHECK(answer->status == row.status);
        const auto body = problem(*answer);
        CHECK(text(body, "component") == row.component);
        CAPTURE(text(body, "detail"));
        CHECK(text(body, "detail").find(row.detail) != std::string::npos);
        CHECK_FALSE(body.contains("trace"));
        const auto report = bench.report();
        CHECK(report.attempts == row.attempts);
        CHECK(report.component == row.component);
        CHECK(bench.requests_seen() == row.attempts);
        // The slot is released and the next request is served by another instance.
        CHECK(ExecutorBench::eventually([&] { return bench.base.backend.alive().empty(); }));
        const auto next = bench.request("GET", "/ok");
        REQUIRE(next);
        CHECK(next->status == 200);
    }
}

TEST_CASE("invoke: an answer that breaks off cannot pass for a whole one") {
    InvokeBench bench;
    RawClient client(bench.front->endpoint());
    client.send("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto got = client.read_to_end();
    CHECK(got.find("Content-Length: 100\r\n") != std::string::npos);
    CHECK(got.ends_with("\r\n\r\nhello"));
    CHECK_FALSE(client.timed_out());
    const auto report = bench.report();
    CHECK(report.status == 200);
    CHECK(report.component == "function");
}

TEST_CASE("invoke: an instance that answers twice does not spoil the next exchange") {
    InvokeBench bench;
    for (int i = 0; i < 3; ++i) {
        const auto answer = bench.request("GET", "/twice");
        REQUIRE(answer);
        CHECK(answer->body == "ok");
    }
    CHECK(bench.requests_seen() == 3);
}

TEST_CASE(
    "invoke: a request whose instance takes no connection goes to another one, whatever its "
    "method") {
    InvokeBench bench;
    bool first = true;
    bench.on_start = [&](ScriptedInstance& instance) {
        if (std::exchange(first, false)) instance.refuse();
    };
    SECTION("sent again") {
        const auto answer = bench.request("POST", "/ok", "hello");
        REQUIRE(answer);
        CHECK(answer->status == 200);
        const auto report = bench.report();
        CHECK(report.attempts == 2);
        CHECK(report.instance == "fake-2");
        CHECK(report.component.empty());
        CHECK(bench.instances.at(2)->last_request().ends_with("\r\n\r\nhello"));
    }
    SECTION("not when the caller does not want it") {
        bench.retry = false;
        const auto answer = bench.request("POST", "/ok", "hello");
        REQUIRE(answer);
        CHECK(answer->status == 502);
        CHECK(text(problem(*answer), "component") == "instance");
        CHECK(text(problem(*answer), "detail").find("takes no connection") != std::string::npos);
    }
}

TEST_CASE("invoke: what the executor cannot give is told with its reason") {
    SECTION("code that does not load: the trace reaches the caller") {
        InvokeBench bench;
        bench.base.backend.set_load("hello", FakeBackend::Behaviour::load_fails);
        const auto answer = bench.request("GET", "/ok");
        REQUIRE(answer);
        CHECK(answer->status == 502);
        const auto body = problem(*answer);
        CHECK(text(body, "component") == "function");
        CHECK(text(body, "detail") ==
              "function default/hello does not load: the code raised SyntaxError");
        CHECK(text(body, "trace").find("SyntaxError") != std::string::npos);
    }
    SECTION("no instance starts: 503, without the machine's own output") {
        InvokeBench bench;
        bench.base.backend.set_start(FakeBackend::Behaviour::load_fails);
        const auto answer = bench.request("GET", "/ok");
        REQUIRE(answer);
        CHECK(answer->status == 503);
        CHECK(answer->headers.find("Retry-After") == "1");
        const auto body = problem(*answer);
        CHECK(text(body, "component") == "executor");
        CHECK_FALSE(body.contains("trace"));
    }
    SECTION("the deadline passed while it waited: 504 of the executor") {
        InvokeBench bench;
        bench.limit = 100ms;
        bench.base.backend.set_load("hello", FakeBackend::Behaviour::hang);
        const auto answer = bench.request("GET", "/ok");
        REQUIRE(answer);
        CHECK(answer->status == 504);
        CHECK(text(problem(*answer), "component") == "executor");
    }
    SECTION("the queue is full: 429 at once") {
        executor::ExecutorOptions options;
        options.queue_per_function = 0;
        InvokeBench bench(R"(, "concurrency": 1)", options);
        auto answer = bench.request("GET", "/ok");
        REQUIRE(answer);
        CHECK(answer->status == 429);
        CHECK(answer->headers.find("Retry-After") == "1");
        CHECK(text(problem(*answer), "component") == "executor");
    }
    SECTION("the function is gone: 404") {
        InvokeBench bench;
        bench.base.remove(model::Kind::function, "hello");
        const auto answer = bench.request("GET", "/ok");
        REQUIRE(answer);
        CHECK(answer->status == 404);
    }
}

TEST_CASE("invoke: a body past the limit is refused before an instance is taken") {
    InvokeBench bench;
    const auto answer = bench.request("POST", "/ok", std::string(1001, 'x'));
    REQUIRE(answer);
    CHECK(answer->status == 413);
    CHECK(text(problem(*answer), "component") == "client");
    CHECK(bench.base.backend.starts() == 0);
    RawClient chunked(bench.front->endpoint());
    chunked.send("POST /ok HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3ea\r\n" +
                 std::string(1002, 'x') + "\r\n0\r\n\r\n");
    CHECK(chunked.read_until("\r\n") == "HTTP/1.1 413 Content Too Large\r\n");
    CHECK(bench.request("POST", "/ok", std::string(1000, 'x'))->status == 200);
}

TEST_CASE("invoke: a client that goes away is nobody's fault and frees the place") {
    InvokeBench bench(R"(, "concurrency": 1)");
    {
        RawClient client(bench.front->endpoint());
        client.send("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
        REQUIRE(ExecutorBench::eventually([&] { return bench.requests_seen() == 1; }));
        client.reset();
    }
    const auto report = bench.report();
    CHECK(report.status == 499);
    CHECK(report.component == "client");
    const auto next = bench.request("GET", "/ok");
    REQUIRE(next);
    CHECK(next->status == 200);
}

TEST_CASE("invoke: every call is counted and leaves one line without the query") {
    InvokeBench bench;
    REQUIRE(bench.request("GET", "/ok?token=secret"));
    REQUIRE(bench.request("POST", "/ok"));
    REQUIRE(bench.request("POST", "/close"));
    for (int i = 0; i < 3; ++i) bench.report();
    const auto lines = bench.call_log();
    REQUIRE(lines.size() == 3);
    CHECK(without_time(lines[0]) == "GET /ok 200 ms cold");
    CHECK(without_time(lines[1]) == "POST /ok 200 ms");
    CHECK(without_time(lines[2]) == "POST /close 502 ms function");
    const auto metrics = bench.base.metrics.text();
    for (const auto* line :
         {R"(hearth_function_requests_total{namespace="default",function="hello",code="2xx"} 2)",
          R"(hearth_function_requests_total{namespace="default",function="hello",code="5xx"} 1)",
          R"(hearth_function_duration_seconds_count{namespace="default",function="hello"} 3)"}) {
        CAPTURE(line);
        CHECK(metrics.find(line) != std::string::npos);
    }
}

TEST_CASE("invoke: a streaming function has no functionTimeout but its own longest duration") {
    InvokeBench bench(R"(, "functionTimeout": 1, "streaming": {"maxDurationSeconds": 2})");
    const auto answer = bench.request("GET", "/hang");
    REQUIRE(answer);
    CHECK(answer->status == 504);
    CHECK(text(problem(*answer), "detail") ==
          "function default/hello did not answer within its time limit of 2 s");
}

TEST_CASE(
    "invoke: instances killed under load cost no idempotent request and no more than themselves") {
    InvokeBench bench(R"(, "requestsPerPod": 4, "concurrency": 8)");
    std::atomic<bool> on{true};
    std::atomic<int> good{0}, bad{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&] {
            while (on) {
                const auto answer = bench.request("GET", "/ok");
                (answer && answer->status == 200 ? good : bad)++;
            }
        });
    for (int kills = 0; kills < 10; ++kills) {
        const int before = good;
        ExecutorBench::eventually([&] { return good > before + 20; });
        const auto alive = bench.base.backend.alive();
        if (!alive.empty()) bench.base.backend.kill(alive.front());
    }
    on = false;
    for (auto& client : clients) client.join();
    CHECK(good > 200);
    CHECK(bad == 0);
}
