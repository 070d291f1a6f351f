#include <map>
#include <mutex>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "hearth/backend/cluster_settings.hpp"
#include "hearth/base/json_view.hpp"

namespace hearth::backend {
namespace json = boost::json;
using base::text_at;
namespace {

constexpr std::chrono::seconds kRead{10};
constexpr std::chrono::seconds kStop{10};
/// Between two tries to follow an object: a watch costs the server a goroutine, so none is opened
/// in a hurry.
constexpr std::chrono::milliseconds kPause{1000}, kLongestPause{30'000};
/// Followed objects: each holds a connection. Far more than functions name in practice.
constexpr std::size_t kMostFollowed = 2000;

const kube::ResourceType& type_of(model::Kind kind) {
    return kind == model::Kind::secret ? kube::kSecrets : kube::kConfigMaps;
}

/// Secrets that are the platform's own: the runner's token and what Helm keeps of its releases.
bool reserved(const SettingsRef& ref) {
    return ref.kind == model::Kind::secret &&
           (ref.name.starts_with("hearth-") || ref.name.starts_with("sh.helm."));
}

model::Resource resource_of(const SettingsRef& ref, const json::object& object) {
    model::Resource resource;
    resource.kind = ref.kind;
    resource.metadata.name = ref.name;
    resource.metadata.ns = ref.ns;
    resource.metadata.uid = text_at(object, "metadata.uid");
    for (const char* key : {"data", "binaryData", "type"})
        if (const auto* value = object.if_contains(key)) resource.spec[key] = *value;
    return resource;
}

class ClusterSettings final : public SettingsSource {
 public:
    ClusterSettings(std::string fixed_namespace, kube::Client& client, aio::Shards& shards,
                    telemetry::Logger& log)
        : fixed_namespace_(std::move(fixed_namespace)),
          client_(client),
          executor_(shards.first().executor()),
          log_(log),
          tasks_(log) {}
    ~ClusterSettings() override {
        tasks_.cancel();
        if (!tasks_.join_blocking(Deadline::after(kStop)))
            log_.log(telemetry::Level::error, "backend",
                     "following settings of the cluster did not end in time", {});
    }

    Task<Result<void>> ready(std::vector<SettingsRef> refs, Deadline deadline) override;
    std::optional<model::Resource> find(model::Kind kind, const std::string& ns,
                                        const std::string& name) const override;
    void on_change(std::function<void(const std::vector<SettingsRef>&)> listener) override {
        listener_ = std::move(listener);
    }

 private:
    struct Entry {
        std::optional<model::Resource> resource;  ///< absent: it does not exist
        std::string version;                      ///< metadata.resourceVersion of what was read
    };

    std::string namespace_of(const SettingsRef& ref) const {
        return fixed_namespace_.empty() ? ref.ns : fixed_namespace_;
    }
    Task<Result<void>> read(SettingsRef ref, Deadline deadline);
    Task<void> follow(SettingsRef ref);
    Task<bool> watch_once(const SettingsRef& ref);
    /// True when it is new or differs.
    bool keep(const SettingsRef& ref, const json::object* object);
    bool known(const SettingsRef& ref) const;

    const std::string fixed_namespace_;
    kube::Client& client_;
    aio::Executor executor_;
    telemetry::Logger& log_;
    std::function<void(const std::vector<SettingsRef>&)> listener_;
    mutable std::mutex mutex_;
    std::map<SettingsRef, Entry> entries_;
    aio::TaskGroup tasks_;
};

bool ClusterSettings::known(const SettingsRef& ref) const {
    std::lock_guard lock(mutex_);
    return entries_.count(ref) != 0;
}

std::optional<model::Resource> ClusterSettings::find(model::Kind kind, const std::string& ns,
                                                     const std::string& name) const {
    SettingsRef ref;
    ref.kind = kind;
    ref.ns = ns;
    ref.name = name;
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(ref);
    return it == entries_.end() ? std::nullopt : it->second.resource;
}

bool ClusterSettings::keep(const SettingsRef& ref, const json::object* object) {
    std::lock_guard lock(mutex_);
    auto [it, fresh] = entries_.try_emplace(ref);
    auto& entry = it->second;
    if (object == nullptr) {
        const bool changed = fresh || entry.resource.has_value();
        entry.resource.reset();
        entry.version.clear();
        return changed;
    }
    auto version = text_at(*object, "metadata.resourceVersion");
    auto resource = resource_of(ref, *object);
    const bool changed = fresh || !entry.resource || entry.resource->spec != resource.spec;
    entry.resource = std::move(resource);
    entry.version = std::move(version);
    return changed;
}

Task<Result<void>> ClusterSettings::read(SettingsRef ref, Deadline deadline) {
    auto got = co_await client_.get(type_of(ref.kind), namespace_of(ref), ref.name, deadline);
    if (got) {
        keep(ref, &*got);
    } else if (got.error().code == Errc::not_found) {
        keep(ref, nullptr);
    } else {
        auto error = got.error();
        // The platform's own lack, whatever the server called it: a caller cannot mend it.
        if (error.code == Errc::forbidden || error.code == Errc::unauthenticated)
            error.code = Errc::unavailable;
        co_return error;
    }
    co_return Result<void>();
}

Task<Result<void>> ClusterSettings::ready(std::vector<SettingsRef> refs, Deadline deadline) {
    const auto limit = deadline.sooner(Deadline::after(kRead));
    for (const auto& ref : refs) {
        if (known(ref)) continue;
        if (reserved(ref))
            co_return Error(Errc::invalid_argument,
                            "the Secret " + ref.name +
                                " is the platform's own; functions may not name Secrets called "
                                "hearth-… or sh.helm.…",
                            {}, "backend");
        {
            std::lock_guard lock(mutex_);
            if (entries_.size() >= kMostFollowed)
                co_return Error(Errc::exhausted,
                                "functions name more than 2,000 Secrets and ConfigMaps of the "
                                "cluster; join some",
                                {}, "backend");
        }
        auto done = co_await read(ref, limit);
        if (done.has_error()) co_return done.error();
        tasks_.spawn(executor_, "follow a setting of the cluster", follow(ref));
    }
    co_return Result<void>();
}

/// One watch until it ends. False when everything ends.
Task<bool> ClusterSettings::watch_once(const SettingsRef& ref) {
    kube::WatchOptions options;
    options.field_selector = "metadata.name=" + ref.name;
    {
        std::lock_guard lock(mutex_);
        options.resource_version = entries_[ref].version;
    }
    std::function<bool(kube::WatchEvent)> on_event = [this, ref](kube::WatchEvent event) {
        using Type = kube::WatchEvent::Type;
        if (event.type == Type::bookmark || event.type == Type::error) return true;
        const bool changed = keep(ref, event.type == Type::deleted ? nullptr : &event.object);
        if (changed && listener_) listener_({ref});
        return true;
    };
    auto ended = co_await client_.watch(type_of(ref.kind), namespace_of(ref), std::move(options),
                                        std::move(on_event));
    if (!ended && ended.error().code == Errc::cancelled) co_return false;
    if (!ended)
        log_.log(telemetry::Level::warn, "backend",
                 "a setting of the cluster cannot be followed; trying again",
                 {{"name", ref.ns + "/" + ref.name}, {telemetry::kErr, ended.error().message}});
    co_return true;
}

Task<void> ClusterSettings::follow(SettingsRef ref) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto pause = kPause;
    while (true) {
        const auto began = std::chrono::steady_clock::now();
        const bool on = co_await watch_once(ref);
        if (!on) co_return;
        const bool lasted = std::chrono::steady_clock::now() - began > kLongestPause;
        pause = lasted ? kPause : std::min(pause * 2, kLongestPause);
        const bool awake = co_await aio::sleep_until(Deadline::after(pause));
        if (!awake) co_return;
        // What happened in between is read, not guessed: a revision may have expired meanwhile.
        std::optional<model::Resource> before = find(ref.kind, ref.ns, ref.name);
        const auto done = co_await read(ref, Deadline::after(kRead));
        if (done.has_error()) continue;
        const auto after = find(ref.kind, ref.ns, ref.name);
        const bool same =
            before.has_value() == after.has_value() && (!before || before->spec == after->spec);
        if (!same && listener_) listener_({ref});
    }
}

}  // namespace

std::unique_ptr<SettingsSource> make_cluster_settings(std::string fixed_namespace,
                                                      kube::Client& client, aio::Shards& shards,
                                                      telemetry::Logger& log) {
    return std::make_unique<ClusterSettings>(std::move(fixed_namespace), client, shards, log);
}

}  // namespace hearth::backend
