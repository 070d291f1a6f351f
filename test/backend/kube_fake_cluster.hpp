#pragma once

#include <map>
#include <optional>
#include <string>

#include "backend/kube_world.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::test {

/// Lays labels and annotations of a merge patch over an object's.
inline void merge_metadata(boost::json::object& object, const boost::json::object& patch) {
    auto& metadata = object.at("metadata").as_object();
    for (const auto& member : patch.at("metadata").as_object()) {
        if (!member.value().is_object()) continue;
        auto& into = metadata.at(member.key()).as_object();
        for (const auto& pair : member.value().as_object()) into[pair.key()] = pair.value();
    }
}

/// The world as the backend sees it.
class FakeCluster final : public backend::Cluster {
 public:
    explicit FakeCluster(FakeWorld& world) : w_(world) {}

    Task<Result<backend::PodView>> create_pod(boost::json::object pod, Deadline) override {
        std::lock_guard lock(w_.mutex);
        w_.requests.push_back("create pod");
        if (w_.create_error) co_return *w_.create_error;
        const auto key = w_.put(std::move(pod));
        auto view = *backend::read_pod(w_.object(key));
        w_.tell(key);
        if (w_.on_created) {
            w_.on_created(key);
        } else {
            w_.run(key);
            w_.tell(key);
        }
        co_return view;
    }
    Task<Result<std::optional<backend::PodView>>> read_pod(std::string ns, std::string name,
                                                           Deadline) override {
        std::lock_guard lock(w_.mutex);
        w_.requests.push_back("read pod");
        const auto key = ns + "/" + name;
        if (!w_.has(key) || w_.list_lacks) co_return std::optional<backend::PodView>();
        co_return backend::read_pod(w_.object(key));
    }
    Task<Result<void>> delete_pod(std::string ns, std::string name, std::string uid, std::int64_t,
                                  Deadline) override {
        std::lock_guard lock(w_.mutex);
        w_.requests.push_back("delete pod");
        const auto key = ns + "/" + name;
        if (!w_.has(key) || backend::read_pod(w_.object(key))->uid != uid) co_return Result<void>();
        w_.vanish(key);
        co_return Result<void>();
    }
    Task<Result<void>> patch_pod(std::string ns, std::string name, boost::json::object patch,
                                 Deadline) override {
        std::lock_guard lock(w_.mutex);
        w_.requests.push_back("patch pod");
        if (!w_.has(ns + "/" + name)) co_return Error(Errc::not_found, "gone");
        merge_metadata(w_.object(ns + "/" + name), patch);
        co_return Result<void>();
    }
    Task<Result<std::string>> read_log(std::string, std::string, std::string, int,
                                       Deadline) override {
        std::lock_guard lock(w_.mutex);
        co_return w_.output;
    }
    Task<Result<void>> follow_log(std::string, std::string, std::string, std::string,
                                  std::function<void(std::string_view)> on_bytes) override {
        w_.give_output(on_bytes);
        const auto limit = Deadline::never();
        co_await aio::sleep_until(limit);
        co_return Result<void>();
    }
    Task<Result<std::map<std::string, std::string>>> keep_secret(boost::json::object secret,
                                                                 Deadline) override {
        std::lock_guard lock(w_.mutex);
        w_.requests.push_back("keep secret");
        const auto& metadata = secret.at("metadata").as_object();
        const auto key = std::string(metadata.at("namespace").as_string()) + "/" +
                         std::string(metadata.at("name").as_string());
        if (!w_.secrets.contains(key))
            for (const auto& [name, value] : secret.at("data").as_object())
                base::base64_decode(value.as_string(), w_.secrets[key][name]);
        co_return w_.secrets[key];
    }
    Task<Result<boost::json::object>> apply(backend::ClusterKind kind, boost::json::object object,
                                            Deadline) override {
        std::lock_guard lock(w_.mutex);
        const auto& metadata = object.at("metadata").as_object();
        const auto key = std::string(metadata.at("namespace").as_string()) + "/" +
                         std::string(metadata.at("name").as_string());
        w_.requests.push_back("apply " + std::string(object.at("kind").as_string()));
        w_.applied[std::string(object.at("kind").as_string())] = object;
        if (kind != backend::ClusterKind::deployment) co_return object;
        backend::WorkloadView view;
        view.replicas = static_cast<int>(object.at("spec").at("replicas").as_int64());
        w_.deployments[key] = view;
        if (w_.on_scaled) w_.on_scaled(key, view.replicas);
        co_return object;
    }
    Task<Result<void>> remove(backend::ClusterKind kind, std::string ns, std::string name,
                              Deadline) override {
        std::lock_guard lock(w_.mutex);
        w_.requests.push_back("remove " + std::to_string(static_cast<int>(kind)));
        if (kind == backend::ClusterKind::deployment) w_.deployments.erase(ns + "/" + name);
        if (kind == backend::ClusterKind::secret) w_.secrets.erase(ns + "/" + name);
        co_return Result<void>();
    }
    Task<Result<std::optional<backend::WorkloadView>>> read_workload(std::string ns,
                                                                     std::string name,
                                                                     Deadline) override {
        std::lock_guard lock(w_.mutex);
        const auto it = w_.deployments.find(ns + "/" + name);
        if (it == w_.deployments.end()) co_return std::optional<backend::WorkloadView>();
        co_return std::optional<backend::WorkloadView>(it->second);
    }
    Task<Result<std::optional<boost::json::object>>> read_service(std::string, std::string,
                                                                  Deadline) override {
        co_return std::optional<boost::json::object>();
    }
    Task<Result<std::map<std::string, std::string>>> list_workloads(Deadline) override {
        std::lock_guard lock(w_.mutex);
        std::map<std::string, std::string> all;
        for (const auto& [key, view] : w_.deployments) all[key] = view.runtime_hash;
        co_return all;
    }
    Task<Result<void>> scale(std::string ns, std::string name, int replicas, Deadline) override {
        std::lock_guard lock(w_.mutex);
        const auto key = ns + "/" + name;
        w_.requests.push_back("scale " + std::to_string(replicas));
        if (!w_.deployments.contains(key)) co_return Error(Errc::not_found, "gone");
        w_.deployments[key].replicas = replicas;
        if (w_.on_scaled) w_.on_scaled(key, replicas);
        co_return Result<void>();
    }
    Task<Result<std::string>> autoscaling_api(Deadline) override {
        co_return std::string("autoscaling/v2");
    }
    void watch_pods(std::function<void(const backend::PodNews&)> listener) override {
        std::lock_guard lock(w_.mutex);
        w_.listener = std::move(listener);
        for (const auto& key : w_.keys()) w_.tell(key);
        backend::PodNews synced;
        synced.kind = backend::PodNews::Kind::synced;
        w_.listener(synced);
    }
    bool watching() const override { return true; }
    Task<Result<std::string>> version(Deadline) override { co_return std::string("v1.34.1"); }
    Task<Result<bool>> may(std::string verb, std::string resource, std::string, Deadline) override {
        co_return verb + " " + resource != "delete pods";
    }
    Task<Result<std::optional<std::map<std::string, std::string>>>> namespace_labels(
        std::string, Deadline) override {
        co_return std::optional<std::map<std::string, std::string>>();
    }
    void stop() override {
        std::lock_guard lock(w_.mutex);
        w_.listener = nullptr;
    }

 private:
    FakeWorld& w_;
};

}  // namespace hearth::test
