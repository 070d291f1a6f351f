#pragma once

#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "backend/kube_backend.hpp"
#include "backend/kube_fake_cluster.hpp"
#include "backend/seen_instances.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

/// A backend in a world.
class KubeBench : public SeenInstances {
 public:
    explicit KubeBench(std::function<void(backend::KubernetesBackendOptions&)> change = {})
        : SeenInstances(std::chrono::seconds(10)) {
        options.runner_image = "hearth/runner:1";
        options.installation = "test";
        if (change) change(options);
    }
    ~KubeBench() {
        if (backend) backend->shutdown(Deadline::after(std::chrono::seconds(5)));
    }
    void open() {
        backend = std::make_unique<backend::KubernetesBackend>(
            options,
            [this](const backend::KubernetesBackendOptions&) -> std::unique_ptr<backend::Cluster> {
                return std::make_unique<FakeCluster>(world);
            },
            shards, pool, function_log, log, metrics);
        watch(*backend);
    }
    void close() {
        backend->shutdown(Deadline::after(std::chrono::seconds(5)));
        backend.reset();
    }

    backend::Runtime runtime() const {
        backend::Runtime r;
        r.environment.ns = "shop";
        r.environment.name = "python";
        r.spec.image = "localhost/hearth/python-env:dev";
        r.hash = std::string(64, 'a');
        return r;
    }
    backend::Runtime workload(bool autoscaled = false) const {
        auto r = runtime();
        auto w = std::make_shared<backend::Workload>();
        w->function.ns = "shop";
        w->function.name = "cart";
        w->spec.max_scale = 5;
        if (autoscaled) w->spec.target_cpu_percent = 50;
        r.workload = w;
        r.hash = std::string(64, 'b');
        return r;
    }
    Result<backend::Instance> start(backend::Runtime r,
                                    std::chrono::milliseconds limit = std::chrono::seconds(10)) {
        return run_task(backend->start(std::move(r), Deadline::after(limit)));
    }
    backend::Instance must_start() { return must_start(runtime()); }
    backend::Instance must_start(backend::Runtime r) {
        auto started = start(std::move(r));
        if (!started) throw std::runtime_error(started.error().message);
        return *started;
    }
    backend::LoadRequest load_request(std::size_t bytes = 20) {
        const auto folder = data.path() / ("code-" + std::to_string(bytes));
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "main.py") << std::string(bytes, 'x');
        backend::LoadRequest request;
        request.code_path = folder.string();
        request.digest = "digest-" + std::to_string(bytes);
        request.identity = "identity-1";
        request.function.ns = "shop";
        request.function.name = "cart";
        request.function.uid = "fu";
        return request;
    }
    Result<void> load(std::uint64_t id, backend::LoadRequest request) {
        return run_task(
            backend->load(id, std::move(request), Deadline::after(std::chrono::seconds(10))));
    }
    void stop(std::uint64_t id) { run_task(backend->stop(id, std::chrono::milliseconds(0))); }
    std::string key_of(const backend::Instance& instance) { return "shop/" + instance.name; }

    TempDir data;
    FakeWorld world;
    backend::KubernetesBackendOptions options;
    telemetry::Logger log{telemetry::Level::error, telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    telemetry::FunctionLog function_log{log_options()};
    aio::Shards shards{2};
    aio::BlockingPool pool{2, 100};
    std::unique_ptr<backend::KubernetesBackend> backend;

 private:
    telemetry::FunctionLogOptions log_options() {
        telemetry::FunctionLogOptions o;
        o.folder = data.path() / "logs";
        return o;
    }
};

}  // namespace hearth::test
