#include "hearth/trigger/async_calls.hpp"

#include <atomic>
#include <map>
#include <mutex>

#include "hearth/aio/task_group.hpp"
#include "support/catalog_writes.hpp"
#include "support/catch.hpp"
#include "support/run_task.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using catalog::CallState;

namespace {

/// Answers by what the test says; counts what runs at once.
class ScriptedDeliverer final : public trigger::Deliverer {
 public:
    Task<invoke::CallAnswer> deliver(trigger::Delivery delivery) override {
        const int at_once = ++running;
        most = std::max(most.load(), at_once);
        if (pause > 0ms) {
            const auto until = Deadline::after(pause);
            const bool on = co_await aio::sleep_until(until);
            if (!on) {
                --running;
                invoke::CallAnswer cancelled;
                cancelled.error.emplace(Errc::cancelled, "cancelled");
                co_return cancelled;
            }
        }
        --running;
        invoke::CallAnswer answer;
        std::lock_guard lock(mutex);
        deliveries.push_back(delivery);
        auto& left = failures[delivery.function];
        answer.status = left > 0 ? 500 : 200;
        if (left > 0) --left;
        answer.body = "of " + delivery.function;
        co_return answer;
    }

    std::atomic<int> running{0}, most{0};
    std::chrono::milliseconds pause{0};
    std::mutex mutex;
    std::map<std::string, int> failures;
    std::vector<trigger::Delivery> deliveries;
};

struct AsyncBench {
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    aio::Shards shards{2};
    base::SystemClock clock;
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    std::unique_ptr<catalog::CallQueue> queue = catalog::make_memory_call_queue();
    ScriptedDeliverer deliverer;
    trigger::AsyncOptions options;
    std::unique_ptr<trigger::AsyncCalls> calls;

    void put(const std::string& name, const std::string& invocation = "{}") {
        test::put(*catalog, model::Kind::function, name, R"({"invocation": )" + invocation + "}");
    }
    void start() {
        calls = trigger::AsyncCalls::make(options, *catalog, *queue, deliverer, nullptr, nullptr,
                                          shards, clock, log, metrics);
        calls->start();
    }
    ~AsyncBench() {
        if (calls) calls->stop(Deadline::after(2s));
    }
    static catalog::NewCall call_of(const std::string& function) {
        catalog::NewCall call;
        call.request.ns = "default";
        call.request.function = function;
        call.origin = "test";
        return call;
    }
    Result<catalog::AcceptedCall> accept(const std::string& function, std::int64_t delay = 0) {
        return test::run_task(calls->accept(call_of(function), delay));
    }
    catalog::CallRecord end_of(const std::string& id) {
        return test::run_task(calls->await_end(id, Deadline::after(10s))).value();
    }
};

}  // namespace

TEST_CASE("async calls: a call is made, and whoever waits is told its end", "[trigger]") {
    AsyncBench bench;
    bench.put("f");
    bench.start();
    const auto accepted = bench.accept("f");
    REQUIRE(accepted);
    const auto record = bench.end_of(accepted->call.id);
    CHECK(record.state == CallState::succeeded);
    CHECK(record.result.body == "of f");
    CHECK(record.attempts.size() == 1);
    const auto& delivery = bench.deliverer.deliveries.front();
    CHECK(delivery.headers.find("X-Hearth-Call-Id") == accepted->call.id);
    CHECK(delivery.event.id == accepted->call.id);
    CHECK(delivery.attempt == 1);
}

TEST_CASE("async calls: failures are retried, then kept; a redrive begins anew", "[trigger]") {
    AsyncBench bench;
    bench.put("f", R"({"retry": {"maxAttempts": 2, "backoffBase": "1ms"}})");
    bench.deliverer.failures["f"] = 3;
    bench.start();
    const auto id = bench.accept("f")->call.id;
    auto record = bench.end_of(id);
    CHECK(record.state == CallState::failed);
    CHECK(record.reason == "retriesExhausted");
    CHECK(record.call.attempts == 2);
    REQUIRE(test::run_task(bench.calls->redrive(id)).has_value());
    record = bench.end_of(id);
    CHECK(record.state == CallState::succeeded);
    CHECK(record.call.attempts == 4);
    CHECK(test::run_task(bench.calls->redrive(id)).error().code == Errc::conflict);
}

