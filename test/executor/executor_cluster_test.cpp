// The executor over a backend whose instances outlive the daemon: adoption, replicas of functions'
// own, outages.
#include <algorithm>
#include <future>

#include "support/catch.hpp"
#include "support/executor_bench.hpp"
#include "support/fake_settings.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using hearth::test::ExecutorBench;
using hearth::test::FakeBackend;
using hearth::test::FakeSettings;

namespace {

const std::function<void(ExecutorBench&)> kCluster = [](ExecutorBench& bench) {
    bench.backend.make_cluster();
};

executor::PoolStats pool_of(ExecutorBench& bench) {
    const auto pools = bench.executor->pools();
    return pools.empty() ? executor::PoolStats() : pools.front();
}

std::size_t instances(ExecutorBench& bench, const std::string& function, const std::string& state) {
    const auto all = bench.executor->instances();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& each) {
        return each.function == function && each.state == state;
    }));
}

/// What an instance of the pool of "python" shows of itself; loaded when `identity` is given.
backend::FoundInstance found_of(const std::string& hash, const std::string& function = "",
                                const std::string& identity = "") {
    backend::FoundInstance found;
    found.runtime_hash = hash;
    found.environment_ns = "default";
    found.environment = "python";
    if (!function.empty()) found.function_ns = "default";
    found.function = function;
    found.identity = identity;
    return found;
}

struct Traces {
    std::string runtime, identity;
};

/// What a daemon before this one would have left of the function "hello" with this package.
Traces traces_of(const std::string& more = "") {
    ExecutorBench before;
    before.put_function("hello", "d1", more);
    REQUIRE(before.acquire(before.executor->find("default", "hello")));
    return {before.backend.runtimes().back().hash, before.backend.load_requests().back().identity};
}

std::string workload(const std::string& type, const std::string& members) {
    return R"(, "InvokeStrategy": {"ExecutionStrategy": {"ExecutorType": ")" + type + "\"" +
           (members.empty() ? "" : ", " + members) + "}}";
}

}  // namespace

TEST_CASE("executor: pools count what is there before they start anything") {
    const auto traces = traces_of();
    ExecutorBench bench({}, 2, kCluster);
    bench.put_function("hello", "d1");
    bench.backend.find(found_of(traces.runtime));
    bench.backend.find(found_of(traces.runtime));
    CHECK(bench.backend.starts() == 0);
    CHECK(bench.backend.stops() == 0);
    bench.backend.set_discovered();
    REQUIRE(ExecutorBench::eventually([&] { return pool_of(bench).warm == 2; }));
    CHECK(bench.backend.starts() == 0);
    CHECK(bench.backend.stops() == 0);
    // What is lacking is started afterwards.
    bench.backend.kill(bench.backend.alive().front());
    CHECK(ExecutorBench::eventually([&] { return bench.backend.starts() == 1; }));
}

TEST_CASE("executor: a loaded instance joins its function and serves without a load") {
    const auto traces = traces_of();
    REQUIRE(!traces.identity.empty());
    ExecutorBench bench({}, 0, kCluster);
    bench.put_function("hello", "d1");
    const auto id = bench.backend.find(found_of(traces.runtime, "hello", traces.identity));
    bench.backend.set_discovered();
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 1; }));
    const auto lease = bench.executor->try_acquire(bench.executor->find("default", "hello"));
    REQUIRE(lease);
    CHECK(lease.upstream().id == id);
    CHECK(bench.backend.loads() == 0);
    CHECK(bench.backend.starts() == 0);
}

TEST_CASE("executor: a request that came before stock was taken costs no instance that was there") {
    const std::string one_at_most = R"(, "concurrency": 1)";
    const auto traces = traces_of(one_at_most);
    ExecutorBench bench({}, 1, kCluster);
    bench.put_function("hello", "d1", one_at_most);
    const auto slot = bench.executor->find("default", "hello");
    auto call = std::async(std::launch::async, [&] {
        const auto lease = bench.acquire(slot);
        return lease.has_value();
    });
    REQUIRE(ExecutorBench::eventually([&] {
        return bench.metrics.text().find("hearth_executor_active_functions 1") != std::string::npos;
    }));
    bench.backend.find(found_of(traces.runtime, "hello", traces.identity));
    bench.backend.find(found_of(traces.runtime));
    bench.backend.set_discovered();
    CHECK(call.get());
    CHECK(ExecutorBench::eventually([&] { return pool_of(bench).warm == 1; }));
    CHECK(instances(bench, "hello", "ready") == 1);
    CHECK(bench.backend.starts() == 0);
    CHECK(bench.backend.stops() == 0);
}

