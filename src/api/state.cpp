#include "api/state.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "api/references.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kMostNamed = 10;

bool names(const model::Resource& user, const ObjectKey& key, bool optional_too) {
    for (const auto& reference : references(user)) {
        if (reference.kind == key.kind && reference.name == key.name &&
            (optional_too || !reference.optional))
            return true;
    }
    return false;
}

}  // namespace

ObjectKey key_of(const model::Resource& resource) {
    return ObjectKey{resource.kind, resource.metadata.ns, resource.metadata.name};
}

ObjectKey key_of(const catalog::Record& record) {
    return ObjectKey{record.kind, record.metadata.ns, record.metadata.name};
}

std::string to_string(const ObjectKey& key) {
    return std::string(model::table(key.kind).name) + " " + key.ns + "/" + key.name;
}

std::string list_of(const std::vector<ObjectKey>& keys) {
    std::string text;
    for (std::size_t i = 0; i < keys.size() && i < kMostNamed; ++i) {
        if (i > 0) text += ", ";
        text += to_string(keys[i]);
    }
    if (keys.size() > kMostNamed)
        text += " and " + std::to_string(keys.size() - kMostNamed) + " more";
    return text;
}

void State::put(model::Resource resource) {
    auto key = key_of(resource);
    overlay_.insert_or_assign(std::move(key), std::move(resource));
}

void State::remove(const ObjectKey& key) {
    overlay_.insert_or_assign(key, std::nullopt);
}

std::optional<model::Resource> State::find(const ObjectKey& key) const {
    if (const auto laid = overlay_.find(key); laid != overlay_.end()) return laid->second;
    const auto record = catalog_.find(key.kind, key.ns, key.name);
    if (!record) return std::nullopt;
    auto loaded = record->load();
    if (!loaded) return std::nullopt;
    return std::move(*loaded);
}

bool State::has(const ObjectKey& key) const {
    if (const auto laid = overlay_.find(key); laid != overlay_.end())
        return laid->second.has_value();
    return catalog_.find(key.kind, key.ns, key.name) != nullptr;
}

std::vector<ObjectKey> State::users_of(const ObjectKey& key, bool optional_too) const {
    std::vector<ObjectKey> users;
    const std::string quoted = "\"" + key.name + "\"";
    for (const auto kind : user_kinds(key.kind)) {
        catalog::ListQuery query;
        query.kind = kind;
        query.ns = key.ns;
        for (const auto& record : catalog_.list(query)) {
            // Parsing ten thousand specs would hold up the event loop; a search of their texts does
            // not.
            if (record->spec_text.find(quoted) == std::string::npos) continue;
            if (overlay_.contains(key_of(*record))) continue;
            const auto resource = record->load();
            if (resource && names(*resource, key, optional_too)) users.push_back(key_of(*record));
        }
        for (const auto& [other, resource] : overlay_) {
            if (other.kind != kind || other.ns != key.ns || !resource) continue;
            if (names(*resource, key, optional_too)) users.push_back(other);
        }
    }
    std::sort(users.begin(), users.end());
    return users;
}

std::vector<catalog::RecordPtr> State::records(model::Kind kind) const {
    catalog::ListQuery query;
    query.kind = kind;
    std::vector<catalog::RecordPtr> list;
    for (auto& record : catalog_.list(query)) {
        if (!overlay_.contains(key_of(*record))) list.push_back(std::move(record));
    }
    for (const auto& [key, resource] : overlay_) {
        if (key.kind != kind || !resource) continue;
        auto record = std::make_shared<catalog::Record>();
        record->kind = kind;
        record->metadata = resource->metadata;
        record->spec_text = boost::json::serialize(resource->spec);
        list.push_back(std::move(record));
    }
    return list;
}

}  // namespace hearth::api
