#include "executor/pool_core.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::executor;
using namespace std::chrono_literals;

namespace {

struct Bench {
    PoolCore pool{"default/python"};
    InstanceBudget budget;
    PoolEffects fx;
    base::SteadyTime now{std::chrono::hours(1)};
    std::uint64_t next_instance = 0, next_claim = 0;

    Bench(int base, int max) { pool.configure(base, max); }
    void use() {
        pool.use();
        pool.tick(now, budget, fx);
    }
    void claim(std::chrono::milliseconds patience = 60s) {
        pool.claim(++next_claim, now + patience, now, budget, fx);
    }
    void start_all() {
        auto starts = std::move(fx.starts);
        fx.starts.clear();
        for (const auto start : starts) pool.started(start, ++next_instance, now, budget, fx);
    }
    void fail_all(const Error& error) {
        auto starts = std::move(fx.starts);
        fx.starts.clear();
        for (const auto start : starts) pool.start_failed(start, error, now, budget, fx);
    }
};

}  // namespace

TEST_CASE(
    "pool core: nothing is kept warm before a function of the environment exists, then poolsize "
    "is") {
    Bench bench(3, 10);
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    CHECK(bench.fx.starts.empty());
    bench.use();
    CHECK(bench.fx.starts.size() == 3);
    bench.start_all();
    CHECK(bench.pool.warm() == 3);
    CHECK(bench.fx.starts.empty());
}

TEST_CASE("pool core: a claim takes a warm instance at once and its place is refilled") {
    Bench bench(2, 10);
    bench.use();
    bench.start_all();
    bench.claim();
    REQUIRE(bench.fx.gives.size() == 1);
    CHECK(bench.fx.gives[0].instance == 2);  // the newest
    CHECK(bench.fx.starts.size() == 1);
}

TEST_CASE("pool core: poolsize 0 starts on demand only") {
    Bench bench(0, 10);
    bench.use();
    CHECK(bench.fx.starts.empty());
    bench.claim();
    REQUIRE(bench.fx.starts.size() == 1);
    bench.start_all();
    CHECK(bench.fx.gives.size() == 1);
    CHECK(bench.fx.starts.empty());
    CHECK(bench.pool.warm() == 0);
}

TEST_CASE("pool core: the target grows with the rate of claims, keeps its bound and comes back") {
    Bench bench(3, 8);
    bench.use();
    bench.start_all();
    CHECK(bench.pool.target(bench.now) == 3);
    for (int i = 0; i < 10; ++i) bench.claim();
    CHECK(bench.pool.target(bench.now) == 5);
    for (int i = 0; i < 1000; ++i) bench.claim();
    CHECK(bench.pool.target(bench.now) == 8);
    bench.now += 2min;
    CHECK(bench.pool.target(bench.now) == 3);
}

TEST_CASE("pool core: warm instances past the target are stopped, the oldest first") {
    Bench bench(3, 8);
    bench.use();
    bench.start_all();
    bench.pool.configure(1, 8);
    bench.now += 10s;
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    CHECK(bench.fx.stops == std::vector<std::uint64_t>{1, 2});
    CHECK(bench.pool.warm() == 1);
}

TEST_CASE("pool core: starts in parallel and in all are bounded") {
    Bench bench(0, 0);
    bench.budget.parallel_starts = 2;
    bench.budget.max_instances = 3;
    for (int i = 0; i < 5; ++i) bench.claim();
    CHECK(bench.fx.starts.size() == 2);
    bench.fx.lacking = 0;
    bench.start_all();
    CHECK(bench.fx.starts.size() == 1);
    CHECK(bench.fx.gives.size() == 2);
    CHECK(bench.fx.lacking == 2);
    bench.fx = {};
    bench.pool.refuse_lacking(2, bench.fx);
    REQUIRE(bench.fx.refusals.size() == 2);
    CHECK(bench.fx.refusals[0].error.code == Errc::exhausted);
    CHECK(bench.fx.refusals[0].claim == 5);  // the one that can wait longest
    CHECK(bench.pool.claims() == 1);
}

TEST_CASE(
    "pool core: failing starts back off exponentially, and claims get the reason from the third "
    "on") {
    Bench bench(1, 10);
    const Error died(Errc::unavailable, "python3 ended with exit code 127",
                     "sh: python3: not found");
    bench.claim();
    bench.fail_all(died);
    CHECK(bench.fx.refusals.empty());
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    CHECK(bench.fx.starts.empty());
    bench.now += 100ms;
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    CHECK(bench.fx.starts.size() == 1);  // not two: one finds out
    bench.fail_all(died);
    bench.now += 199ms;
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    CHECK(bench.fx.starts.empty());
    bench.now += 1ms;
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    bench.fail_all(died);
    REQUIRE(bench.fx.refusals.size() == 1);
    CHECK(bench.fx.refusals[0].error.message ==
          "environment default/python cannot start an instance: python3 ended with exit code 127");
    CHECK(bench.fx.refusals[0].error.detail == "sh: python3: not found");
    bench.claim();
    CHECK(bench.fx.refusals.size() == 2);
    CHECK(bench.pool.last_error()->message == "python3 ended with exit code 127");
    bench.now += 1s;
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    bench.start_all();
    CHECK(bench.pool.last_error() == nullptr);
    CHECK(bench.budget.used == bench.pool.warm() + bench.pool.starting());
}

TEST_CASE("pool core: an environment that cannot run here refuses claims at the first failure") {
    Bench bench(1, 10);
    bench.claim();
    bench.fail_all(Error(Errc::unsupported, "no environment matches image ruby-env; install ruby"));
    REQUIRE(bench.fx.refusals.size() == 1);
    CHECK(bench.fx.refusals[0].error.message.find("install ruby") != std::string::npos);
}

TEST_CASE("pool core: a warm instance that dies is replaced") {
    Bench bench(2, 10);
    bench.use();
    bench.start_all();
    CHECK(bench.pool.died(1, bench.now, bench.budget, bench.fx));
    CHECK_FALSE(bench.pool.died(1, bench.now, bench.budget, bench.fx));
    CHECK(bench.fx.starts.size() == 1);
}

TEST_CASE("pool core: a retired pool stops its instances and still serves outstanding claims") {
    Bench bench(2, 10);
    bench.use();
    bench.start_all();
    bench.claim();
    bench.claim();
    bench.claim();
    bench.fx = {};
    bench.pool.retire(bench.fx);
    CHECK(bench.fx.stops.empty());
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    for (std::uint64_t start = 3; start <= 5; ++start)
        bench.pool.started(start, 10 + start, bench.now, bench.budget, bench.fx);
    CHECK(bench.fx.gives.size() == 1);
    CHECK(bench.fx.stops.size() == 2);
    CHECK(bench.pool.idle());
}

TEST_CASE("pool core: claims are served by deadline and expire") {
    Bench bench(0, 0);
    bench.budget.parallel_starts = 1;
    bench.claim(10s);
    bench.claim(5s);
    bench.claim(1s);
    bench.now += 2s;
    bench.pool.tick(bench.now, bench.budget, bench.fx);
    REQUIRE(bench.fx.refusals.size() == 1);
    CHECK(bench.fx.refusals[0].claim == 3);
    CHECK(bench.fx.refusals[0].error.code == Errc::deadline_exceeded);
    bench.start_all();
    CHECK(bench.fx.gives[0].claim == 2);
}
