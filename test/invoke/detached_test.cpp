#include <future>

#include "hearth/aio/task_group.hpp"
#include "invoke/invoke_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using hearth::test::ExecutorBench;
using hearth::test::FakeBackend;
using hearth::test::InvokeBench;
using hearth::test::ScriptedInstance;
using namespace std::chrono_literals;

namespace {

invoke::DetachedCall call_of(InvokeBench& bench, const std::string& target) {
    invoke::DetachedCall call;
    call.function = bench.slot;
    call.target = target;
    call.body = "hi";
    return call;
}

/// Makes the call on the bench's first shard.
invoke::CallAnswer made(InvokeBench& bench, invoke::DetachedCall call) {
    std::promise<invoke::CallAnswer> promise;
    auto done = [&promise](std::exception_ptr thrown, invoke::CallAnswer answer) {
        if (thrown) {
            promise.set_exception(thrown);
        } else {
            promise.set_value(std::move(answer));
        }
    };
    aio::net::co_spawn(bench.base.shards.first().executor(), bench.invoker->call(std::move(call)),
                       done);
    return promise.get_future().get();
}

}  // namespace

TEST_CASE("detached call: passes with the platform's headers, and the answer comes back whole") {
    InvokeBench bench;
    auto call = call_of(bench, "/ok?a=b");
    call.headers.add("Content-Type", "text/plain");
    call.headers.add("ce-id", "7");
    call.headers.add("X-Fission-Function-Name", "forged");
    const auto answer = made(bench, std::move(call));
    CHECK_FALSE(answer.error);
    CHECK(answer.status == 200);
    CHECK(answer.body == "ok");
    CHECK(answer.report.status == 200);
    CHECK(answer.report.cold);
    CHECK(answer.report.attempts == 1);
    CHECK(answer.request_id.size() == 36);
    const auto seen = bench.instances.at(1)->last_request();
    CAPTURE(seen);
    CHECK(seen.starts_with("POST /ok?a=b HTTP/1.1\r\n"));
    CHECK(seen.ends_with("\r\n\r\nhi"));
    CHECK(seen.find("forged") == std::string::npos);
    for (const auto& header :
         {std::string("Content-Type: text/plain"), std::string("ce-id: 7"),
          std::string("X-Fission-Function-Name: hello"), "X-Request-Id: " + answer.request_id})
        CHECK(seen.find("\r\n" + header + "\r\n") != std::string::npos);
    CHECK(seen.find("\r\ntraceparent: 00-") != std::string::npos);
    const auto lines = bench.call_log();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("POST /ok 200 "));
}

TEST_CASE("detached call: a given trace context and id are kept, a long body is cut") {
    InvokeBench bench;
    auto call = call_of(bench, "/ok");
    call.request_id = "mine";
    call.keep_body = 1;
    call.headers.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const auto answer = made(bench, std::move(call));
    CHECK(answer.body == "o");
    CHECK(answer.truncated);
    const auto seen = bench.instances.at(1)->last_request();
    CHECK(seen.find("X-Request-Id: mine\r\n") != std::string::npos);
    CHECK(seen.find("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n") !=
          std::string::npos);
}

TEST_CASE("detached call: failures have the status, component and attempts of a client's call") {
    struct Row {
        const char* method;
        const char* path;
        int status;
        const char* component;
        int attempts;
    };
    const Row rows[] = {
        {"POST", "/close", 502, "function", 1}, {"PUT", "/close", 502, "function", 3},
        {"POST", "/die", 502, "instance", 1},   {"GET", "/garbage", 502, "function", 1},
        {"POST", "/half", 502, "function", 1},  {"POST", "/hang", 504, "function", 1}};
    for (const auto& row : rows) {
        CAPTURE(row.method, row.path);
        InvokeBench bench(R"(, "functionTimeout": 1)");
        auto call = call_of(bench, row.path);
        call.method = row.method;
        const auto answer = made(bench, std::move(call));
        REQUIRE(answer.error);
        CHECK(answer.status == row.status);
        CHECK(answer.error->component == row.component);
        CHECK(answer.report.attempts == row.attempts);
        CHECK(bench.requests_seen() == row.attempts);
        CHECK(ExecutorBench::eventually([&] { return bench.base.backend.alive().empty(); }));
    }
}

TEST_CASE("detached call: an instance that takes no connection gives way to another") {
    InvokeBench bench;
    bool first = true;
    bench.on_start = [&](ScriptedInstance& instance) {
        if (std::exchange(first, false)) instance.refuse();
    };
    const auto answer = made(bench, call_of(bench, "/ok"));
    CHECK(answer.status == 200);
    CHECK(answer.report.attempts == 2);
    CHECK(bench.instances.at(2)->last_request().ends_with("\r\n\r\nhi"));
}

TEST_CASE("detached call: what the executor cannot give is told with its reason") {
    InvokeBench bench;
    SECTION("code that does not load") {
        bench.base.backend.set_load("hello", FakeBackend::Behaviour::load_fails);
        const auto answer = made(bench, call_of(bench, "/ok"));
        REQUIRE(answer.error);
        CHECK(answer.status == 502);
        CHECK(answer.error->detail.find("SyntaxError") != std::string::npos);
    }
    SECTION("the deadline passed") {
        bench.base.backend.set_load("hello", FakeBackend::Behaviour::hang);
        auto call = call_of(bench, "/ok");
        call.deadline = Deadline::after(100ms);
        const auto answer = made(bench, std::move(call));
        REQUIRE(answer.error);
        CHECK(answer.status == 504);
        CHECK(answer.error->component == "executor");
    }
    SECTION("the function is gone") {
        bench.base.remove(model::Kind::function, "hello");
        const auto answer = made(bench, call_of(bench, "/ok"));
        REQUIRE(answer.error);
        CHECK(answer.status == 404);
        CHECK(answer.error->code == Errc::not_found);
    }
}

TEST_CASE("detached call: a cancelled one ends soon and frees its place") {
    InvokeBench bench(R"(, "concurrency": 1)");
    std::promise<invoke::CallAnswer> promise;
    aio::TaskGroup group(bench.base.log);
    auto run = [](InvokeBench& b, std::promise<invoke::CallAnswer>& p) -> Task<void> {
        p.set_value(co_await b.invoker->call(call_of(b, "/hang")));
    };
    group.spawn(bench.base.shards.first().executor(), "call", run(bench, promise));
    REQUIRE(ExecutorBench::eventually([&] { return bench.requests_seen() == 1; }));
    group.cancel();
    REQUIRE(group.join_blocking(Deadline::after(5s)));
    const auto answer = promise.get_future().get();
    REQUIRE(answer.error);
    CHECK(answer.error->code == Errc::cancelled);
    CHECK(made(bench, call_of(bench, "/ok")).status == 200);
}
