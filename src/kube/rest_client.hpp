#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "hearth/kube/client.hpp"
#include "kube/transport.hpp"

namespace hearth::kube {

/// What discovery has told, for ten minutes. Thread: any.
class Discovered {
 public:
    using Time = std::chrono::steady_clock::time_point;
    /// The answer of "/apis/apps/v1" and the like.
    std::shared_ptr<const boost::json::object> find(const std::string& target, Time now) const;
    std::shared_ptr<const boost::json::object> keep(const std::string& target,
                                                    boost::json::object answer, Time now);

 private:
    struct Entry {
        std::shared_ptr<const boost::json::object> answer;
        Time at;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

/// Client over Transport. Two of them share one: the second is for urgent requests.
class RestClient final : public Client {
 public:
    RestClient(std::shared_ptr<Transport> transport, ClientOptions options);

    Task<Result<boost::json::object>> get(ResourceType type, std::string ns, std::string name,
                                          Deadline deadline) override;
    Task<Result<ObjectList>> list(ResourceType type, std::string ns, ListOptions options,
                                  Deadline deadline) override;
    Task<Result<boost::json::object>> create(ResourceType type, std::string ns,
                                             boost::json::object object,
                                             Deadline deadline) override;
    Task<Result<boost::json::object>> update(ResourceType type, std::string ns, std::string name,
                                             boost::json::object object,
                                             Deadline deadline) override;
    Task<Result<boost::json::object>> write(ResourceType type, std::string ns, std::string name,
                                            boost::json::object object, WriteOptions options,
                                            Deadline deadline) override;
    Task<Result<boost::json::object>> patch(ResourceType type, std::string ns, std::string name,
                                            boost::json::value patch, PatchOptions options,
                                            Deadline deadline) override;
    Task<Result<void>> remove(ResourceType type, std::string ns, std::string name,
                              DeleteOptions options, Deadline deadline) override;
    Task<Result<void>> remove_all(ResourceType type, std::string ns, ListOptions which,
                                  DeleteOptions options, Deadline deadline) override;
    Task<Result<WatchEnd>> watch(ResourceType type, std::string ns, WatchOptions options,
                                 std::function<bool(WatchEvent)> on_event) override;
    Task<Result<void>> logs(std::string ns, std::string pod, LogOptions options,
                            std::function<bool(std::string_view)> on_bytes,
                            Deadline deadline) override;
    Task<Result<std::string>> version(Deadline deadline) override;
    Task<Result<ResourceType>> discover(std::string api_version, std::string kind,
                                        Deadline deadline) override;
    Task<Result<boost::json::value>> request(std::string method, std::string target,
                                             boost::json::value body, Deadline deadline) override;
    void fence(std::function<bool()> may_write) override {
        transport_->fence(std::move(may_write));
    }
    Client& urgent() override { return urgent_ ? *urgent_ : *this; }
    const Access& access() const override { return transport_->access(); }
    void stop() override { transport_->stop(); }

    void set_urgent(std::unique_ptr<RestClient> urgent) { urgent_ = std::move(urgent); }

 private:
    Call call(std::string method, std::string target, std::string verb,
              const ResourceType& type) const;
    Task<Result<boost::json::object>> object_of(Call call, Deadline deadline);
    Task<Result<boost::json::object>> page(ResourceType type, std::string ns, ListOptions options,
                                           std::string next, Deadline deadline);
    Task<Result<std::shared_ptr<const boost::json::object>>> discovery(std::string target,
                                                                       Deadline deadline);
    Task<Result<std::vector<std::string>>> preferred_versions(Deadline deadline);

    const std::shared_ptr<Transport> transport_;
    const ClientOptions options_;
    Discovered discovered_;
    std::unique_ptr<RestClient> urgent_;  ///< null in the urgent one itself
};

}  // namespace hearth::kube
