#pragma once

#include <boost/json.hpp>

#include <deque>
#include <fstream>
#include <functional>
#include <string>

#include "backend/seen_instances.hpp"
#include "hearth/backend/kubernetes_backend.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/http/client.hpp"
#include "support/cluster_image.hpp"
#include "support/run_on.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

namespace json = boost::json;
using namespace std::chrono_literals;

/// A namespace of its own that enforces PodSecurity `restricted`, on the cluster that KUBECONFIG
/// names.
class RealCluster : public SeenInstances {
 public:
    RealCluster() : SeenInstances(30s) {
        auto access = kube::kubeconfig_access(variable("KUBECONFIG"));
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
        await_service_account();
        options.installation = ns;
        options.runner_image = cluster_image("runner");
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
        watch(*backend);
    }
    void close() {
        if (backend) backend->shutdown(soon());
        backend.reset();
    }
    /// No pod is taken before the controller manager has made the account it runs as.
    void await_service_account() {
        const kube::ResourceType accounts{"", "v1", "serviceaccounts", "ServiceAccount", true};
        if (!until([&] { return run(client->get(accounts, ns, "default", soon())).has_value(); }))
            throw std::runtime_error("the namespace got no service account");
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
        r.spec.image = cluster_image(name);
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
        if (!instance.host.empty()) request.host = instance.host;
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
};

}  // namespace hearth::test
