#include "executor/adoption.hpp"
#include "executor/function_core.hpp"
#include "executor/pool_core.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::executor;
using namespace std::chrono_literals;

namespace {

backend::FoundInstance instance(std::uint64_t id) {
    backend::FoundInstance found;
    found.instance.id = id;
    return found;
}

const TimePoint kNow{std::chrono::hours(1)};

}  // namespace

TEST_CASE("adoption: nothing is decided before the catalog has been read") {
    Adoption adoption;
    CHECK(adoption.found(instance(1)).empty());
    CHECK(adoption.found(instance(2)).empty());
    CHECK(adoption.found(instance(1)).empty());
    adoption.ended(2);
    CHECK(adoption.found(instance(2)).empty());
    CHECK_FALSE(adoption.is_open());
    const auto first = adoption.open();
    REQUIRE(first.size() == 1);
    CHECK(first.front().instance.id == 1);
    CHECK(adoption.open().empty());
    CHECK(adoption.found(instance(1)).empty());
    CHECK(adoption.found(instance(3)).size() == 1);
    CHECK(adoption.found(instance(3)).empty());
}

TEST_CASE("pool core: an adopted instance serves a claim, is kept, or is let go") {
    InstanceBudget budget;
    budget.held = true;
    PoolCore pool("default/python");
    pool.configure(1, 5);
    PoolEffects fx;
    pool.claim(7, kNow + 10s, kNow, budget, fx);
    CHECK(fx.starts.empty());
    pool.adopt(1, kNow, budget, fx);
    REQUIRE(fx.gives.size() == 1);
    CHECK(fx.gives.front().instance == 1);
    fx = {};
    pool.adopt(2, kNow, budget, fx);
    pool.adopt(2, kNow, budget, fx);
    CHECK(pool.warm() == 1);
    CHECK(fx.starts.empty());
    budget.held = false;
    pool.tick(kNow, budget, fx);
    CHECK(fx.starts.empty());
    // More than is wanted goes after a while, as what a shrinking target leaves.
    pool.adopt(3, kNow, budget, fx);
    pool.tick(kNow + 3s, budget, fx);
    CHECK(pool.warm() == 1);
    PoolCore unused("default/other");
    unused.configure(3, 5);
    fx = {};
    unused.adopt(9, kNow, budget, fx);
    CHECK(fx.stops == std::vector<std::uint64_t>{9});
}

TEST_CASE("pool core: what is given back was no demand") {
    InstanceBudget budget;
    PoolCore pool("default/python");
    pool.configure(1, 20);
    PoolEffects fx;
    pool.adopt(1, kNow, budget, fx);
    for (std::uint64_t claim = 1; claim <= 50; ++claim) {
        pool.claim(claim, kNow + 10s, kNow, budget, fx);
        pool.give_back(1, kNow, budget, fx);
    }
    CHECK(pool.target(kNow) == 1);
}

TEST_CASE("function core: found instances take the places of starts that requests have ordered") {
    FunctionCore core("default/hello");
    FunctionPolicy policy;
    policy.requests_per_pod = 1;
    policy.concurrency = 2;
    FunctionEffects fx;
    core.configure(policy, 1, kNow, fx);
    // Requests that came before it was known what is there.
    for (std::uint64_t waiter = 1; waiter <= 3; ++waiter)
        REQUIRE_FALSE(core.enqueue(waiter, kNow + std::chrono::seconds(5), kNow, fx));
    REQUIRE(fx.starts.size() == 2);
    const auto starts = fx.starts;
    CHECK(core.adopt(11, nullptr, kNow, fx));
    CHECK(core.adopt(12, nullptr, kNow, fx));
    CHECK(fx.grants.size() == 2);
    CHECK(fx.starts.size() == 2);
    CHECK(core.starting() == 0);
    CHECK_FALSE(core.adopt(13, nullptr, kNow, fx));
    // One start has not got its instance yet, the other one comes too late.
    CHECK(core.withdraw(starts[0].ticket));
    CHECK_FALSE(core.withdraw(starts[0].ticket));
    core.loaded(starts[1].ticket, 14, nullptr, kNow, fx);
    REQUIRE(fx.stops.size() == 1);
    CHECK(fx.stops[0].id == 14);
    CHECK(core.instances() == 2);
}

TEST_CASE("function core: adopted instances count, up to what may be") {
    FunctionCore core("default/hello");
    FunctionPolicy policy;
    policy.concurrency = 2;
    FunctionEffects fx;
    core.configure(policy, 1, kNow, fx);
    CHECK_FALSE(core.enqueue(1, kNow + 10s, kNow, fx));
    REQUIRE(fx.starts.size() == 1);
    CHECK(core.adopt(11, nullptr, kNow, fx));
    REQUIRE(fx.grants.size() == 1);
    CHECK(fx.grants.front().id == 11);
    CHECK(core.adopt(11, nullptr, kNow, fx));
    CHECK(core.instances() == 1);
    CHECK(core.adopt(12, nullptr, kNow, fx));
    CHECK(core.starting() == 0);
    CHECK_FALSE(core.adopt(13, nullptr, kNow, fx));
    core.close(Error(Errc::not_found, "gone"), fx);
    CHECK_FALSE(core.adopt(14, nullptr, kNow, fx));
}

TEST_CASE(
    "function core: the minimum is started without a request, and again with a growing pause") {
    FunctionCore core("default/hello");
    FunctionPolicy policy;
    policy.min_instances = policy.retain = 2;
    policy.idle_timeout = 1s;
    FunctionEffects fx;
    core.configure(policy, 1, kNow, fx);
    REQUIRE(fx.starts.size() == 2);
    CHECK(core.active());
    const auto tickets = fx.starts;
    fx = {};
    const Error error(Errc::function_failed, "SyntaxError");
    for (const auto& start : tickets) core.start_failed(start.ticket, error, kNow, fx);
    core.tick(kNow + 500ms, fx);
    CHECK(fx.starts.empty());
    auto now = kNow;
    std::size_t tries = 0;
    for (; now < kNow + 60s; now += 100ms) {
        core.tick(now, fx);
        for (const auto& start : std::exchange(fx.starts, {})) {
            ++tries;
            core.start_failed(start.ticket, error, now, fx);
        }
    }
    CHECK(tries >= 4);
    CHECK(tries <= 12);
    now += 60s;
    core.tick(now, fx);
    REQUIRE(!fx.starts.empty());
    std::uint64_t id = 0;
    while (!fx.starts.empty()) {
        const auto starts = std::exchange(fx.starts, {});
        for (const auto& start : starts) core.loaded(start.ticket, ++id, nullptr, now, fx);
    }
    CHECK(core.instances() == 2);
    // Idle ones are kept; one that dies is replaced.
    core.tick(now + 1min, fx);
    CHECK(fx.stops.empty());
    core.died(1, now + 1min, fx);
    CHECK(fx.starts.size() == 1);
}
