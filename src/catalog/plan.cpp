#include "hearth/catalog/plan.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "hearth/base/ids.hpp"

namespace hearth::catalog {
namespace {

constexpr std::string_view kKindTexts[] = {"Environment", "Package",
                                           "Function",    "HTTPTrigger",
                                           "Secret",      "ConfigMap",
                                           "ApiToken",    "MessageQueueTrigger",
                                           "TimeTrigger", "KubernetesWatchTrigger",
                                           "Workflow"};
static_assert(std::size(kKindTexts) == std::size(model::kAllKinds));

std::string label(model::Kind kind, const model::Metadata& metadata) {
    return fmt::format("{} {}/{}", kind_text(kind), metadata.ns, metadata.name);
}

Error conflict(std::string message) {
    return Error(Errc::conflict, std::move(message), {}, "catalog");
}

Result<void> check_expected(const Mutation& mutation, const RecordPtr& present) {
    if (!mutation.expected_revision) return {};
    const std::int64_t expected = *mutation.expected_revision;
    const std::string name = label(mutation.resource.kind, mutation.resource.metadata);
    if (expected == 0) {
        if (!present) return {};
        return conflict(
            fmt::format("{} exists already, at revision {}", name, present->metadata.revision));
    }
    if (!present) {
        return conflict(fmt::format(
            "{} was expected at revision {}, but does not exist; read it again", name, expected));
    }
    if (present->metadata.revision == expected) return {};
    return conflict(
        fmt::format("{} is at revision {}, not {}: somebody else changed it; read it again and "
                    "repeat the change",
                    name, present->metadata.revision, expected));
}

/// The text compares first: it is equal in nearly every re-apply, and parsing costs fifty times as
/// much.
bool same_spec(const Record& present, const std::string& text, const boost::json::object& spec) {
    if (present.damage) return false;
    if (present.spec_text == text) return true;
    boost::json::error_code error;
    const auto old = boost::json::parse(present.spec_text, error);
    return !error && old.is_object() && old.get_object() == spec;
}

/// Nothing when the put changes nothing.
std::optional<Change> plan_put(const Mutation& mutation, const RecordPtr& present,
                               std::int64_t revision, std::string_view now) {
    const model::Resource& wanted = mutation.resource;
    Record record{wanted.kind, wanted.metadata, boost::json::serialize(wanted.spec), nullptr};
    record.metadata.revision = revision;
    Change change;
    change.revision = revision;
    if (!present) {
        if (record.metadata.uid.empty()) record.metadata.uid = base::new_uuid();
        record.metadata.created = now;
        record.metadata.generation = 1;
        change.type = Change::Type::added;
    } else {
        const bool same = same_spec(*present, record.spec_text, wanted.spec);
        if (same && wanted.metadata.labels == present->metadata.labels &&
            wanted.metadata.annotations == present->metadata.annotations) {
            return std::nullopt;
        }
        record.metadata.uid = present->metadata.uid;
        record.metadata.created = present->metadata.created;
        record.metadata.generation = present->metadata.generation + (same ? 0 : 1);
        change.type = Change::Type::modified;
    }
    record.spec_text.shrink_to_fit();
    change.record = std::make_shared<const Record>(std::move(record));
    return change;
}

}  // namespace

RecordPtr PendingChanges::find(model::Kind kind, std::string_view ns, std::string_view name) const {
    const auto at = over_.find(std::tuple(kind, std::string(ns), std::string(name)));
    return at != over_.end() ? at->second : below_(kind, ns, name);
}

void PendingChanges::add(const std::vector<Change>& changes) {
    for (const Change& change : changes) add(change);
}

void PendingChanges::add(const Change& change) {
    const Record& record = *change.record;
    over_[std::tuple(record.kind, record.metadata.ns, record.metadata.name)] =
        change.type == Change::Type::removed ? nullptr : change.record;
}

Result<std::vector<Change>> plan_changes(const std::vector<Mutation>& mutations,
                                         const Lookup& present, std::int64_t next_revision,
                                         std::string_view now) {
    std::vector<Change> changes;
    PendingChanges state(present);
    for (const Mutation& mutation : mutations) {
        const model::Resource& wanted = mutation.resource;
        if (wanted.metadata.name.empty() || wanted.metadata.ns.empty()) {
            return Error(Errc::invalid_argument,
                         fmt::format("a {} needs metadata.name and metadata.namespace",
                                     kind_text(wanted.kind)),
                         {}, "catalog");
        }
        const RecordPtr now_there =
            state.find(wanted.kind, wanted.metadata.ns, wanted.metadata.name);
        if (mutation.type == Mutation::Type::remove && !now_there) {
            return Error(Errc::not_found,
                         fmt::format("{} does not exist", label(wanted.kind, wanted.metadata)), {},
                         "catalog");
        }
        if (auto expected = check_expected(mutation, now_there); expected.has_error()) {
            return expected.error();
        }
        std::optional<Change> change;
        if (mutation.type == Mutation::Type::remove) {
            change.emplace();
            change->type = Change::Type::removed;
            change->revision = next_revision;
            change->record = now_there;
        } else {
            change = plan_put(mutation, now_there, next_revision, now);
        }
        if (!change) continue;
        ++next_revision;
        state.add(*change);
        changes.push_back(std::move(*change));
    }
    return changes;
}

std::string_view kind_text(model::Kind kind) {
    return kKindTexts[static_cast<std::size_t>(kind)];
}

bool parse_kind_text(std::string_view text, model::Kind& kind) {
    for (const model::Kind each : model::kAllKinds) {
        if (kind_text(each) == text) {
            kind = each;
            return true;
        }
    }
    return false;
}

}  // namespace hearth::catalog
