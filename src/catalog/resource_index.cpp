#include "hearth/catalog/resource_index.hpp"

#include <mutex>

#include "hearth/catalog/plan.hpp"

namespace hearth::catalog {
namespace {

struct After {
    model::Kind kind = model::kAllKinds[0];
    std::string_view ns;
    std::string_view name;
};

After parse_after(std::string_view text, std::optional<model::Kind> asked) {
    After after;
    if (asked) after.kind = *asked;
    const auto slash = text.rfind('/');
    if (slash == std::string_view::npos) {
        after.ns = text;
        return after;
    }
    after.name = text.substr(slash + 1);
    after.ns = text.substr(0, slash);
    if (const auto first = after.ns.find('/'); first != std::string_view::npos) {
        model::Kind kind{};
        if (!asked && parse_kind_text(after.ns.substr(0, first), kind)) after.kind = kind;
        after.ns = after.ns.substr(first + 1);
    }
    return after;
}

}  // namespace

RecordPtr ResourceIndex::find(model::Kind kind, std::string_view ns, std::string_view name) const {
    std::shared_lock lock(mutex_);
    const Table& records = table(kind);
    const auto at = records.find(Place{ns, name});
    return at == records.end() ? nullptr : *at;
}

bool ResourceIndex::append(const Table& table, const ListQuery& query, const Place* after,
                           std::vector<RecordPtr>& out) {
    auto at = table.begin();
    if (!query.ns.empty()) at = table.lower_bound(Place{query.ns, ""});
    if (after != nullptr && (query.ns.empty() || after->ns >= query.ns)) {
        at = table.upper_bound(*after);
    }
    for (; at != table.end(); ++at) {
        if (!query.ns.empty() && (*at)->metadata.ns != query.ns) break;
        if (query.limit != 0 && out.size() >= query.limit) return false;
        out.push_back(*at);
    }
    return true;
}

std::vector<RecordPtr> ResourceIndex::list(const ListQuery& query) const {
    std::vector<RecordPtr> out;
    const After after = parse_after(query.after, query.kind);
    const Place place{after.ns, after.name};
    std::shared_lock lock(mutex_);
    for (const model::Kind kind : model::kAllKinds) {
        if (query.kind && *query.kind != kind) continue;
        if (!query.after.empty() && kind < after.kind) continue;
        const bool starts_inside = !query.after.empty() && kind == after.kind;
        if (!append(table(kind), query, starts_inside ? &place : nullptr, out)) break;
    }
    return out;
}

std::size_t ResourceIndex::count(model::Kind kind) const {
    std::shared_lock lock(mutex_);
    return table(kind).size();
}

std::int64_t ResourceIndex::revision() const {
    std::shared_lock lock(mutex_);
    return revision_;
}

void ResourceIndex::apply(const std::vector<Change>& changes) {
    // What is replaced is freed after the lock: readers wait for pointer work only.
    std::vector<RecordPtr> replaced;
    replaced.reserve(changes.size());
    std::unique_lock lock(mutex_);
    for (const Change& change : changes) {
        Table& records = table(change.record->kind);
        const auto old = records.find(change.record);
        auto hint = old;
        if (old != records.end()) {
            replaced.push_back(*old);
            hint = records.erase(old);
        }
        if (change.type != Change::Type::removed) records.insert(hint, change.record);
        revision_ = change.revision;
    }
}

void ResourceIndex::load(std::vector<RecordPtr> records, std::int64_t revision) {
    std::unique_lock lock(mutex_);
    for (Table& records_of_kind : tables_) records_of_kind.clear();
    for (RecordPtr& record : records) {
        Table& records_of_kind = table(record->kind);
        records_of_kind.insert(records_of_kind.end(), std::move(record));
    }
    revision_ = revision;
}

}  // namespace hearth::catalog
