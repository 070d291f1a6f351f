#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "hearth/backend/settings_source.hpp"

namespace hearth::test {

/// Secrets and ConfigMaps of a make-believe cluster. Thread: any.
class FakeSettings final : public backend::SettingsSource {
 public:
    /// A ConfigMap with one key; whoever follows it is told.
    void put(const std::string& name, const std::string& key, const std::string& value) {
        model::Resource resource;
        resource.kind = model::Kind::config_map;
        resource.metadata.name = name;
        boost::json::object data;
        data[key] = value;
        resource.spec["data"] = std::move(data);
        const backend::SettingsRef ref{model::Kind::config_map, "default", name};
        change(ref, std::move(resource));
    }
    void remove(const std::string& name) {
        change(backend::SettingsRef{model::Kind::config_map, "default", name}, std::nullopt);
    }
    /// ready() fails meanwhile.
    void set_unreachable(bool on) {
        std::lock_guard lock(mutex_);
        unreachable_ = on;
    }
    std::vector<backend::SettingsRef> asked() const {
        std::lock_guard lock(mutex_);
        return asked_;
    }
    std::size_t reads() const {
        std::lock_guard lock(mutex_);
        return reads_;
    }

    Task<Result<void>> ready(std::vector<backend::SettingsRef> refs, Deadline) override {
        std::lock_guard lock(mutex_);
        if (unreachable_)
            co_return Error(Errc::unavailable, "the Kubernetes API does not answer", {},
                            "kubernetes");
        asked_.insert(asked_.end(), refs.begin(), refs.end());
        followed_.insert(refs.begin(), refs.end());
        co_return Result<void>();
    }
    std::optional<model::Resource> find(model::Kind kind, const std::string& ns,
                                        const std::string& name) const override {
        std::lock_guard lock(mutex_);
        ++reads_;
        const backend::SettingsRef ref{kind, ns, name};
        const auto found = objects_.find(ref);
        if (found == objects_.end() || followed_.count(ref) == 0) return std::nullopt;
        return found->second;
    }
    void on_change(
        std::function<void(const std::vector<backend::SettingsRef>&)> listener) override {
        listener_ = std::move(listener);
    }

 private:
    void change(const backend::SettingsRef& ref, std::optional<model::Resource> resource) {
        bool followed = false;
        {
            std::lock_guard lock(mutex_);
            if (resource)
                objects_[ref] = std::move(*resource);
            else
                objects_.erase(ref);
            followed = followed_.count(ref) != 0;
        }
        if (followed && listener_) listener_({ref});
    }

    mutable std::mutex mutex_;
    bool unreachable_ = false;
    std::map<backend::SettingsRef, model::Resource> objects_;
    std::set<backend::SettingsRef> followed_;
    std::vector<backend::SettingsRef> asked_;
    mutable std::size_t reads_ = 0;
    std::function<void(const std::vector<backend::SettingsRef>&)> listener_;
};

}  // namespace hearth::test
