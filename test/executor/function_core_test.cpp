#include "executor/function_core.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::executor;
using namespace std::chrono_literals;

namespace {

struct Bench {
    FunctionCore core{"default/hello"};
    FunctionEffects fx;
    TimePoint now{std::chrono::hours(1)};
    std::uint64_t next_waiter = 0, next_instance = 100;

    explicit Bench(FunctionPolicy policy = {}) { core.configure(policy, 1, now, fx); }

    std::optional<Error> wait(std::chrono::milliseconds patience = 1s) {
        return core.enqueue(++next_waiter, now + patience, now, fx);
    }
    /// Loads everything that was ordered and returns the new instances.
    std::vector<std::uint64_t> load_all() {
        std::vector<std::uint64_t> made;
        auto starts = std::move(fx.starts);
        fx.starts.clear();
        for (const auto& start : starts) {
            core.loaded(start.ticket, ++next_instance, nullptr, now, fx);
            made.push_back(next_instance);
        }
        return made;
    }
};

FunctionPolicy policy(int per_pod, int concurrency) {
    FunctionPolicy p;
    p.requests_per_pod = per_pod;
    p.concurrency = concurrency;
    return p;
}

}  // namespace

TEST_CASE("function core: a burst orders as many starts as it needs and no more") {
    struct Row {
        int waiting, per_pod, concurrency;
        std::size_t starts;
    };
    const Row rows[] = {{1, 1, 500, 1},      {10, 1, 500, 10}, {10, 3, 500, 4}, {10, 4, 2, 2},
                        {1000, 50, 500, 20}, {7, 7, 500, 1},   {8, 7, 500, 2}};
    for (const auto& row : rows) {
        CAPTURE(row.waiting, row.per_pod, row.concurrency);
        Bench bench(policy(row.per_pod, row.concurrency));
        for (int i = 0; i < row.waiting; ++i) REQUIRE_FALSE(bench.wait());
        CHECK(bench.fx.starts.size() == row.starts);
        CHECK(bench.fx.grants.empty());
    }
}

TEST_CASE("function core: a new instance serves requestsPerPod waiters, the rest follow releases") {
    Bench bench(policy(2, 1));
    for (int i = 0; i < 5; ++i) bench.wait();
    const auto made = bench.load_all();
    REQUIRE(made.size() == 1);
    REQUIRE(bench.fx.grants.size() == 2);
    CHECK(bench.fx.grants[0].waiter == 1);
    CHECK(bench.fx.grants[0].fresh);
    CHECK(bench.fx.grants[1].waiter == 2);
    bench.fx = {};
    bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    REQUIRE(bench.fx.grants.size() == 1);
    CHECK(bench.fx.grants[0].waiter == 3);
    CHECK_FALSE(bench.fx.grants[0].fresh);
    CHECK(bench.fx.starts.empty());
    CHECK(bench.core.waiting() == 2);
}

TEST_CASE("function core: waiters are served by deadline, and first come first served within one") {
    Bench bench(policy(1, 1));
    bench.wait(900ms);  // 1
    bench.wait(300ms);  // 2
    bench.wait(300ms);  // 3
    const auto made = bench.load_all();
    for (int i = 0; i < 2; ++i) bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    REQUIRE(bench.fx.grants.size() == 3);
    CHECK(bench.fx.grants[0].waiter == 2);
    CHECK(bench.fx.grants[1].waiter == 3);
    CHECK(bench.fx.grants[2].waiter == 1);
}

TEST_CASE("function core: the queue is bounded and says so at once") {
    auto p = policy(1, 1);
    p.queue_capacity = 3;
    Bench bench(p);
    for (int i = 0; i < 3; ++i) REQUIRE_FALSE(bench.wait());
    const auto refused = bench.wait();
    REQUIRE(refused);
    CHECK(refused->code == Errc::exhausted);
    CHECK(refused->component == "executor");
    CHECK(refused->message ==
          "function default/hello has 3 requests waiting, which is the limit of its queue; try "
          "again later");
    CHECK(bench.core.waiting() == 3);
}

