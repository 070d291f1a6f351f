#include <algorithm>
#include <iostream>

#include "backend/kube_real_cluster.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using test::RealCluster;
namespace json = boost::json;

namespace {

double ms_since(std::chrono::steady_clock::time_point begun) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
        .count();
}

const std::string kHello = "def main():\n    return 'hello'\n";

}  // namespace

TEST_CASE("kube cluster: an instance starts, loads code with its settings, answers and ends",
          "[.][cluster]") {
    RealCluster cluster;
    const auto instance = cluster.start(cluster.runtime());
    auto request = cluster.code(
        "import os\n"
        "def main():\n"
        "    read = lambda p: open(p).read()\n"
        "    print('said so')\n"
        "    return '|'.join([os.environ['GREETING'], read('/secrets/" +
        cluster.ns +
        "/db/password'),\n"
        "                     read('/configs/" +
        cluster.ns + "/app/mode')])\n");
    request.env["GREETING"] = "hello";
    request.secret_files[cluster.ns + "/db/password"] = "s3cret";
    request.config_files[cluster.ns + "/app/mode"] = "fast";
    RealCluster::must(cluster.load(instance, request));
    auto answer = cluster.call(instance);
    REQUIRE(answer);
    CHECK(answer->body == "hello|s3cret|fast");
    CHECK(cluster.until([&] {
        return cluster.pod(instance.name)
            .at("metadata")
            .at("labels")
            .as_object()
            .contains("hearth.io/function");
    }));
    CHECK(cluster.until([&] {
        telemetry::LogQuery query;
        query.ns = cluster.ns;
        query.function = "cart";
        auto entries = cluster.function_log.read(query);
        for (const auto& entry : *entries)
            if (entry.message == "said so") return true;
        return false;
    }));
    cluster.stop(instance);
    CHECK_FALSE(cluster.pod_is_there(instance.name));
    REQUIRE(cluster.wait_exit(instance.id));
}

TEST_CASE("kube cluster: cold starts on warm pods, split by phase", "[.][cluster]") {
    RealCluster cluster;
    std::vector<backend::Instance> warm;
    std::vector<double> starts, loads, calls;
    for (int i = 0; i < 10; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        warm.push_back(cluster.start(cluster.runtime()));
        starts.push_back(ms_since(begun));
    }
    for (const auto& instance : warm) {
        auto begun = std::chrono::steady_clock::now();
        RealCluster::must(cluster.load(instance, cluster.code(kHello)));
        loads.push_back(ms_since(begun));
        begun = std::chrono::steady_clock::now();
        auto answer = cluster.call(instance);
        calls.push_back(ms_since(begun));
        REQUIRE(answer);
        CHECK(answer->body == "hello");
    }
    const auto line = [](const std::string& name, std::vector<double> values) {
        std::sort(values.begin(), values.end());
        std::cerr << name << ": p50 " << values[values.size() / 2] << " ms, max " << values.back()
                  << " ms\n";
    };
    line("pod start", starts);
    line("push and load", loads);
    line("first call", calls);
}

TEST_CASE("kube cluster: a load that fails says what the language says", "[.][cluster]") {
    RealCluster cluster;
    const auto instance = cluster.start(cluster.runtime());
    const auto done = cluster.load(instance, cluster.code("import nowhere\n"));
    REQUIRE(done.has_error());
    CHECK(done.error().code == Errc::function_failed);
    CHECK(done.error().detail.find("No module named 'nowhere'") != std::string::npos);
}

TEST_CASE("kube cluster: a stranger's image runs unchanged", "[.][cluster]") {
    RealCluster cluster;
    for (const int version : {1, 2}) {
        auto runtime = cluster.runtime("foreign-env");
        runtime.spec.version = version;
        runtime.hash += std::to_string(version);
        const auto instance = cluster.start(runtime);
        auto request = cluster.code("def main():\n    return 'x'\n");
        std::filesystem::create_directories(cluster.data.path() / "single");
        const std::string text = "def handle(method, path, body):\n    return method + path\n";
        std::ofstream(cluster.data.path() / "single" / "user") << text;
        request.function_name.clear();
        request.code_path = (cluster.data.path() / "single" / "user").string();
        request.digest = base::sha256_hex(text);
        const auto done = cluster.load(instance, request);
        INFO((done.has_error() ? done.error().message + done.error().detail : std::string()));
        REQUIRE_FALSE(done.has_error());
        auto answer = cluster.call(instance, "/x");
        REQUIRE(answer);
        CHECK(answer->body == "GET/x");
    }
}