TEST_CASE("executor: what nobody owns is stopped, but not before the catalog is known") {
    const auto traces = traces_of();
    ExecutorBench bench({}, 0, kCluster);
    bench.put_function("hello", "d2");
    bench.backend.find(found_of(traces.runtime, "hello", traces.identity));  // of another package
    bench.backend.find(found_of(traces.runtime, "gone", traces.identity));
    bench.backend.find(found_of("of an environment that changed"));
    CHECK(bench.backend.stops() == 0);
    bench.backend.set_discovered();
    CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
    CHECK(bench.backend.stops() == 3);
    // Nothing of it is counted any more.
    CHECK(ExecutorBench::eventually([&] { return bench.executor->instances().empty(); }));
}

TEST_CASE("executor: found twice, found late and dead on arrival change nothing") {
    const auto traces = traces_of();
    ExecutorBench bench({}, 0, kCluster);
    bench.put_function("hello", "d1");
    auto found = found_of(traces.runtime, "hello", traces.identity);
    found.instance.id = bench.backend.find(found);
    const auto dead = bench.backend.find(found_of(traces.runtime, "hello", traces.identity));
    bench.backend.kill(dead);
    bench.backend.find(found);
    bench.backend.set_discovered();
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 1; }));
    bench.backend.find(found);
    const auto late = bench.backend.find(found_of(traces.runtime, "hello", traces.identity));
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 2; }));
    CHECK(bench.backend.stops() == 0);
    bench.backend.kill(late);
    CHECK(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 1; }));
}

TEST_CASE("executor: the daemon's end leaves the instances of a cluster alone") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function("hello", "d1");
    REQUIRE(bench.acquire(bench.executor->find("default", "hello")));
    bench.executor->stop(Deadline::after(1s));
    CHECK(bench.backend.stops() == 0);
    CHECK(bench.backend.alive().size() == 1);
}

TEST_CASE("executor: while it is not known what is there, calls are refused at once") {
    ExecutorBench bench({}, 0, [](ExecutorBench& it) {
        it.backend.make_cluster();
        it.backend.set_unreachable(true);
    });
    bench.put_function("hello", "d1");
    const auto slot = bench.executor->find("default", "hello");
    const auto refused = bench.acquire(slot, 60s);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(refused.error().message.find("the cluster does not answer") != std::string::npos);
    CHECK(bench.backend.starts() == 0);
    bench.backend.set_unreachable(false);
    bench.backend.set_discovered();
    CHECK(ExecutorBench::eventually([&] { return bench.acquire(slot).has_value(); }));
}

TEST_CASE("executor: without the cluster warm instances serve cold calls, then they are refused") {
    ExecutorBench bench({}, 1, kCluster);
    bench.backend.set_discovered();
    bench.put_function("one", "d1");
    bench.put_function("two", "d2");
    REQUIRE(ExecutorBench::eventually([&] { return pool_of(bench).warm == 1; }));
    bench.backend.set_unreachable(true);
    const auto served = bench.acquire(bench.executor->find("default", "one"), 60s);
    CHECK(served.has_value());
    const auto refused = bench.acquire(bench.executor->find("default", "two"), 60s);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
}

TEST_CASE("executor: newdeploy starts and keeps its minimum without a request") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function("hello", "d1", workload("newdeploy", R"("MinScale": 2, "MaxScale": 3)"));
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 2; }));
    const auto runtime = bench.backend.runtimes().back();
    REQUIRE(runtime.workload);
    CHECK(runtime.workload->kind == backend::Workload::Kind::environment);
    CHECK(runtime.workload->function.name == "hello");
    CHECK(runtime.workload->spec.max_scale == 3);
    bench.backend.kill(bench.backend.alive().front());
    CHECK(ExecutorBench::eventually(
        [&] { return bench.backend.starts() == 3 && instances(bench, "hello", "ready") == 2; }));
    // Many requests share a replica unless the function says otherwise.
    const auto slot = bench.executor->find("default", "hello");
    std::vector<executor::Lease> leases;
    for (int i = 0; i < 2 * model::kRequestsPerReplica; ++i) {
        leases.push_back(bench.executor->try_acquire(slot));
        REQUIRE(leases.back());
    }
    CHECK_FALSE(bench.executor->try_acquire(slot));
    REQUIRE(bench.acquire(slot));
    CHECK(bench.backend.starts() == 4);
}