TEST_CASE("function core: a waiter whose deadline passed is refused and never served") {
    Bench bench(policy(1, 1));
    bench.wait(100ms);
    bench.wait(5s);
    bench.now += 200ms;
    const auto made = bench.load_all();
    REQUIRE(bench.fx.refusals.size() == 1);
    CHECK(bench.fx.refusals[0].waiter == 1);
    CHECK(bench.fx.refusals[0].error.code == Errc::deadline_exceeded);
    REQUIRE(bench.fx.grants.size() == 1);
    CHECK(bench.fx.grants[0].waiter == 2);
}

TEST_CASE(
    "function core: the most recently used instance is taken first, idle ones are reaped but for "
    "retainPods") {
    auto p = policy(1, 10);
    p.retain = 1;
    p.idle_timeout = 1s;
    Bench bench(p);
    for (int i = 0; i < 3; ++i) bench.wait();
    const auto made = bench.load_all();
    bench.fx = {};
    for (const auto id : made) {
        bench.now += 1ms;
        bench.core.release(id, LeaseOutcome::ok, bench.now, bench.fx);
    }
    auto* place = bench.core.try_acquire(bench.now);
    REQUIRE(place != nullptr);
    CHECK(place->id == made[2]);
    bench.now += 2s;
    bench.core.tick(bench.now, bench.fx);
    CHECK(bench.fx.stops.size() == 2);  // the leased one stays, and counts as the retained one
    CHECK(bench.core.instances() == 1);
    bench.core.release(made[2], LeaseOutcome::ok, bench.now, bench.fx);
    bench.now += 1h;
    bench.core.tick(bench.now, bench.fx);
    CHECK(bench.core.instances() == 1);
}

TEST_CASE(
    "function core: a request at the very moment of the reap finds the instance or starts one, "
    "never a lost one") {
    auto p = policy(1, 10);
    p.idle_timeout = 1s;
    Bench bench(p);
    bench.wait();
    const auto made = bench.load_all();
    bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    bench.fx = {};
    bench.now += 1s;
    SECTION("claimed first: the reaper leaves it") {
        REQUIRE(bench.core.try_acquire(bench.now) != nullptr);
        bench.core.tick(bench.now, bench.fx);
        CHECK(bench.fx.stops.empty());
    }
    SECTION("reaped first: the request waits for a new one") {
        bench.core.tick(bench.now, bench.fx);
        REQUIRE(bench.fx.stops.size() == 1);
        CHECK(bench.core.try_acquire(bench.now) == nullptr);
        bench.wait();
        CHECK(bench.fx.starts.size() == 1);
    }
}

TEST_CASE(
    "function core: onceOnly gives every request an instance of its own and stops it afterwards") {
    auto p = policy(5, 2);
    p.once_only = true;
    Bench bench(p);
    for (int i = 0; i < 3; ++i) bench.wait();
    CHECK(bench.fx.starts.size() == 2);  // concurrency still bounds
    const auto made = bench.load_all();
    CHECK(bench.fx.grants.size() == 2);
    CHECK(bench.core.try_acquire(bench.now) == nullptr);
    bench.fx = {};
    bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    REQUIRE(bench.fx.stops.size() == 1);
    CHECK(bench.fx.stops[0].id == made[0]);
    CHECK(bench.fx.starts.size() == 1);
    CHECK(bench.fx.grants.empty());
}

TEST_CASE(
    "function core: after an update only the new generation serves, the old one ends with its last "
    "lease") {
    Bench bench(policy(1, 10));
    bench.wait();
    bench.wait();
    const auto old = bench.load_all();
    bench.core.release(old[0], LeaseOutcome::ok, bench.now, bench.fx);
    bench.fx = {};
    bench.core.configure(policy(1, 10), 2, bench.now, bench.fx);
    REQUIRE(bench.fx.stops.size() == 1);  // the idle one at once
    CHECK(bench.fx.stops[0].id == old[0]);
    CHECK(bench.core.try_acquire(bench.now) == nullptr);
    bench.wait();
    REQUIRE(bench.fx.starts.size() == 1);
    CHECK(bench.fx.starts[0].generation == 2);
    bench.core.release(old[1], LeaseOutcome::ok, bench.now, bench.fx);
    CHECK(bench.fx.stops.size() == 2);
    bench.load_all();
    CHECK(bench.fx.grants.back().waiter == 3);
}