TEST_CASE("kube cluster: the next daemon finds warm and loaded pods with their uids",
          "[.][cluster]") {
    RealCluster cluster;
    const auto generic = cluster.start(cluster.runtime());
    const auto loaded = cluster.start(cluster.runtime());
    RealCluster::must(cluster.load(loaded, cluster.code(kHello)));
    const auto uid = cluster.pod(loaded.name).at("metadata").at("uid");
    cluster.close();
    const auto begun = std::chrono::steady_clock::now();
    cluster.open();
    auto found = cluster.take_found(2);
    std::cerr << "adoption of 2 pods: " << ms_since(begun) << " ms\n";
    REQUIRE(found.size() == 2);
    if (found[0].identity.empty()) std::swap(found[0], found[1]);
    CHECK(found[0].instance.name == loaded.name);
    CHECK(found[0].identity == "identity-of-the-code");
    CHECK(found[0].function == "cart");
    CHECK(found[1].instance.name == generic.name);
    CHECK(found[1].function.empty());
    CHECK(cluster.pod(loaded.name).at("metadata").at("uid") == uid);
    auto answer = cluster.call(found[0].instance);
    REQUIRE(answer);
    CHECK(answer->body == "hello");
}

TEST_CASE("kube cluster: the end of an instance is told with its cause", "[.][cluster]") {
    RealCluster cluster;
    auto small = cluster.runtime();
    small.limits.memory_bytes = 96u << 20;
    small.hash = base::sha256_hex("small");
    const auto hungry = cluster.start(small);
    RealCluster::must(cluster.load(
        hungry,
        cluster.code("def main():\n    x = bytearray(300 << 20)\n    return str(len(x))\n")));
    (void)cluster.call(hungry);
    const auto oom = cluster.wait_exit(hungry.id);
    REQUIRE(oom);
    CHECK(oom->cause == backend::InstanceExit::Cause::out_of_memory);
    CHECK(cluster.until([&] { return !cluster.pod_is_there(hungry.name); }));
    const auto deleted = cluster.start(cluster.runtime());
    kube::DeleteOptions now;
    now.grace_seconds = 0;
    RealCluster::must(cluster.run(
        cluster.client->remove(kube::kPods, cluster.ns, deleted.name, now, RealCluster::soon())));
    const auto exit = cluster.wait_exit(deleted.id);
    REQUIRE(exit);
    CHECK(exit->cause == backend::InstanceExit::Cause::stopped);
}

TEST_CASE("kube cluster: an image that is not there is an error at once", "[.][cluster]") {
    RealCluster cluster;
    auto runtime = cluster.runtime();
    runtime.spec.image = "localhost/hearth/no-such-env:dev";
    auto started = cluster.run(cluster.backend->start(runtime, RealCluster::soon()));
    REQUIRE(started.has_error());
    CHECK(started.error().message.find("pull policy is Never") != std::string::npos);
}

