#include "backend/kube_workloads.hpp"

#include "backend/kube_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::KubeBench;

namespace {

/// A controller that makes and takes away pods of the one Deployment.
class Controller {
 public:
    explicit Controller(KubeBench& bench) : bench_(bench) {
        bench_.world.on_scaled = [this](const std::string& key, int replicas) {
            scale(key, replicas);
        };
    }
    std::vector<std::string> pods;

    void scale(const std::string& key, int replicas) {
        while (static_cast<int>(pods.size()) < replicas) add(key);
        while (static_cast<int>(pods.size()) > replicas) take_away();
    }
    void add(const std::string& key) {
        auto pod = bench_.world.applied.at("Deployment").at("spec").at("template").as_object();
        auto& metadata = pod.at("metadata").as_object();
        metadata["namespace"] = "shop";
        metadata["name"] = key.substr(5) + "-" + std::to_string(++made_);
        const auto made = bench_.world.put(pod);
        bench_.world.tell(made);
        bench_.world.run(made);
        bench_.world.tell(made);
        pods.push_back(made);
    }

 private:
    void take_away() {
        auto victim = pods.begin();
        for (auto it = pods.begin(); it != pods.end(); ++it) {
            const auto& annotations =
                bench_.world.object(*it).at("metadata").at("annotations").as_object();
            if (annotations.contains("controller.kubernetes.io/pod-deletion-cost")) victim = it;
        }
        bench_.world.vanish(*victim);
        pods.erase(victim);
    }
    KubeBench& bench_;
    int made_ = 0;
};

}  // namespace

TEST_CASE("kube workload: its scale follows what is held and waited for") {
    using backend::ScaleInput;
    struct Row {
        ScaleInput input;
        int wanted;
    };
    const std::vector<Row> rows = {
        {{false, 0, 0, 0}, 0}, {{false, 0, 0, 3}, 3}, {{false, 5, 2, 1}, 3}, {{false, 2, 0, 0}, 0},
        {{true, 0, 0, 3}, 1},  {{true, 4, 1, 0}, 4},  {{true, 4, 0, 0}, 0},  {{true, 0, 0, 0}, 0},
    };
    for (const auto& row : rows) CHECK(backend::wanted_replicas(row.input) == row.wanted);
}

TEST_CASE(
    "kube workload: starts scale one Deployment up, stops scale it down and take the right pod") {
    KubeBench bench;
    Controller controller(bench);
    bench.open();
    const auto first = bench.must_start(bench.workload());
    const auto second = bench.must_start(bench.workload());
    CHECK(first.name != second.name);
    CHECK(bench.world.count("apply Deployment") == 1);
    CHECK(bench.world.count("scale 2") == 1);
    CHECK(bench.world.count("create pod") == 0);
    REQUIRE(bench.load(first.id, bench.load_request()));
    bench.stop(first.id);
    CHECK_FALSE(bench.world.has("shop/" + first.name));
    CHECK(bench.world.has("shop/" + second.name));
    CHECK(bench.world.deployments.begin()->second.replicas == 1);
    bench.stop(second.id);
    CHECK(bench.world.deployments.begin()->second.replicas == 0);
    CHECK(bench.must_start(bench.workload()).name != first.name);
    CHECK(bench.world.count("apply Deployment") == 1);
}

TEST_CASE("kube workload: a retired one goes with its last instance") {
    KubeBench bench;
    Controller controller(bench);
    bench.open();
    const auto only = bench.must_start(bench.workload());
    bench.backend->retire(bench.workload().hash);
    CHECK(bench.world.deployments.size() == 1);
    bench.stop(only.id);
    CHECK(bench.until([&] {
        std::lock_guard lock(bench.world.mutex);
        return bench.world.deployments.empty();
    }));
}

