#include "hearth/base/json_view.hpp"
#include "kube/rest_client.hpp"

namespace hearth::kube {
namespace json = boost::json;
using base::bool_at;
using base::list_at;
using base::object_at;
using base::text_at;
namespace {

constexpr std::chrono::minutes kKept{10};

/// The entry of a kind in an APIResourceList; subresources carry a kind as well.
std::optional<ResourceType> type_in(const json::object& list, const std::string& api_version,
                                    const std::string& kind) {
    const auto* resources = list_at(list, "resources");
    if (resources == nullptr) return std::nullopt;
    for (const auto& item : *resources) {
        const auto* object = item.if_object();
        if (object == nullptr || text_at(*object, "kind") != kind) continue;
        auto plural = text_at(*object, "name");
        if (plural.find('/') != std::string::npos) continue;
        const auto slash = api_version.find('/');
        ResourceType type;
        if (slash != std::string::npos) type.group = api_version.substr(0, slash);
        type.version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
        type.plural = std::move(plural);
        type.kind = kind;
        type.namespaced = bool_at(*object, "namespaced");
        return type;
    }
    return std::nullopt;
}

std::string target_of(const std::string& api_version) {
    return (api_version.find('/') == std::string::npos ? "/api/" : "/apis/") + api_version;
}

}  // namespace

std::shared_ptr<const json::object> Discovered::find(const std::string& target, Time now) const {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(target);
    if (found == entries_.end() || now - found->second.at > kKept) return nullptr;
    return found->second.answer;
}

std::shared_ptr<const json::object> Discovered::keep(const std::string& target, json::object answer,
                                                     Time now) {
    auto kept = std::make_shared<const json::object>(std::move(answer));
    std::lock_guard lock(mutex_);
    entries_[target] = Entry{kept, now};
    return kept;
}

Task<Result<std::shared_ptr<const json::object>>> RestClient::discovery(std::string target,
                                                                        Deadline deadline) {
    const auto now = std::chrono::steady_clock::now();
    if (auto kept = discovered_.find(target, now)) co_return kept;
    Call made("GET", target, "get", "discovery");
    made.urgent = urgent_ == nullptr;
    auto answer = co_await object_of(std::move(made), deadline);
    if (!answer) co_return answer.error();
    co_return discovered_.keep(target, std::move(*answer), now);
}

Task<Result<std::vector<std::string>>> RestClient::preferred_versions(Deadline deadline) {
    auto groups = co_await discovery("/apis", deadline);
    if (!groups) co_return groups.error();
    std::vector<std::string> versions{"v1"};
    const auto* list = list_at(**groups, "groups");
    if (list == nullptr) co_return versions;
    for (const auto& item : *list) {
        const auto* group = item.if_object();
        const auto* preferred = group == nullptr ? nullptr : object_at(*group, "preferredVersion");
        if (preferred != nullptr) versions.push_back(text_at(*preferred, "groupVersion"));
    }
    co_return versions;
}

Task<Result<ResourceType>> RestClient::discover(std::string api_version, std::string kind,
                                                Deadline deadline) {
    std::vector<std::string> versions{api_version};
    if (api_version.empty()) {
        auto all = co_await preferred_versions(deadline);
        if (!all) co_return all.error();
        versions = std::move(*all);
    }
    for (const auto& version : versions) {
        auto target = target_of(version);
        auto list = co_await discovery(std::move(target), deadline);
        if (!list) {
            // One aggregated API that is down hides no other; but what was asked for by name is
            // told.
            const auto code = list.error().code;
            const bool absent = code == Errc::not_found;
            if (absent || (code == Errc::unavailable && api_version.empty())) continue;
            co_return list.error();
        }
        if (auto type = type_in(**list, version, kind)) co_return std::move(*type);
    }
    co_return Error(Errc::not_found,
                    "the Kubernetes API server has no kind " + kind +
                        (api_version.empty() ? "" : " in " + api_version) +
                        "; kubectl api-resources shows what it has",
                    {}, std::string(kComponent));
}

Task<Result<std::string>> RestClient::version(Deadline deadline) {
    Call made("GET", "/version", "get", "version");
    made.urgent = urgent_ == nullptr;
    auto answer = co_await object_of(std::move(made), deadline);
    if (!answer) co_return answer.error();
    co_return text_at(*answer, "gitVersion");
}

}  // namespace hearth::kube
