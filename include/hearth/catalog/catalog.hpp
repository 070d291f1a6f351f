#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::catalog {

/// What a store knows of a row that is not what was written.
struct Damage {
    std::string why;             ///< one sentence that names the row
    std::uint64_t checksum = 0;  ///< as stored, which is what the store's sum over all rows holds
};

/// A resource at rest: the spec stays compact JSON text, because ten thousand parsed ones cost five
/// times the memory.
struct Record {
    model::Kind kind;
    model::Metadata metadata;
    std::string spec_text;
    std::shared_ptr<const Damage> damage;  ///< null: the row is what was written

    /// Errors: internal of component "store", naming the row: it is damaged, or its spec is no JSON
    /// object.
    Result<model::Resource> load() const;
    /// Kind and metadata alone, which are there even when load() fails.
    model::Resource bare() const;
    /// What `read`, one of model's decode_… functions, makes of it. Errors: those of load() and of
    /// `read`.
    template <class Read>
    auto decode(Read read) const -> decltype(read(std::declval<const model::Resource&>())) {
        const auto resource = load();
        if (!resource) return resource.error();
        return read(*resource);
    }
};
using RecordPtr = std::shared_ptr<const Record>;

struct Change {
    enum class Type { added, modified, removed };
    Type type = Type::added;
    std::int64_t revision = 0;
    RecordPtr record;  ///< the new state; the last one for `removed`
};

struct Mutation {
    enum class Type { put, remove };
    Type type = Type::put;
    model::Resource resource;  ///< for remove: kind, namespace and name count
    /// Revision the object must have now; 0: it must not exist. Absent: any.
    std::optional<std::int64_t> expected_revision;
};

struct ListQuery {
    std::optional<model::Kind> kind;
    std::string ns;         ///< empty: all
    std::string after;      ///< "ns/name" of the last one of the page before; empty: from the start
    std::size_t limit = 0;  ///< 0: all
};

struct ChangesSince {
    std::vector<Change> changes;
    bool too_old = false;  ///< the revision is no longer kept: list again
};

/// The specs: reads from memory that never wait, writes that are durable when they return, and a
/// feed of changes. Implementations: MemoryCatalog (tests), store::SqliteCatalog. One contract
/// suite runs on both. Thread: any.
class Catalog {
 public:
    virtual ~Catalog() = default;

    virtual RecordPtr find(model::Kind kind, std::string_view ns, std::string_view name) const = 0;
    /// In order of kind, namespace, name.
    virtual std::vector<RecordPtr> list(const ListQuery& query) const = 0;
    virtual std::size_t count(model::Kind kind) const = 0;
    /// The revision of the newest change.
    virtual std::int64_t revision() const = 0;
    /// Why rows that belong to no kind could not be taken in at the start, one sentence each.
    virtual std::vector<std::string> lost_rows() const { return {}; }

    /// All of `mutations` or none. The catalog gives uid (if empty), created, generation (+1 when
    /// the spec differs) and revision; a put that changes nothing keeps its revision and makes no
    /// change. When this returns, the change is durable, readers see it and every subscriber has
    /// been called. Returns the changes made, in order. Errors: conflict, not_found (remove of
    /// nothing), no_space, io, exhausted (queue full), unavailable (stopping).
    virtual Task<Result<std::vector<Change>>> write(std::vector<Mutation> mutations) = 0;

    /// Changes with a revision greater than `revision`, at least the newest 10,000 are kept.
    virtual ChangesSince changes_since(std::int64_t revision, std::size_t limit) const = 0;

    /// `on_changes` is called in revision order on the writer's thread, must not block and must not
    /// write. It first gets nothing: list() after subscribing to have the present state. Ends when
    /// the handle goes.
    using Subscription = std::shared_ptr<void>;
    [[nodiscard]] virtual Subscription subscribe(
        std::function<void(const std::vector<Change>&)> on_changes) = 0;
};

/// The double for tests of other modules.
std::unique_ptr<Catalog> make_memory_catalog();

}  // namespace hearth::catalog
