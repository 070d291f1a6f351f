#include "kube/lease_core.hpp"

#include <algorithm>

#include "hearth/base/json_view.hpp"
#include "hearth/kube/informer.hpp"

namespace hearth::kube {
namespace json = boost::json;
using base::object_at;
using base::text_at;

bool LeaseCore::is_free(Time now) const {
    if (!seen_ || seen_->holder.empty() || seen_->holder == identity_) return true;
    // Also when the Lease was deleted: who held it may not know yet.
    return now >= seen_at_ + span_of(*seen_);
}

LeaseCore::Next LeaseCore::next(Time now) const {
    if (now < next_at_) return Next{Next::Do::wait, next_at_, {}};
    if (!known_) return Next{Next::Do::read, now, {}};
    if (!is_free(now)) {
        // What is known is good until then, but the holder may renew or give back before.
        return Next{Next::Do::read, now, {}};
    }
    Next write{Next::Do::write, now, {}};
    write.record.holder = identity_;
    write.record.duration = duration_;
    if (seen_ && !absent_) {
        write.record.resource_version = seen_->resource_version;
        write.record.transitions = seen_->transitions;
        if (seen_->holder == identity_) {
            write.record.acquire_time = seen_->acquire_time;
        } else {
            ++write.record.transitions;
        }
    }
    return write;
}

void LeaseCore::was_read(std::optional<LeaseRecord> present, Time now) {
    absent_ = !present;
    if (present) {
        const bool changed = !seen_ || seen_->resource_version != present->resource_version;
        seen_ = std::move(present);
        if (changed) seen_at_ = now;
        if (seen_->holder != identity_) held_until_ = Time::min();
    }
    known_ = true;
    if (is_free(now)) {
        next_at_ = now;
        return;
    }
    const auto look = now + retry_ * 3 / 4;
    next_at_ = std::min(look, seen_at_ + span_of(*seen_));
    // Taken only upon a look that is newer than the end of its duration.
    known_ = false;
}

void LeaseCore::read_failed(Time now) {
    known_ = false;
    next_at_ = now + (held(now) ? retry_ / 2 : retry_);
}

void LeaseCore::was_written(LeaseRecord record, Time began, Time now) {
    seen_ = std::move(record);
    seen_at_ = now;
    absent_ = false;
    known_ = true;
    held_until_ = began + renew_;
    next_at_ = std::max(now, began + retry_);
}

void LeaseCore::write_failed(bool conflict, Time now) {
    known_ = false;
    next_at_ = conflict ? now : now + (held(now) ? retry_ / 2 : retry_);
}

std::string LeaseCore::holder(Time now) const {
    if (!seen_ || absent_ || now >= seen_at_ + span_of(*seen_)) return {};
    return seen_->holder;
}

std::optional<LeaseRecord> lease_of(const json::object& object) {
    LeaseRecord record;
    record.resource_version = metadata_text(object, "resourceVersion");
    if (record.resource_version.empty()) return std::nullopt;
    const auto* spec = object_at(object, "spec");
    if (spec == nullptr) return record;
    record.holder = text_at(*spec, "holderIdentity");
    record.renew_time = text_at(*spec, "renewTime");
    record.acquire_time = text_at(*spec, "acquireTime");
    const auto number = [&](std::string_view key) {
        const auto* value = spec->if_contains(key);
        return value != nullptr && value->is_int64() ? value->get_int64() : 0;
    };
    record.transitions = number("leaseTransitions");
    record.duration = std::chrono::seconds(number("leaseDurationSeconds"));
    return record;
}

json::object lease_object(const LeaseRecord& record, const std::string& ns, const std::string& name,
                          const std::string& now_text) {
    const auto time = [&](const std::string& given) { return given.empty() ? now_text : given; };
    json::object metadata;
    metadata["namespace"] = ns;
    metadata["name"] = name;
    if (!record.resource_version.empty()) metadata["resourceVersion"] = record.resource_version;
    json::object spec;
    spec["holderIdentity"] = record.holder;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(record.duration).count();
    spec["leaseDurationSeconds"] = std::max<std::int64_t>(1, seconds);
    spec["renewTime"] = time(record.renew_time);
    spec["acquireTime"] = time(record.acquire_time);
    spec["leaseTransitions"] = record.transitions;
    json::object object;
    object["metadata"] = std::move(metadata);
    object["spec"] = std::move(spec);
    return object;
}

std::string micro_time(base::WallTime time) {
    const auto text = base::to_rfc3339(time);  // ends with milliseconds and Z
    const auto since =
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
    auto digits = std::to_string(since.count() % 1000);
    digits.insert(0, 3 - digits.size(), '0');
    return text.substr(0, text.size() - 1) + digits + "Z";
}

}  // namespace hearth::kube
