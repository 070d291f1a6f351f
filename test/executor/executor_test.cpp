#include "hearth/executor/executor.hpp"

#include "support/catch.hpp"
#include "support/executor_bench.hpp"

#include "hearth/aio/task_group.hpp"

using namespace hearth;
using hearth::test::ExecutorBench;
using hearth::test::FakeBackend;
using namespace std::chrono_literals;

namespace {

/// Acquires that run at the same time, each on a shard.
struct Burst {
    std::mutex mutex;
    std::vector<Result<executor::Lease>> answers;
    telemetry::Logger log{telemetry::Level::error, telemetry::Logger::Format::text};
    aio::TaskGroup tasks{log};

    ~Burst() { tasks.join_blocking(Deadline::after(20s)); }
    static Task<void> one(Burst* burst, executor::Executor* executor,
                          executor::FunctionSlotPtr slot, Deadline deadline) {
        auto answer = co_await executor->acquire(std::move(slot), deadline);
        std::lock_guard lock(burst->mutex);
        burst->answers.push_back(std::move(answer));
    }
    void go(ExecutorBench& bench, const executor::FunctionSlotPtr& slot, int count,
            std::chrono::milliseconds patience) {
        for (int i = 0; i < count; ++i)
            tasks.spawn(
                bench.shards.at(static_cast<std::size_t>(i) % bench.shards.size()).executor(),
                "acquire", one(this, bench.executor.get(), slot, Deadline::after(patience)));
    }
    std::size_t done() {
        std::lock_guard lock(mutex);
        return answers.size();
    }
    std::size_t errors(Errc code) {
        std::lock_guard lock(mutex);
        return static_cast<std::size_t>(std::count_if(
            answers.begin(), answers.end(),
            [&](const auto& answer) { return answer.has_error() && answer.error().code == code; }));
    }
};

std::size_t warm(ExecutorBench& bench) {
    const auto pools = bench.executor->pools();
    return pools.empty() ? 0 : static_cast<std::size_t>(pools[0].warm);
}

}  // namespace

TEST_CASE(
    "executor: a cold call takes an instance, loads the code with its settings and is told where "
    "the time went") {
    ExecutorBench bench;
    bench.put(model::Kind::secret, "db", R"({"data": {"password": "czNjcmV0"}})");
    bench.put_function(
        "hello", "d1",
        R"(, "secrets": [{"name": "db", "namespace": "default"}], "env": [{"name": "A", "value": "1"}])");
    const auto slot = bench.executor->find("default", "hello");
    REQUIRE(slot);
    CHECK_FALSE(bench.executor->try_acquire(slot));
    {
        auto lease = bench.acquire(slot);
        REQUIRE(lease);
        CHECK(lease->instance_name() == "fake-1");
        CHECK(lease->timings().cold);
        CHECK(lease->function().metadata.name == "hello");
        const auto loads = bench.backend.load_requests();
        REQUIRE(loads.size() == 1);
        CHECK(loads[0].code_path == "/code/d1");
        CHECK(loads[0].env.at("A") == "1");
        CHECK(loads[0].secret_files.at("default/db/password") == "s3cret");
        CHECK_FALSE(bench.executor->try_acquire(slot));  // requestsPerPod 1
    }
    auto again = bench.executor->try_acquire(slot);
    REQUIRE(again);
    CHECK_FALSE(again.timings().cold);
    CHECK(bench.backend.loads() == 1);
    const auto stats = bench.executor->instances();
    REQUIRE(stats.size() == 1);
    CHECK(stats[0].state == "ready");
    CHECK(stats[0].function == "hello");
    CHECK(stats[0].in_flight == 1);
    CHECK(stats[0].served == 2);
    CHECK(stats[0].rss_bytes == 12'345);
}

TEST_CASE("executor: only functions that exist have a slot") {
    ExecutorBench bench;
    CHECK_FALSE(bench.executor->find("default", "nobody"));
    bench.put_function("hello", "d1");
    const auto slot = bench.executor->find("default", "hello");
    REQUIRE(slot);
    REQUIRE(bench.executor->info(slot));
    bench.remove(model::Kind::function, "hello");
    CHECK_FALSE(bench.executor->info(slot));
    CHECK_FALSE(bench.executor->find("default", "hello"));
    const auto refused = bench.acquire(slot);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::not_found);
    bench.put_function("hello", "d1");
    CHECK(bench.executor->info(slot));  // who kept the slot meets the new function
    CHECK(bench.acquire(slot).has_value());
}

