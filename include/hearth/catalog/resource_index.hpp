#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <set>
#include <shared_mutex>
#include <string_view>
#include <vector>

#include "hearth/catalog/catalog.hpp"

namespace hearth::catalog {

/// The present state in memory, which every implementation of Catalog reads from.
/// Thread: reads from any; apply and load from the one writer.
class ResourceIndex {
 public:
    RecordPtr find(model::Kind kind, std::string_view ns, std::string_view name) const;
    /// In order of kind, namespace, name. `after` of a query over all kinds may start with the kind
    /// ("Function/ns/name"); without it the first kind is meant.
    std::vector<RecordPtr> list(const ListQuery& query) const;
    std::size_t count(model::Kind kind) const;
    /// The revision of the newest change applied.
    std::int64_t revision() const;

    /// Readers see all of `changes` or none of them.
    void apply(const std::vector<Change>& changes);
    /// Replaces everything; fastest when `records` come in order of namespace and name within a
    /// kind.
    void load(std::vector<RecordPtr> records, std::int64_t revision);

 private:
    struct Place {
        std::string_view ns;
        std::string_view name;
    };
    struct ByPlace {
        using is_transparent = void;
        static Place place(const RecordPtr& record) {
            return {record->metadata.ns, record->metadata.name};
        }
        static Place place(const Place& at) { return at; }
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            const Place left = place(a);
            const Place right = place(b);
            const int order = left.ns.compare(right.ns);
            return order != 0 ? order < 0 : left.name < right.name;
        }
    };
    using Table = std::set<RecordPtr, ByPlace>;

    /// False when the page is full.
    static bool append(const Table& table, const ListQuery& query, const Place* after,
                       std::vector<RecordPtr>& out);
    Table& table(model::Kind kind) { return tables_[static_cast<std::size_t>(kind)]; }
    const Table& table(model::Kind kind) const { return tables_[static_cast<std::size_t>(kind)]; }

    mutable std::shared_mutex mutex_;
    std::array<Table, std::size(model::kAllKinds)> tables_;
    std::int64_t revision_ = 0;
};

}  // namespace hearth::catalog