TEST_CASE("async calls: destinations follow, but not for ever", "[trigger]") {
    AsyncBench bench;
    bench.put("f", R"({"onSuccess": {"function": "f"}})");
    bench.start();
    const auto id = bench.accept("f")->call.id;
    bench.end_of(id);
    const auto all_there = [&] {
        catalog::CallQuery query;
        query.state = CallState::succeeded;
        return test::run_task(bench.calls->list(query)).value().size();
    };
    const auto last = Deadline::after(10s);
    while (all_there() < 4 && !last.passed()) std::this_thread::sleep_for(5ms);
    std::this_thread::sleep_for(50ms);
    CHECK(all_there() == 4);
    std::lock_guard lock(bench.deliverer.mutex);
    const auto& follow = bench.deliverer.deliveries.back();
    CHECK(follow.headers.find("ce-type") == "hearth.call.succeeded");
    CHECK(follow.body.find(R"("condition":"Success")") != std::string::npos);
}

TEST_CASE("async calls: a function's limit holds", "[trigger]") {
    AsyncBench bench;
    bench.put("f", R"({"concurrency": 3})");
    bench.deliverer.pause = 20ms;
    bench.start();
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(bench.accept("f")->call.id);
    for (const auto& id : ids) CHECK(bench.end_of(id).state == CallState::succeeded);
    CHECK(bench.deliverer.most == 3);
}

TEST_CASE("async calls: what is refused at the door", "[trigger]") {
    AsyncBench bench;
    bench.options.pending = 2;
    bench.options.max_body_bytes = 10;
    bench.put("f");
    bench.deliverer.pause = 300ms;
    bench.start();
    CHECK(bench.accept("g").error().code == Errc::not_found);
    auto large = AsyncBench::call_of("f");
    large.request.body = std::string(11, 'x');
    CHECK(test::run_task(bench.calls->accept(large, 0)).error().code == Errc::too_large);
    REQUIRE(bench.accept("f"));
    REQUIRE(bench.accept("f"));
    CHECK(bench.accept("f").error().code == Errc::exhausted);
}

TEST_CASE("async calls: a waiting call can be cancelled, a running one not", "[trigger]") {
    AsyncBench bench;
    bench.put("f");
    bench.deliverer.pause = 300ms;
    bench.start();
    const auto later = bench.accept("f", 60'000)->call.id;
    REQUIRE(test::run_task(bench.calls->cancel(later)).has_value());
    const auto record = bench.end_of(later);
    CHECK(record.state == CallState::failed);
    CHECK(record.reason == "cancelled");
    CHECK(record.attempts.empty());
    const auto now = bench.accept("f")->call.id;
    CHECK(test::run_task(bench.calls->cancel(now)).error().code == Errc::conflict);
}

TEST_CASE("async calls: what was under way when the daemon ended is made again", "[trigger]") {
    AsyncBench bench;
    bench.put("f");
    bench.deliverer.pause = 60s;
    bench.start();
    const auto id = bench.accept("f")->call.id;
    const auto later = bench.accept("f", 50)->call.id;
    const auto last = Deadline::after(10s);
    while (bench.deliverer.running < 1 && !last.passed()) std::this_thread::sleep_for(1ms);
    bench.calls->stop(Deadline::after(10ms));
    bench.calls.reset();
    CHECK(test::run_task(bench.queue->find(id))->state == CallState::running);
    bench.deliverer.pause = 0ms;
    bench.start();
    const auto record = bench.end_of(id);
    CHECK(record.state == CallState::succeeded);
    REQUIRE(record.attempts.size() == 2);
    CHECK(record.attempts[0].component == "daemon");
    CHECK(bench.end_of(later).state == CallState::succeeded);
}