TEST_CASE("function core: a start of the old code that ends after an update is stopped, not used") {
    Bench bench(policy(1, 10));
    bench.wait();
    const auto old_ticket = bench.fx.starts[0].ticket;
    bench.fx = {};
    bench.core.configure(policy(1, 10), 2, bench.now, bench.fx);
    REQUIRE(bench.fx.starts.size() == 1);  // the waiter is served by the new code
    bench.core.loaded(old_ticket, 7, nullptr, bench.now, bench.fx);
    CHECK(bench.fx.grants.empty());
    REQUIRE(bench.fx.stops.size() == 1);
    CHECK(bench.fx.stops[0].id == 7);
}

TEST_CASE("function core: an instance loaded ahead serves at once after the update") {
    Bench bench(policy(1, 10));
    bench.wait();
    bench.core.configure_with(policy(1, 10), 2, 55, nullptr, bench.now, bench.fx);
    REQUIRE(bench.fx.grants.size() == 1);
    CHECK(bench.fx.grants[0].id == 55);
    CHECK(bench.fx.starts.size() == 1);  // the one of the old code, before the update
    bench.core.release(55, LeaseOutcome::ok, bench.now, bench.fx);
    auto* place = bench.core.try_acquire(bench.now);
    REQUIRE(place != nullptr);
    CHECK(place->id == 55);
}

TEST_CASE(
    "function core: code that does not load fails all who wait, is served again for a second, then "
    "retried") {
    Bench bench(policy(1, 10));
    for (int i = 0; i < 3; ++i) bench.wait();
    const Error trace(Errc::function_failed, "function default/hello does not load",
                      "Traceback: SyntaxError");
    bench.core.start_failed(bench.fx.starts[0].ticket, trace, bench.now, bench.fx);
    REQUIRE(bench.fx.refusals.size() == 3);
    CHECK(bench.fx.refusals[2].error == trace);
    bench.core.start_failed(bench.fx.starts[1].ticket, trace, bench.now, bench.fx);
    bench.core.start_failed(bench.fx.starts[2].ticket, trace, bench.now, bench.fx);
    bench.fx = {};
    bench.now += 500ms;
    const auto again = bench.wait();
    REQUIRE(again);
    CHECK(*again == trace);
    CHECK(bench.fx.starts.empty());
    bench.now += 600ms;
    for (int i = 0; i < 5; ++i) CHECK_FALSE(bench.wait());
    CHECK(bench.fx.starts.size() == 1);  // one finds out for all
    bench.load_all();
    CHECK(bench.fx.grants.size() == 1);
    CHECK(bench.fx.starts.size() == 4);
}

TEST_CASE(
    "function core: a start that the platform failed is tried once more, then its reason is told") {
    Bench bench(policy(1, 10));
    bench.wait();
    const Error died(Errc::unavailable, "the instance died while loading");
    bench.core.start_failed(bench.fx.starts[0].ticket, died, bench.now, bench.fx);
    CHECK(bench.fx.refusals.empty());
    REQUIRE(bench.fx.starts.size() == 2);
    bench.core.start_failed(bench.fx.starts[1].ticket, died, bench.now, bench.fx);
    REQUIRE(bench.fx.refusals.size() == 1);
    CHECK(bench.fx.refusals[0].error.message == "the instance died while loading");
}

TEST_CASE("function core: while other instances serve, a refused start makes nobody fail") {
    Bench bench(policy(1, 10));
    bench.wait();
    const auto made = bench.load_all();
    bench.wait();
    const Error full(Errc::exhausted, "no room");
    bench.core.start_failed(bench.fx.starts[0].ticket, full, bench.now, bench.fx);
    CHECK(bench.fx.refusals.empty());
    bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    CHECK(bench.fx.grants.back().waiter == 2);
}