TEST_CASE(
    "executor: a pool is warmed once a function of its environment is there, and refilled after a "
    "claim") {
    ExecutorBench bench({}, 2);
    CHECK(warm(bench) == 0);
    bench.put_function("hello", "d1");
    REQUIRE(ExecutorBench::eventually([&] { return warm(bench) == 2; }));
    const auto slot = bench.executor->find("default", "hello");
    auto lease = bench.acquire(slot);
    REQUIRE(lease);
    CHECK(lease->timings().start < 1s);
    CHECK(
        ExecutorBench::eventually([&] { return warm(bench) == 2 && bench.backend.starts() == 3; }));
}

TEST_CASE("executor: pools of environments with functions are warmed at start") {
    ExecutorBench first({}, 1);
    // The catalog's content is there before the executor starts.
    first.executor->stop(Deadline::after(1s));
    first.put_function("hello", "d1");
    executor::ExecutorOptions options;
    options.tick = 20ms;
    telemetry::Registry metrics;
    FakeBackend backend;
    auto second = executor::Executor::make(options, *first.catalog, first.archives, backend,
                                           first.shards, first.blocking, first.clock,
                                           first.function_log, first.log, metrics);
    second->start();
    CHECK(ExecutorBench::eventually([&] { return second->pools().at(0).warm == 1; }));
    second->stop(Deadline::after(1s));
}

TEST_CASE(
    "executor: a thousand at once on a cold function are all served by as few instances as they "
    "need") {
    ExecutorBench bench;
    bench.put_function("hello", "d1", R"(, "requestsPerPod": 100)");
    const auto slot = bench.executor->find("default", "hello");
    bench.backend.set_load("hello", FakeBackend::Behaviour::hang);
    Burst burst;
    burst.go(bench, slot, 1000, 10s);
    REQUIRE(ExecutorBench::eventually([&] { return bench.backend.hanging() == 10; }));
    bench.backend.let_go();
    REQUIRE(ExecutorBench::eventually([&] { return burst.done() == 1000; }));
    CHECK(burst.errors(Errc::exhausted) == 0);
    CHECK(bench.backend.loads() == 10);
    for (const auto& stats : bench.executor->instances()) CHECK(stats.in_flight == 100);
}

TEST_CASE("executor: past the queue's bound a request is refused at once") {
    executor::ExecutorOptions options;
    options.queue_per_function = 5;
    ExecutorBench bench(options);
    bench.put_function("hello", "d1", R"(, "concurrency": 1)");
    const auto slot = bench.executor->find("default", "hello");
    auto held = bench.acquire(slot);
    REQUIRE(held);
    Burst burst;
    burst.go(bench, slot, 8, 10s);
    REQUIRE(ExecutorBench::eventually([&] { return burst.errors(Errc::exhausted) == 3; }));
    CHECK(burst.done() == 3);
    held->release(executor::LeaseOutcome::ok);
    // Each one served hands its place to the next.
    REQUIRE(ExecutorBench::eventually([&] {
        std::lock_guard lock(burst.mutex);
        for (auto& answer : burst.answers)
            if (answer.has_value()) answer->release(executor::LeaseOutcome::ok);
        return burst.answers.size() == 8;
    }));
    CHECK(burst.errors(Errc::exhausted) == 3);
    CHECK(bench.backend.loads() == 1);
}

TEST_CASE("executor: a request that waits past its deadline is told by the executor") {
    ExecutorBench bench;
    bench.put_function("hello", "d1", R"(, "concurrency": 1)");
    const auto slot = bench.executor->find("default", "hello");
    auto held = bench.acquire(slot);
    const auto late = bench.acquire(slot, 30ms);
    REQUIRE(late.has_error());
    CHECK(late.error().code == Errc::deadline_exceeded);
    CHECK(late.error().component == "executor");
    CHECK(late.error().message ==
          "no instance of function default/hello became free before the request's deadline");
    bench.backend.set_load("slow", FakeBackend::Behaviour::hang);
    bench.put_function("slow", "d2");
    const auto starting = bench.acquire(bench.executor->find("default", "slow"), 30ms);
    REQUIRE(starting.has_error());
    CHECK(starting.error().message ==
          "function default/slow was still being started when the request's deadline passed");
}

