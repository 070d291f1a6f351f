#pragma once

#include "support/fake_backend_script.hpp"

namespace hearth::test {

/// A backend without processes. What starts and loads do is set per environment and per function;
/// instances end when the test says so. Thread: any.
class FakeBackend final : public backend::Backend, public FakeBackendScript {
 public:
    std::string_view name() const override { return "fake"; }
    bool outlives_daemon() const override {
        return read([&] { return cluster_; });
    }
    Task<Result<void>> discovered(Deadline deadline) override {
        while (!read([&] { return discovered_; })) {
            if (deadline.passed()) co_return Error(Errc::unavailable, "still looking");
            if (read([&] { return unreachable_; }))
                co_return Error(Errc::unavailable, "the cluster does not answer");
            const auto look = Deadline::after(std::chrono::milliseconds(5));
            const bool on = co_await aio::sleep_until(look);
            if (!on) co_return Error(Errc::cancelled, "cancelled");
        }
        co_return Result<void>();
    }
    void on_found(std::function<void(const backend::FoundInstance&)> listener) override {
        found_listener_ = std::move(listener);
    }
    void retire(const std::string& hash) override {
        with_lock([&] { retired_.push_back(hash); });
    }
    void update(const backend::Runtime& runtime) override {
        with_lock([&] { updates_.push_back(runtime); });
    }
    Result<backend::Features> features(const model::EnvironmentSpec& spec) const override {
        if (spec.image == "unknown")
            return Error(Errc::unsupported,
                         "no environment matches the image unknown; install one");
        backend::Features features;
        features.env_at_load = read([&] { return env_at_load_; });
        features.workloads = read([&] { return cluster_; });
        return features;
    }
    Task<Result<backend::Instance>> start(backend::Runtime runtime, Deadline deadline) override {
        auto behaviour = Behaviour::ready;
        std::uint64_t id = 0;
        with_lock([&] {
            ++starts_;
            behaviour = start_;
            id = ++next_id_;
            runtimes_.push_back(runtime);
        });
        if (behaviour == Behaviour::hang) {
            const bool on = co_await hanging_.wait(deadline);
            if (!on) co_return Error(Errc::deadline_exceeded, "the start took too long");
        } else if (behaviour != Behaviour::ready) {
            co_return Error(
                behaviour == Behaviour::unsupported ? Errc::unsupported : Errc::unavailable,
                "fake-runtime ended with exit code 127", "fake-runtime: not found");
        }
        with_lock([&] { alive_.emplace(id, runtime.environment.name); });
        backend::Instance instance;
        instance.id = id;
        instance.name = "fake-" + std::to_string(id);
        if (endpoint_) instance.endpoint = endpoint_(id);
        instance.host = read([&] { return host_; });
        instance.pid = static_cast<std::int64_t>(10'000 + id);
        instance.isolation = "none";
        co_return instance;
    }
    Task<Result<void>> load(std::uint64_t id, backend::LoadRequest request,
                            Deadline deadline) override {
        auto behaviour = Behaviour::ready;
        with_lock([&] {
            requests_.push_back(request);
            if (const auto it = loads_.find(request.function.name); it != loads_.end())
                behaviour = it->second;
        });
        if (behaviour == Behaviour::hang) {
            const bool on = co_await hanging_.wait(deadline);
            if (!on) co_return Error(Errc::deadline_exceeded, "the load took too long");
        } else if (behaviour == Behaviour::crash) {
            kill(id);
            co_return Error(Errc::unavailable, "the instance ended while code was loaded");
        } else if (behaviour != Behaviour::ready) {
            co_return Error(
                Errc::function_failed, "the code raised SyntaxError",
                "Traceback (most recent call last):\n  File \"main.py\", line 1\nSyntaxError");
        }
        if (on_load_) on_load_(id, request);
        co_return Result<void>();
    }
    Task<void> stop(std::uint64_t id, std::chrono::milliseconds) override {
        with_lock([&] { ++stops_; });
        kill(id, backend::InstanceExit::Cause::stopped, 0);
        co_return;
    }
    void on_exit(std::function<void(const backend::InstanceExit&)> listener) override {
        listener_ = std::move(listener);
    }
    std::optional<backend::InstanceUsage> usage(std::uint64_t) const override {
        backend::InstanceUsage usage;
        usage.rss_bytes = 12'345;
        return usage;
    }
    std::vector<backend::Probe> probes() const override { return {}; }
    void attribute(std::uint64_t, std::string_view request_id) override {
        with_lock([&] { attributions_.emplace_back(request_id); });
    }
    void shutdown(Deadline) override {}
};

}  // namespace hearth::test