TEST_CASE("executor: newdeploy without a minimum sleeps and wakes, bounded by MaxScale") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function(
        "hello", "d1",
        R"(, "idletimeout": 0, "requestsPerPod": 1)" + workload("newdeploy", R"("MaxScale": 1)"));
    const auto slot = bench.executor->find("default", "hello");
    {
        const auto lease = bench.acquire(slot);
        REQUIRE(lease);
        const auto refused = bench.acquire(slot, 30ms);
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::deadline_exceeded);
    }
    CHECK(bench.backend.starts() == 1);
    REQUIRE(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
    CHECK(bench.backend.retired().empty());
    CHECK(bench.acquire(slot).has_value());
    CHECK(bench.backend.starts() == 2);
}

TEST_CASE("executor: another scale reaches the backend with the write, and stops nothing") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function("hello", "d1", workload("newdeploy", R"("MinScale": 1, "MaxScale": 2)"));
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 1; }));
    const auto hash = bench.backend.runtimes().back().hash;
    bench.put_function(
        "hello", "d1",
        workload("newdeploy", R"("MinScale": 3, "MaxScale": 7, "TargetCPUPercent": 50)"));
    const auto told = bench.backend.updates().back();
    CHECK(told.hash == hash);
    CHECK(told.workload->spec.max_scale == 7);
    CHECK(told.workload->spec.target_cpu_percent == 50);
    CHECK(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 3; }));
    CHECK(bench.backend.stops() == 0);
}

TEST_CASE("executor: code for replicas of its own is tried in the pool when it is written") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function("hello", "d1");
    const auto lookup = [&](model::Kind kind, const std::string& ns,
                            const std::string& name) -> std::optional<model::Resource> {
        const auto record = bench.catalog->find(kind, ns, name);
        return record ? std::optional(*record->load()) : std::nullopt;
    };
    const auto prepare = [&](const std::string& more) {
        auto source = executor::resolve_function(
            ExecutorBench::resource(model::Kind::function, "hello",
                                    ExecutorBench::function_spec("hello", more)),
            lookup);
        REQUIRE(source);
        return hearth::test::run_task(bench.executor->prepare(*source, Deadline::after(5s)));
    };
    const auto newdeploy = workload("newdeploy", R"("MinScale": 0, "MaxScale": 2)");
    SECTION("it loads, and the instance is given up") {
        CHECK(prepare(newdeploy));
        CHECK(bench.backend.loads() == 1);
        CHECK(bench.backend.load_requests().back().identity.empty());
        CHECK_FALSE(bench.backend.runtimes().back().workload);
        CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
    }
    SECTION("it does not load") {
        bench.backend.set_load("hello", FakeBackend::Behaviour::load_fails);
        const auto refused = prepare(newdeploy);
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::function_failed);
        CHECK(refused.error().detail.find("SyntaxError") != std::string::npos);
    }
    SECTION("what says nothing about the code refuses nothing") {
        bench.backend.set_load("hello", FakeBackend::Behaviour::crash);
        CHECK(prepare(newdeploy));
        bench.backend.set_start(FakeBackend::Behaviour::load_fails);
        CHECK(prepare(newdeploy));
    }
    SECTION("a pod unlike those of the pool is not tried") {
        CHECK(prepare(newdeploy + R"(, "resources": {"limits": {"nvidia.com/gpu": 1}})"));
        CHECK(bench.backend.starts() == 0);
    }
    SECTION("the same code at another scale is not tried again") {
        bench.put_function("hello", "d1", newdeploy);
        REQUIRE(bench.executor->info(bench.executor->find("default", "hello")));
        const auto before = bench.backend.loads();
        CHECK(prepare(workload("newdeploy", R"("MinScale": 0, "MaxScale": 5)")));
        CHECK(bench.backend.loads() == before);
    }
}