TEST_CASE("executor: code that does not load gives its trace, without a storm of loads") {
    ExecutorBench bench;
    bench.backend.set_load("broken", FakeBackend::Behaviour::load_fails);
    bench.put_function("broken", "d1");
    const auto slot = bench.executor->find("default", "broken");
    for (int i = 0; i < 5; ++i) {
        const auto refused = bench.acquire(slot);
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::function_failed);
        CHECK(refused.error().component == "function");
        CHECK(refused.error().message ==
              "function default/broken does not load: the code raised SyntaxError");
        CHECK(refused.error().detail.find("SyntaxError") != std::string::npos);
    }
    CHECK(bench.backend.loads() <= 2);  // one, unless the test was held up for a second
    CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
    telemetry::LogQuery query;
    query.ns = "default";
    query.function = "broken";
    const auto lines = bench.function_log.read(query);
    REQUIRE(lines);
    REQUIRE_FALSE(lines->empty());
    CHECK((*lines)[0].message.find("does not load") != std::string::npos);
    bench.backend.set_load("broken", FakeBackend::Behaviour::ready);
    bench.put_function("broken", "d2");
    CHECK(bench.acquire(slot).has_value());  // repaired code is tried at once
}

TEST_CASE("executor: an environment that does not start says why") {
    ExecutorBench bench;
    bench.backend.set_start(FakeBackend::Behaviour::load_fails);
    bench.put_function("hello", "d1");
    const auto refused = bench.acquire(bench.executor->find("default", "hello"));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(refused.error().message ==
          "environment default/python cannot start an instance: fake-runtime ended with exit code "
          "127");
    CHECK(refused.error().detail == "fake-runtime: not found");
    CHECK(bench.executor->pools().at(0).last_error == "fake-runtime ended with exit code 127");
}

TEST_CASE("executor: a function whose parts are missing or cannot run here says which") {
    ExecutorBench bench;
    bench.put(model::Kind::function, "lost", ExecutorBench::function_spec("lost"));
    auto slot = bench.executor->find("default", "lost");
    REQUIRE(slot);
    auto refused = bench.acquire(slot);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(refused.error().message ==
          "function default/lost names the Package default/lost, which does not exist");
    bench.put_function("lost", "d1");
    CHECK(bench.acquire(slot).has_value());
    bench.put(model::Kind::environment, "python",
              R"({"version": 3, "runtime": {"image": "unknown"}})");
    refused = bench.acquire(slot);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message ==
          "environment default/python cannot run here: no environment matches the image unknown; "
          "install one");
}

TEST_CASE("executor: a dead instance is told to its lease and replaced") {
    ExecutorBench bench({}, 1);
    bench.put_function("hello", "d1", R"(, "concurrency": 1)");
    const auto slot = bench.executor->find("default", "hello");
    auto lease = bench.acquire(slot);
    REQUIRE(lease);
    CHECK_FALSE(lease->end_reason());
    Burst burst;
    burst.go(bench, slot, 1, 10s);
    bench.backend.kill(lease->upstream().id, backend::InstanceExit::Cause::out_of_memory);
    CHECK(lease->end_reason() == "oom");
    lease->release(executor::LeaseOutcome::instance_failed);
    REQUIRE(ExecutorBench::eventually([&] { return burst.done() == 1; }));
    CHECK(burst.answers[0].has_value());
    CHECK(ExecutorBench::eventually([&] { return warm(bench) == 1; }));
}

TEST_CASE("executor: an instance that dies while it loads is replaced once") {
    ExecutorBench bench;
    bench.backend.set_load("hello", FakeBackend::Behaviour::crash);
    bench.put_function("hello", "d1");
    const auto refused = bench.acquire(bench.executor->find("default", "hello"));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(refused.error().message ==
          "the code of function default/hello could not be put into an instance: the "
          "instance ended while code was loaded (signal 9)");
    CHECK(bench.backend.loads() == 2);
}