TEST_CASE(
    "function core: a dead instance is replaced while somebody waits; late events change nothing") {
    Bench bench(policy(1, 1));
    bench.wait();
    const auto made = bench.load_all();
    bench.wait();
    bench.fx = {};
    bench.core.died(made[0], bench.now, bench.fx);
    CHECK(bench.fx.starts.size() == 1);
    bench.core.died(made[0], bench.now, bench.fx);
    bench.core.release(made[0], LeaseOutcome::instance_failed, bench.now, bench.fx);
    bench.core.start_failed(999, Error(Errc::unavailable, "late"), bench.now, bench.fx);
    CHECK(bench.fx.starts.size() == 1);
    CHECK(bench.fx.stops.empty());
}

TEST_CASE("function core: a failed instance takes no more requests and ends with its last lease") {
    Bench bench(policy(2, 2));
    bench.wait();
    bench.wait();
    const auto made = bench.load_all();
    bench.fx = {};
    bench.core.release(made[0], LeaseOutcome::instance_failed, bench.now, bench.fx);
    CHECK(bench.core.try_acquire(bench.now) == nullptr);
    CHECK(bench.fx.stops.empty());
    bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    CHECK(bench.fx.stops.size() == 1);
}

TEST_CASE("function core: a deleted function refuses its waiters and drains") {
    Bench bench(policy(1, 1));
    bench.wait();
    const auto made = bench.load_all();
    bench.wait();
    bench.fx = {};
    bench.core.close(Error(Errc::not_found, "function default/hello does not exist"), bench.fx);
    REQUIRE(bench.fx.refusals.size() == 1);
    CHECK(bench.fx.refusals[0].error.code == Errc::not_found);
    CHECK(bench.wait()->code == Errc::not_found);
    CHECK(bench.fx.stops.empty());
    bench.core.release(made[0], LeaseOutcome::ok, bench.now, bench.fx);
    CHECK(bench.fx.stops.size() == 1);
    CHECK_FALSE(bench.core.active());
}

TEST_CASE("function core: a cancelled waiter is neither granted nor refused") {
    Bench bench(policy(1, 1));
    bench.wait();
    CHECK(bench.core.cancel(1));
    CHECK_FALSE(bench.core.cancel(1));
    bench.load_all();
    CHECK(bench.fx.grants.empty());
    CHECK(bench.fx.refusals.empty());
    CHECK(bench.core.try_acquire(bench.now) != nullptr);
}

TEST_CASE(
    "function core: a start is withdrawn once those that serve have left nobody to wait for it") {
    Bench bench;
    for (int i = 0; i < 4; ++i) REQUIRE_FALSE(bench.wait());
    REQUIRE(bench.fx.starts.size() == 4);
    const auto starts = bench.fx.starts;
    // Nothing serves yet: all of them are wanted.
    for (const auto& start : starts) CHECK_FALSE(bench.core.withdraw(start.ticket));
    bench.core.loaded(starts[0].ticket, 7, nullptr, bench.now, bench.fx);
    CHECK_FALSE(bench.core.withdraw(starts[0].ticket));
    CHECK_FALSE(bench.core.withdraw(starts[1].ticket));
    bench.core.release(7, LeaseOutcome::ok, bench.now, bench.fx);
    // Two wait, three starts are ordered.
    CHECK(bench.core.waiting() == 2);
    CHECK(bench.core.withdraw(starts[1].ticket));
    CHECK_FALSE(bench.core.withdraw(starts[1].ticket));
    CHECK_FALSE(bench.core.withdraw(starts[2].ticket));
    bench.core.release(7, LeaseOutcome::ok, bench.now, bench.fx);
    bench.core.release(7, LeaseOutcome::ok, bench.now, bench.fx);
    CHECK(bench.core.withdraw(starts[2].ticket));
    CHECK(bench.core.withdraw(starts[3].ticket));
    CHECK(bench.core.starting() == 0);
    // What comes later orders anew.
    bench.fx = {};
    bench.core.died(7, bench.now, bench.fx);
    REQUIRE_FALSE(bench.wait());
    CHECK(bench.fx.starts.size() == 1);
}
