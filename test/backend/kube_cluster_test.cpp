#include <boost/asio/co_spawn.hpp>
#include <boost/json.hpp>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <mutex>

#include "hearth/backend/kubernetes_backend.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/http/client.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

std::string variable(const char* name, const std::string& otherwise) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string image(const std::string& name) {
    return variable("HEARTH_IMAGE_PREFIX", "localhost/hearth") + "/" + name + ":" +
           variable("HEARTH_IMAGE_TAG", "dev");
}

/// Runs a task on a shard, whose connections outlive it, and waits for it.
template <class T>
T run_on(aio::Shards& shards, Task<T> task) {
    std::promise<T> promise;
    auto ended = promise.get_future();
    auto done = [&promise](std::exception_ptr thrown, T value) {
        if (thrown)
            promise.set_exception(thrown);
        else
            promise.set_value(std::move(value));
    };
    aio::net::co_spawn(shards.first().executor(), std::move(task), done);
    if (ended.wait_for(120s) != std::future_status::ready) std::abort();
    return ended.get();
}

void run_on(aio::Shards& shards, Task<void> task) {
    std::promise<void> promise;
    auto ended = promise.get_future();
    auto done = [&promise](std::exception_ptr thrown) {
        if (thrown)
            promise.set_exception(thrown);
        else
            promise.set_value();
    };
    aio::net::co_spawn(shards.first().executor(), std::move(task), done);
    if (ended.wait_for(120s) != std::future_status::ready) std::abort();
    ended.get();
}

/// A namespace of its own that enforces PodSecurity `restricted`, on the cluster that KUBECONFIG
/// names.
class RealCluster {
 public:
    RealCluster() {
        auto access =
            kube::find_access("", "", [](const std::string& name) -> std::optional<std::string> {
                const char* value = std::getenv(name.c_str());
                return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
            });
        if (!access) throw std::runtime_error(access.error().message);
        auto made = kube::Client::make(*access, {}, shards, pool, log, client_metrics);
        if (!made) throw std::runtime_error(made.error().message);
        client = std::move(*made);
        json::object labels, metadata, object;
        for (const auto mode : {"enforce", "warn", "audit"})
            labels["pod-security.kubernetes.io/" + std::string(mode)] = "restricted";
        metadata["name"] = ns;
        metadata["labels"] = std::move(labels);
        object["apiVersion"] = "v1";
        object["kind"] = "Namespace";
        object["metadata"] = std::move(metadata);
        must(run(client->create(kube::kNamespaces, "", std::move(object), soon())));
        options.installation = ns;
        options.runner_image = image("runner");
        options.pull_policy = options.runner_pull_policy = "Never";
        options.builds.folder = data.path() / "builds";
        open();
    }
    ~RealCluster() {
        close();
        kube::DeleteOptions now;
        now.grace_seconds = 0;
        (void)run(client->remove(kube::kNamespaces, "", ns, now, soon()));
        client->stop();
    }
    void open() {
        backend = std::move(*backend::make_kubernetes_backend(
            options, *client, shards, pool, clock, function_log, log, metrics.emplace_back()));
        backend->on_exit([this](const backend::InstanceExit& exit) {
            std::lock_guard lock(mutex_);
            exits_[exit.id] = exit;
            changed_.notify_all();
        });
        backend->on_found([this](const backend::FoundInstance& instance) {
            std::lock_guard lock(mutex_);
            found_.push_back(instance);
            changed_.notify_all();
        });
    }
    void close() {
        if (backend) backend->shutdown(soon());
        backend.reset();
    }
    static Deadline soon() { return Deadline::after(60s); }
    template <class T>
    T run(Task<T> task) {
        return run_on(shards, std::move(task));
    }
    template <class T>
    static T must(Result<T> result) {
        if (!result)
            throw std::runtime_error(result.error().message + ": " + result.error().detail);
        return std::move(*result);
    }
    static void must(Result<void> result) {
        if (!result)
            throw std::runtime_error(result.error().message + ": " + result.error().detail);
    }

    backend::Runtime runtime(const std::string& name = "python-env") const {
        backend::Runtime r;
        r.environment.ns = ns;
        r.environment.name = name;
        r.spec.image = image(name);
        r.spec.termination_grace = std::chrono::seconds(1);
        r.hash = base::sha256_hex(name);
        return r;
    }
    backend::Runtime workload(const std::function<void(model::FunctionSpec&)>& change = {}) const {
        auto r = runtime();
        auto w = std::make_shared<backend::Workload>();
        w->function.ns = ns;
        w->function.name = "cart";
        w->function.uid = "fn-uid";
        w->spec.max_scale = 3;
        if (change) change(w->spec);
        r.workload = w;
        r.hash = base::sha256_hex("workload");
        return r;
    }
    backend::Instance start(backend::Runtime r) {
        return must(run(backend->start(std::move(r), soon())));
    }
    backend::LoadRequest code(const std::string& text,
                              const std::string& identity = "identity-of-the-code") {
        const auto digest = base::sha256_hex(text);
        const auto folder = data.path() / digest;
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "main.py") << text;
        backend::LoadRequest request;
        request.code_path = folder.string();
        request.digest = digest;
        request.identity = identity;
        request.function_name = "main.main";
        request.function.ns = ns;
        request.function.name = "cart";
        request.function.uid = "fn-uid";
        return request;
    }
    Result<void> load(const backend::Instance& instance, backend::LoadRequest request) {
        return run(backend->load(instance.id, std::move(request), soon()));
    }
    Result<http::ClientResponse> call(const backend::Instance& instance,
                                      const std::string& path = "/") {
        http::ClientRequest request;
        request.target = path;
        return run(http::fetch(instance.endpoint, std::move(request), Deadline::after(20s)));
    }
    void stop(const backend::Instance& instance) { run(backend->stop(instance.id, 1s)); }
    json::object pod(const std::string& name) {
        return must(run(client->get(kube::kPods, ns, name, soon())));
    }
    bool pod_is_there(const std::string& name) {
        auto got = run(client->get(kube::kPods, ns, name, soon()));
        return got.has_value() && !got->at("metadata").as_object().contains("deletionTimestamp");
    }
    std::optional<backend::InstanceExit> wait_exit(std::uint64_t id) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 30s, [&] { return exits_.contains(id); });
        return exits_.contains(id) ? std::optional(exits_[id]) : std::nullopt;
    }
    std::vector<backend::FoundInstance> wait_found(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 30s, [&] { return found_.size() >= count; });
        return std::exchange(found_, {});
    }
    bool until(const std::function<bool()>& holds) {
        const auto limit = Deadline::after(30s);
        while (!holds()) {
            if (limit.passed()) return false;
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, 50ms);
        }
        return true;
    }

    const std::string ns = "hearth-backend-" + base::random_hex(4);
    test::TempDir data;
    backend::KubernetesBackendOptions options;
    telemetry::Logger log{telemetry::Level::warn, telemetry::Logger::Format::text};
    telemetry::Registry client_metrics;
    std::deque<telemetry::Registry> metrics;
    telemetry::FunctionLog function_log{telemetry::FunctionLogOptions{data.path() / "logs"}};
    base::SystemClock clock;
    aio::Shards shards{2};
    aio::BlockingPool pool{2, 100};
    std::unique_ptr<kube::Client> client;
    std::unique_ptr<backend::Backend> backend;

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, backend::InstanceExit> exits_;
    std::vector<backend::FoundInstance> found_;
};

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
    auto found = cluster.wait_found(2);
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
        settings.main.image = image("python-env");
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