TEST_CASE("executor: what is kept for a function goes with its last instance") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function("hello", "d1", workload("newdeploy", ""));
    const auto slot = bench.executor->find("default", "hello");
    auto lease = bench.acquire(slot);
    REQUIRE(lease);
    const auto first = bench.backend.runtimes().back().hash;
    SECTION("another generation") {
        bench.put_function("hello", "d2", workload("newdeploy", ""));
        REQUIRE(bench.acquire(slot));
        CHECK(bench.backend.runtimes().back().hash != first);
        CHECK(bench.backend.retired().empty());
    }
    SECTION("deleted") {
        bench.remove(model::Kind::function, "hello");
        CHECK(bench.backend.retired().empty());
    }
    SECTION("pooled from now on") {
        bench.put_function("hello", "d1");
        REQUIRE(bench.acquire(slot));
        CHECK_FALSE(bench.backend.runtimes().back().workload);
    }
    *lease = executor::Lease();
    CHECK(ExecutorBench::eventually(
        [&] { return bench.backend.retired() == std::vector<std::string>{first}; }));
}

TEST_CASE("executor: a container function is started with its settings and nothing is loaded") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put(model::Kind::function, "web",
              R"({"env": [{"name": "A", "value": "x"}], "podspec": {"containers": [{"name": "web",
                  "image": "web:1"}]})" +
                  workload("container", R"("MaxScale": 2)") + "}");
    const auto lease = bench.acquire(bench.executor->find("default", "web"));
    REQUIRE(lease);
    CHECK(bench.backend.loads() == 0);
    const auto runtime = bench.backend.runtimes().back();
    REQUIRE(runtime.workload);
    CHECK(runtime.workload->kind == backend::Workload::Kind::container);
    CHECK(runtime.env == std::map<std::string, std::string>{{"A", "x"}});
    CHECK(runtime.spec.image == "web:1");
}

TEST_CASE("executor: a replica that an autoscaler made is loaded and serves") {
    ExecutorBench bench({}, 0, kCluster);
    bench.backend.set_discovered();
    bench.put_function("hello", "d1",
                       R"(, "requestsPerPod": 1)" + workload("newdeploy", R"("MaxScale": 3)"));
    const auto slot = bench.executor->find("default", "hello");
    const auto lease = bench.acquire(slot);
    REQUIRE(lease);
    bench.backend.find(found_of(bench.backend.runtimes().back().hash));
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 2; }));
    CHECK(bench.backend.loads() == 2);
    CHECK(bench.executor->try_acquire(slot));
    CHECK(bench.backend.starts() == 1);
}

TEST_CASE("executor: a replica without code found after a restart is used, not started beside") {
    const auto traces = [] {
        ExecutorBench before({}, 0, kCluster);
        before.backend.set_discovered();
        before.put_function("hello", "d1", workload("newdeploy", R"("MinScale": 1)"));
        REQUIRE(ExecutorBench::eventually([&] { return before.backend.loads() == 1; }));
        return Traces{before.backend.runtimes().back().hash,
                      before.backend.load_requests().back().identity};
    }();
    ExecutorBench bench({}, 0, kCluster);
    bench.put_function("hello", "d1", workload("newdeploy", R"("MinScale": 2)"));
    bench.backend.find(found_of(traces.runtime));
    bench.backend.find(found_of(traces.runtime, "hello", traces.identity));
    bench.backend.set_discovered();
    REQUIRE(ExecutorBench::eventually([&] { return instances(bench, "hello", "ready") == 2; }));
    CHECK(bench.backend.starts() == 0);
    CHECK(bench.backend.loads() == 1);
    CHECK(bench.backend.stops() == 0);
}

TEST_CASE("executor: the process backend serves newdeploy from the pool as ever") {
    ExecutorBench bench;
    bench.put_function("hello", "d1", workload("newdeploy", R"("MinScale": 1, "MaxScale": 4)"));
    const auto slot = bench.executor->find("default", "hello");
    const auto lease = bench.acquire(slot);
    REQUIRE(lease);
    CHECK_FALSE(bench.backend.runtimes().back().workload);
    CHECK_FALSE(bench.executor->try_acquire(slot));
    bench.put(model::Kind::function, "web",
              R"({"podspec": {"containers": [{"name": "web", "image": "web:1"}]})" +
                  workload("container", "") + "}");
    const auto refused = bench.acquire(bench.executor->find("default", "web"));
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("needs the kubernetes backend") != std::string::npos);
}