TEST_CASE(
    "executor: variables go into a process of its own where the runtime cannot take them with the "
    "code") {
    ExecutorBench bench({}, 1);
    bench.backend.set_env_at_load(false);
    bench.put_function("plain", "d1");
    bench.put_function("hello", "d1", R"(, "env": [{"name": "A", "value": "1"}])");
    auto lease = bench.acquire(bench.executor->find("default", "hello"));
    REQUIRE(lease);
    const auto runtimes = bench.backend.runtimes();
    const auto own = std::count_if(runtimes.begin(), runtimes.end(),
                                   [](const auto& runtime) { return !runtime.env.empty(); });
    CHECK(own == 1);
    CHECK(bench.backend.load_requests().back().env.empty());
    CHECK(bench.executor->pools().size() == 1);
}

TEST_CASE("executor: onceOnly instances serve one request each and are stopped") {
    ExecutorBench bench;
    bench.put_function("hello", "d1", R"(, "onceOnly": true)");
    const auto slot = bench.executor->find("default", "hello");
    for (int i = 0; i < 3; ++i) {
        auto lease = bench.acquire(slot);
        REQUIRE(lease);
    }
    CHECK(bench.backend.loads() == 3);
    CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
}

TEST_CASE("executor: idle instances are stopped after idletimeout") {
    ExecutorBench bench;
    bench.put_function("hello", "d1", R"(, "idletimeout": 1)");
    const auto slot = bench.executor->find("default", "hello");
    bench.acquire(slot)->release(executor::LeaseOutcome::ok);
    CHECK(bench.backend.alive().size() == 1);
    CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
    CHECK(bench.executor->instances().empty());
}

TEST_CASE(
    "executor: at the limit of instances idle ones of other functions give way, else the request "
    "is refused") {
    executor::ExecutorOptions options;
    options.max_instances = 2;
    ExecutorBench bench(options);
    for (const auto* name : {"a", "b", "c"}) bench.put_function(name, "d1");
    const auto a = bench.executor->find("default", "a"), b = bench.executor->find("default", "b"),
               c = bench.executor->find("default", "c");
    bench.acquire(a)->release(executor::LeaseOutcome::ok);
    auto held_b = bench.acquire(b);
    auto held_c = bench.acquire(c);  // a's idle instance goes
    REQUIRE(held_c);
    CHECK(bench.backend.alive().size() == 2);
    const auto refused = bench.acquire(a);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::exhausted);
    CHECK(refused.error().message.find("limit of instances") != std::string::npos);
}

TEST_CASE("executor: a deleted function's waiters are told, its instances go") {
    ExecutorBench bench;
    bench.put_function("hello", "d1", R"(, "concurrency": 1)");
    const auto slot = bench.executor->find("default", "hello");
    auto held = bench.acquire(slot);
    Burst burst;
    burst.go(bench, slot, 3, 10s);
    REQUIRE(ExecutorBench::eventually([&] {
        return bench.metrics.text().find("hearth_executor_active_functions 1") != std::string::npos;
    }));
    bench.remove(model::Kind::function, "hello");
    REQUIRE(ExecutorBench::eventually([&] { return burst.errors(Errc::not_found) == 3; }));
    CHECK(bench.backend.alive().size() == 1);
    held->release(executor::LeaseOutcome::ok);
    CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
}

TEST_CASE("executor: stop waits for leases, refuses what comes and leaves nothing") {
    ExecutorBench bench({}, 2);
    bench.put_function("hello", "d1");
    const auto slot = bench.executor->find("default", "hello");
    auto held = bench.acquire(slot);
    REQUIRE(held);
    std::thread releaser([&] {
        ExecutorBench::eventually([&] { return bench.acquire(slot, 1s).has_error(); });
        held->release(executor::LeaseOutcome::ok);
    });
    bench.executor->stop(Deadline::after(10s));
    releaser.join();
    CHECK(bench.backend.alive().empty());
    const auto refused = bench.acquire(slot);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
}

TEST_CASE("executor: a single-request instance is told the request it works on, and its end") {
    ExecutorBench bench;
    bench.put_function("hello", "d1");
    {
        auto lease = bench.acquire(bench.executor->find("default", "hello"));
        bench.executor->attribute(*lease, "req-1");
    }
    CHECK(bench.backend.attributions() == std::vector<std::string>{"req-1", ""});
}
