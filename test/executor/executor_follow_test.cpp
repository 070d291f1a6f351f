// How the executor follows changes of the catalog.
#include "hearth/executor/executor.hpp"
#include "support/catch.hpp"
#include "support/executor_bench.hpp"

using namespace hearth;
using hearth::test::ExecutorBench;
using hearth::test::FakeBackend;
using namespace std::chrono_literals;

namespace {

int warm(ExecutorBench& bench) {
    const auto pools = bench.executor->pools();
    return pools.empty() ? 0 : pools[0].warm;
}

}  // namespace

TEST_CASE(
    "executor: new code serves as soon as the write has returned, the old instance ends with its "
    "last lease") {
    ExecutorBench bench;
    bench.put_function("hello", "d1");
    const auto slot = bench.executor->find("default", "hello");
    auto old = bench.acquire(slot);
    REQUIRE(old);
    bench.put_function("hello", "d2");
    CHECK_FALSE(bench.executor->try_acquire(slot));
    auto fresh = bench.acquire(slot);
    REQUIRE(fresh);
    CHECK(fresh->instance_name() != old->instance_name());
    CHECK(bench.backend.load_requests().back().code_path == "/code/d2");
    CHECK(bench.backend.stops() == 0);
    old->release(executor::LeaseOutcome::ok);
    CHECK(ExecutorBench::eventually([&] { return bench.backend.stops() == 1; }));
    CHECK(bench.backend.alive() == std::vector<std::uint64_t>{2});
}

TEST_CASE("executor: a change of policy keeps the instances, a changed secret replaces them") {
    ExecutorBench bench;
    bench.put(model::Kind::secret, "db", R"({"data": {"password": "b25l"}})");
    const std::string with_secret = R"(, "secrets": [{"name": "db", "namespace": "default"}])";
    bench.put_function("hello", "d1", with_secret);
    const auto slot = bench.executor->find("default", "hello");
    bench.acquire(slot)->release(executor::LeaseOutcome::ok);
    bench.put_function("hello", "d1", with_secret + R"(, "requestsPerPod": 2)");
    CHECK(bench.executor->info(slot)->spec.requests_per_pod == 2);
    {
        const auto one = bench.executor->try_acquire(slot);
        const auto two = bench.executor->try_acquire(slot);
        CHECK(one);
        CHECK(two);
    }
    CHECK(bench.backend.loads() == 1);
    bench.put(model::Kind::secret, "db", R"({"data": {"password": "dHdv"}})");
    CHECK_FALSE(bench.executor->try_acquire(slot));
    bench.acquire(slot)->release(executor::LeaseOutcome::ok);
    CHECK(bench.backend.load_requests().back().secret_files.at("default/db/password") == "two");
    bench.put(model::Kind::secret, "other", R"({"data": {"a": "dHdv"}})");
    CHECK(bench.executor->try_acquire(slot));
}

TEST_CASE(
    "executor: code loaded ahead serves the first request after the write, without another load") {
    ExecutorBench bench;
    bench.put(
        model::Kind::package, "hello",
        R"({"environment": {"name": "python"}, "deployment": {"type": "url", "url": "archive://d1"}})");
    const auto lookup = [&](model::Kind kind, const std::string& ns,
                            const std::string& name) -> std::optional<model::Resource> {
        const auto record = bench.catalog->find(kind, ns, name);
        return record ? std::optional(*record->load()) : std::nullopt;
    };
    const auto function = ExecutorBench::resource(model::Kind::function, "hello",
                                                  ExecutorBench::function_spec("hello"));
    auto source = executor::resolve_function(function, lookup);
    REQUIRE(source);
    SECTION("it loads") {
        REQUIRE(hearth::test::run_task(bench.executor->prepare(*source, Deadline::after(5s))));
        CHECK(bench.backend.loads() == 1);
        bench.put_function("hello", "d1");
        const auto slot = bench.executor->find("default", "hello");
        const auto lease = bench.executor->try_acquire(slot);
        REQUIRE(lease);
        CHECK_FALSE(lease.timings().cold);
        CHECK(lease.function().metadata.uid == bench.executor->info(slot)->metadata.uid);
        CHECK(bench.backend.loads() == 1);
        CHECK(hearth::test::run_task(bench.executor->prepare(*source, Deadline::after(5s))));
        CHECK(bench.backend.loads() == 1);
    }
    SECTION("it does not load") {
        bench.backend.set_load("hello", FakeBackend::Behaviour::load_fails);
        const auto refused =
            hearth::test::run_task(bench.executor->prepare(*source, Deadline::after(5s)));
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::function_failed);
        CHECK(refused.error().detail.find("SyntaxError") != std::string::npos);
        CHECK(ExecutorBench::eventually([&] { return bench.backend.alive().empty(); }));
    }
}

TEST_CASE("executor: packages are unpacked when they are written, not when they are called") {
    ExecutorBench bench;
    bench.archives.there = false;
    bench.put_function("hello", "d1");
    CHECK(ExecutorBench::eventually([&] { return bench.archives.unpacks == 1; }));
    bench.archives.fails = true;
    const auto refused = bench.acquire(bench.executor->find("default", "hello"));
    REQUIRE(refused.has_error());
    CHECK(
        refused.error().message ==
        "the package of function default/hello cannot be unpacked: archive d1 is not in the store");
}

TEST_CASE("executor: a changed environment recycles its pool") {
    ExecutorBench bench({}, 1);
    bench.put_function("hello", "d1");
    REQUIRE(ExecutorBench::eventually([&] { return warm(bench) == 1; }));
    bench.put(model::Kind::environment, "python",
              R"({"version": 3, "runtime": {"image": "python-env:2"}, "poolsize": 1})");
    CHECK(
        ExecutorBench::eventually([&] { return bench.backend.stops() == 1 && warm(bench) == 1; }));
    CHECK(bench.backend.runtimes().back().spec.image == "python-env:2");
}

TEST_CASE("executor: what starts for an environment that has gone or changed ends at once") {
    executor::ExecutorOptions options;
    options.max_instances = 1;  // so that the next start shows that the first one has ended
    ExecutorBench bench(options, 1);
    bench.backend.set_start(FakeBackend::Behaviour::hang);
    bench.put_function("hello", "d1");
    REQUIRE(ExecutorBench::eventually([&] { return bench.backend.hanging() == 1; }));
    bench.backend.set_start(FakeBackend::Behaviour::ready);
    SECTION("changed") {}
    SECTION("gone") {
        bench.remove(model::Kind::environment, "python");
    }
    bench.put(model::Kind::environment, "python",
              R"({"version": 3, "runtime": {"image": "python-env:2"}, "poolsize": 1})");
    bench.put_function("other", "d2");
    CHECK(ExecutorBench::eventually([&] { return warm(bench) == 1; }));
    CHECK(bench.backend.runtimes().back().spec.image == "python-env:2");
}
