#include "trigger/watch_memory.hpp"

#include <boost/json.hpp>

#include "hearth/base/json_view.hpp"

namespace hearth::trigger {

namespace json = boost::json;
using catalog::LedgerRow;
using catalog::LedgerWrite;
using Kind = kube::Notice::Kind;

namespace {

constexpr std::string_view kHead = "watch";
constexpr std::string_view kObject = "object ";  ///< then "ns/name"

}  // namespace

void WatchMemory::read(const LedgerRow& row) {
    if (row.item.starts_with(kObject)) {
        const auto key = row.item.substr(kObject.size());
        const auto slash = key.find('/');
        const auto cut = row.value.find(' ');
        if (slash == std::string::npos || cut == std::string::npos) return;
        kube::KnownObject known;
        known.ns = key.substr(0, slash);
        known.name = key.substr(slash + 1);
        known.uid = row.value.substr(0, cut);
        known.resource_version = row.value.substr(cut + 1);
        known_.insert_or_assign(key, std::move(known));
        return;
    }
    json::error_code fault;
    const auto value = json::parse(row.value, fault);
    if (row.item != kHead || fault || !value.is_object()) return;
    const auto& object = value.get_object();
    target_ = base::text_at(object, "target");
    revision_ = base::text_at(object, "revision");
    counts_.delivered = static_cast<std::uint64_t>(base::integer_at(object, "delivered"));
    counts_.given_up = static_cast<std::uint64_t>(base::integer_at(object, "givenUp"));
    counts_.relists = static_cast<std::uint64_t>(base::integer_at(object, "relists"));
    counts_.last_event = base::text_at(object, "lastEvent");
    counts_.last_error = base::text_at(object, "lastError");
    counts_.last_relist = base::text_at(object, "lastRelist");
}

LedgerWrite WatchMemory::head() const {
    json::object value;
    value["target"] = target_;
    value["revision"] = revision_;
    value["delivered"] = counts_.delivered;
    value["givenUp"] = counts_.given_up;
    value["relists"] = counts_.relists;
    value["lastEvent"] = counts_.last_event;
    value["lastError"] = counts_.last_error;
    value["lastRelist"] = counts_.last_relist;
    LedgerRow row(uid_, std::string(kHead), 0, json::serialize(value));
    return LedgerWrite(LedgerWrite::Type::put, std::move(row));
}

std::vector<LedgerWrite> WatchMemory::watch(const model::KubernetesWatchTriggerSpec& spec,
                                            const std::string& ns) {
    std::string target = spec.api_version + " " + spec.kind + " in " + ns + " labels " +
                         spec.label_selector + " fields " + spec.field_selector;
    if (target == target_) return {};
    target_ = std::move(target);
    revision_.clear();
    known_.clear();
    std::vector<LedgerWrite> writes;
    writes.emplace_back(LedgerWrite::Type::forget, LedgerRow(uid_, "", 0, ""));
    writes.push_back(head());
    return writes;
}

kube::InformerResume WatchMemory::resume() const {
    kube::InformerResume from;
    from.revision = revision_;
    for (const auto& [key, object] : known_) from.known.push_back(object);
    return from;
}

std::vector<LedgerWrite> WatchMemory::dealt_with(const kube::Notice& notice) {
    std::vector<LedgerWrite> writes;
    if (notice.object) {
        const auto& object = *notice.object;
        const auto key = kube::object_key(object);
        LedgerRow row(uid_, std::string(kObject) + key, 0, "");
        if (notice.kind == Kind::deleted) {
            known_.erase(key);
            writes.emplace_back(LedgerWrite::Type::remove, std::move(row));
        } else {
            kube::KnownObject known;
            known.ns = kube::metadata_text(object, "namespace");
            known.name = kube::metadata_text(object, "name");
            known.uid = kube::metadata_text(object, "uid");
            known.resource_version = kube::metadata_text(object, "resourceVersion");
            row.value = known.uid + " " + known.resource_version;
            known_.insert_or_assign(key, std::move(known));
            writes.emplace_back(LedgerWrite::Type::put, std::move(row));
        }
    }
    if (!notice.revision.empty()) {
        revision_ = notice.revision;
        writes.push_back(head());
    }
    return writes;
}

void WatchMemory::count_event(bool delivered, std::string error, std::string when) {
    ++(delivered ? counts_.delivered : counts_.given_up);
    counts_.last_event = std::move(when);
    if (!error.empty()) counts_.last_error = std::move(error);
}

void WatchMemory::count_relist(std::string when) {
    ++counts_.relists;
    counts_.last_relist = std::move(when);
}

std::string_view event_word(const kube::Notice& notice) {
    switch (notice.kind) {
        case Kind::added:
            return "ADDED";
        case Kind::modified:
            return "MODIFIED";
        case Kind::deleted:
            return "DELETED";
        default:
            return {};
    }
}

bool is_wanted(const model::KubernetesWatchTriggerSpec& spec, const kube::Notice& notice,
               bool still_new) {
    if (notice.kind == Kind::added) return spec.added && !(still_new && spec.skip_existing);
    if (notice.kind == Kind::modified) return spec.modified;
    return notice.kind == Kind::deleted && spec.deleted;
}

}  // namespace hearth::trigger