TEST_CASE("kube workload: an autoscaler's replicas are told of and kept") {
    KubeBench bench;
    Controller controller(bench);
    bench.open();
    const auto first = bench.must_start(bench.workload(true));
    CHECK(bench.world.count("apply HorizontalPodAutoscaler") == 1);
    {
        std::lock_guard lock(bench.world.mutex);
        const auto key = bench.world.deployments.begin()->first;
        bench.world.deployments.begin()->second.replicas = 2;
        controller.add(key);
    }
    const auto found = bench.wait_found(1);
    REQUIRE(found.size() == 1);
    CHECK(found[0].runtime_hash == bench.workload(true).hash);
    CHECK(found[0].function.empty());
    bench.stop(found[0].instance.id);
    CHECK(bench.world.has("shop/" + found[0].instance.name));
    CHECK(bench.world.deployments.begin()->second.replicas == 2);
    CHECK(bench.must_start(bench.workload(true)).name == found[0].instance.name);
    bench.stop(first.id);
    bench.stop(found[0].instance.id);
    CHECK(bench.until([&] {
        std::lock_guard lock(bench.world.mutex);
        return bench.world.deployments.begin()->second.replicas == 0;
    }));
}

TEST_CASE("kube workload: its autoscaler follows the function's settings at once") {
    KubeBench bench;
    Controller controller(bench);
    bench.open();
    const auto first = bench.must_start(bench.workload());
    const auto told = [&](int most, int percent) {
        auto runtime = bench.workload();
        auto workload = std::make_shared<backend::Workload>(*runtime.workload);
        workload->spec.max_scale = most;
        workload->spec.target_cpu_percent = percent;
        runtime.workload = workload;
        bench.backend->update(runtime);
    };
    const auto most = [&] {
        std::lock_guard lock(bench.world.mutex);
        const auto it = bench.world.applied.find("HorizontalPodAutoscaler");
        return it == bench.world.applied.end() ? 0
                                               : it->second.at("spec").at("maxReplicas").as_int64();
    };
    CHECK(most() == 0);
    const auto gone =
        "remove " + std::to_string(static_cast<int>(backend::ClusterKind::autoscaler));
    CHECK(bench.world.count(gone) == 0);
    told(7, 50);
    REQUIRE(bench.until([&] { return most() == 7; }));
    told(9, 50);
    REQUIRE(bench.until([&] { return most() == 9; }));
    told(9, 50);
    told(9, 0);
    REQUIRE(bench.until([&] { return bench.world.count(gone) == 1; }));
    CHECK(bench.world.count("apply HorizontalPodAutoscaler") == 2);
    CHECK(bench.world.has("shop/" + first.name));
    CHECK(bench.world.count("apply Deployment") == 1);
}

TEST_CASE("kube workload: replicas that cannot start fail those who wait, with the reason") {
    KubeBench bench;
    bench.world.on_scaled = [&](const std::string& key, int replicas) {
        if (replicas == 0) return;
        auto pod = bench.world.applied.at("Deployment").at("spec").at("template").as_object();
        pod.at("metadata").as_object()["namespace"] = "shop";
        pod.at("metadata").as_object()["name"] = key.substr(5) + "-x";
        const auto made = bench.world.put(pod);
        bench.world.set_status(made, "Pending", "",
                               R"({"waiting":{"reason":"ErrImageNeverPull","message":"m"}})");
        bench.world.tell(made);
    };
    bench.open();
    auto started = bench.start(bench.workload(), std::chrono::seconds(60));
    REQUIRE(started.has_error());
    CHECK(started.error().message.find("pull policy is Never") != std::string::npos);
    CHECK(bench.until([&] { return bench.world.count("scale 0") == 1; }));
}

TEST_CASE("kube workload: loaded replicas are found again after a restart of the daemon") {
    KubeBench bench;
    Controller controller(bench);
    bench.open();
    const auto first = bench.must_start(bench.workload());
    REQUIRE(bench.load(first.id, bench.load_request()));
    bench.close();
    bench.open();
    const auto found = bench.wait_found(1);
    REQUIRE(found.size() == 1);
    CHECK(found[0].instance.name == first.name);
    CHECK(found[0].identity == "identity-1");
    bench.stop(found[0].instance.id);
    CHECK_FALSE(bench.world.has("shop/" + first.name));
    CHECK(bench.until([&] {
        std::lock_guard lock(bench.world.mutex);
        return bench.world.deployments.begin()->second.replicas == 0;
    }));
}