TEST_CASE("kube cluster: newdeploy scales one Deployment from zero and back", "[.][cluster]") {
    RealCluster cluster;
    auto begun = std::chrono::steady_clock::now();
    const auto first = cluster.start(cluster.workload());
    std::cerr << "newdeploy from nothing: " << ms_since(begun) << " ms\n";
    RealCluster::must(cluster.load(first, cluster.code(kHello)));
    auto answer = cluster.call(first);
    REQUIRE(answer);
    CHECK(answer->body == "hello");
    const auto second = cluster.start(cluster.workload());
    CHECK(second.name != first.name);
    cluster.stop(first);
    CHECK_FALSE(cluster.pod_is_there(first.name));
    CHECK(cluster.pod_is_there(second.name));
    cluster.stop(second);
    begun = std::chrono::steady_clock::now();
    const auto third = cluster.start(cluster.workload());
    std::cerr << "newdeploy from zero replicas: " << ms_since(begun) << " ms\n";
    begun = std::chrono::steady_clock::now();
    cluster.start(cluster.runtime());
    std::cerr << "bare pod: " << ms_since(begun) << " ms\n";
    cluster.backend->retire(cluster.workload().hash);
    cluster.stop(third);
    CHECK(cluster.until([&] {
        auto listed = cluster.run(
            cluster.client->list(kube::kDeployments, cluster.ns, {}, RealCluster::soon()));
        return listed && listed->items.empty();
    }));
}

TEST_CASE("kube cluster: a user's own image serves on its own port", "[.][cluster]") {
    RealCluster cluster;
    auto runtime = cluster.workload([](model::FunctionSpec& spec) {
        model::PodSettings settings;
        settings.main.image = test::cluster_image("python-env");
        settings.main.command = {"python3", "-m", "http.server", "9000", "--directory", "/app"};
        spec.pod = model::PodSettingsPtr(settings);
        spec.container_port = 9000;
    });
    auto w = std::make_shared<backend::Workload>(*runtime.workload);
    w->kind = backend::Workload::Kind::container;
    runtime.workload = w;
    const auto instance = cluster.start(runtime);
    CHECK(instance.endpoint.port == 9000);
    auto answer = cluster.call(instance, "/server.py");
    REQUIRE(answer);
    CHECK(answer->status == 200);
}

TEST_CASE("kube cluster: an autoscaler is made when the function asks for one", "[.][cluster]") {
    RealCluster cluster;
    auto runtime =
        cluster.workload([](model::FunctionSpec& spec) { spec.target_cpu_percent = 50; });
    const auto instance = cluster.start(runtime);
    auto hpas = cluster.run(cluster.client->request(
        "GET", "/apis/autoscaling/v2/namespaces/" + cluster.ns + "/horizontalpodautoscalers",
        nullptr, RealCluster::soon()));
    REQUIRE(hpas);
    REQUIRE(hpas->at("items").as_array().size() == 1);
    CHECK(hpas->at("items").at(0).at("spec").at("maxReplicas") == 3);
    cluster.stop(instance);
}

TEST_CASE("kube cluster: with a mesh the requests go to Services, by name", "[.][cluster]") {
    RealCluster cluster;
    cluster.close();
    cluster.options.istio = true;
    cluster.open();
    for (const bool own : {false, true}) {
        INFO(own);
        const auto instance = cluster.start(own ? cluster.workload() : cluster.runtime());
        CHECK(instance.endpoint.port == 80);
        CHECK(instance.host.find("." + cluster.ns + ".svc.cluster.local") != std::string::npos);
        const auto service = cluster.run(cluster.client->get(
            kube::kServices, cluster.ns, instance.host.substr(0, instance.host.find('.')),
            RealCluster::soon()));
        REQUIRE(service);
        CHECK(service->at("spec").at("clusterIP").as_string() == instance.endpoint.host);
        CHECK(service->at("spec").at("ports").at(0).at("name") == "http");
        const auto pod = cluster.pod(instance.name);
        CHECK(pod.at("metadata")
                  .at("annotations")
                  .at("traffic.sidecar.istio.io/excludeInboundPorts") == "8889");
        RealCluster::must(cluster.load(instance, cluster.code(kHello)));
        auto answer = cluster.call(instance);
        REQUIRE(answer);
        CHECK(answer->body == "hello");
    }
}

TEST_CASE("kube cluster: doctor finds all rights there", "[.][cluster]") {
    RealCluster cluster;
    CHECK(cluster.until([&] {
        for (const auto& probe : cluster.backend->probes())
            if (probe.name == "kubernetes rights") return probe.state == backend::Probe::State::ok;
        return false;
    }));
}
