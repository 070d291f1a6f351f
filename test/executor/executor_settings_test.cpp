// Secrets and ConfigMaps of the cluster behind those of the catalog.
#include "support/catch.hpp"
#include "support/executor_bench.hpp"
#include "support/fake_settings.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using hearth::test::ExecutorBench;
using hearth::test::FakeSettings;

namespace {

constexpr const char* kNames =
    R"(, "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}])";

std::string last_value(ExecutorBench& bench) {
    const auto requests = bench.backend.load_requests();
    if (requests.empty() || requests.back().env.count("A") == 0) return {};
    return requests.back().env.at("A");
}

}  // namespace

TEST_CASE("executor: what the catalog does not hold is taken from the cluster, read once") {
    FakeSettings settings;
    settings.put("c", "k", "cluster");
    ExecutorBench bench({}, 0, {}, &settings);
    bench.put_function("hello", "d1", kNames);
    const auto slot = bench.executor->find("default", "hello");
    {
        const auto one = bench.acquire(slot), two = bench.acquire(slot);
        REQUIRE(one);
        REQUIRE(two);
    }
    CHECK(last_value(bench) == "cluster");
    CHECK(bench.backend.loads() == 2);
    CHECK(settings.asked().size() == 1);
    CHECK(settings.reads() == 1);

    settings.put("c", "k", "changed");
    CHECK(ExecutorBench::eventually(
        [&] { return bench.acquire(slot).has_value() && last_value(bench) == "changed"; }));
    CHECK(settings.asked().size() == 1);

    // The catalog's own goes before it, and the cluster's is there again when it goes.
    bench.put(model::Kind::config_map, "c", R"({"data": {"k": "catalog"}})");
    REQUIRE(bench.acquire(slot));
    CHECK(last_value(bench) == "catalog");
    settings.put("c", "k", "unseen");
    bench.remove(model::Kind::config_map, "c");
    REQUIRE(bench.acquire(slot));
    CHECK(last_value(bench) == "unseen");
}

TEST_CASE("executor: a setting that the cluster does not have either is missing until it comes") {
    FakeSettings settings;
    ExecutorBench bench({}, 0, {}, &settings);
    bench.put_function("hello", "d1", kNames);
    const auto slot = bench.executor->find("default", "hello");
    const auto refused = bench.acquire(slot);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message ==
          "function default/hello names the ConfigMap default/c, which does not exist");
    settings.put("c", "k", "there");
    CHECK(ExecutorBench::eventually([&] { return bench.acquire(slot).has_value(); }));
    CHECK(last_value(bench) == "there");
}

TEST_CASE("executor: without the cluster a function that was resolved goes on, another waits not") {
    FakeSettings settings;
    settings.put("c", "k", "v");
    ExecutorBench bench({}, 0, {}, &settings);
    bench.put_function("old", "d1", kNames);
    REQUIRE(bench.acquire(bench.executor->find("default", "old")));
    settings.set_unreachable(true);
    CHECK(bench.acquire(bench.executor->find("default", "old")).has_value());
    bench.put_function("new", "d2", R"(, "configmaps": [{"name": "d"}])");
    const auto slot = bench.executor->find("default", "new");
    const auto refused = bench.acquire(slot, 60s);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(refused.error().message.find("the Kubernetes API does not answer") != std::string::npos);
    // What is known of it can be shown meanwhile.
    CHECK(bench.executor->info(slot)->metadata.name == "new");
    settings.set_unreachable(false);
    settings.put("d", "k", "v");
    CHECK(ExecutorBench::eventually([&] { return bench.acquire(slot).has_value(); }));
}

TEST_CASE("executor: a write that names another setting serves the old code until it is there") {
    FakeSettings settings;
    settings.put("c", "k", "one");
    settings.put("c2", "k", "two");
    ExecutorBench bench({}, 0, {}, &settings);
    bench.put_function("hello", "d1", kNames);
    const auto slot = bench.executor->find("default", "hello");
    REQUIRE(bench.acquire(slot));
    bench.put_function(
        "hello", "d1",
        R"(, "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c2", "key": "k"}}}])");
    REQUIRE(bench.acquire(slot));
    CHECK(ExecutorBench::eventually(
        [&] { return bench.acquire(slot).has_value() && last_value(bench) == "two"; }));
}

TEST_CASE("executor: a function about to be written is resolved with the cluster's settings") {
    FakeSettings settings;
    settings.put("c", "k", "v");
    ExecutorBench bench({}, 0, {}, &settings);
    bench.put_function("hello", "d1");
    const executor::Lookup planned =
        [&](model::Kind kind, const std::string& ns,
            const std::string& name) -> std::optional<model::Resource> {
        const auto record = bench.catalog->find(kind, ns, name);
        return record ? std::optional(*record->load()) : std::nullopt;
    };
    const auto function = ExecutorBench::resource(model::Kind::function, "hello",
                                                  ExecutorBench::function_spec("hello", kNames));
    const auto source = hearth::test::run_task(
        bench.executor->resolve_planned(function, planned, Deadline::after(5s)));
    REQUIRE(source);
    CHECK(source->env == std::map<std::string, std::string>{{"A", "v"}});
    settings.set_unreachable(true);
    const auto other = ExecutorBench::resource(
        model::Kind::function, "hello",
        ExecutorBench::function_spec("hello", R"(, "configmaps": [{"name": "x"}])"));
    CHECK(
        hearth::test::run_task(bench.executor->resolve_planned(other, planned, Deadline::after(5s)))
            .has_error());
}
