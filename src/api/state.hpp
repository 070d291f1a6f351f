#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "hearth/catalog/catalog.hpp"

namespace hearth::api {

/// An object by what names it.
struct ObjectKey {
    model::Kind kind = model::Kind::function;
    std::string ns, name;
    auto operator<=>(const ObjectKey&) const = default;
};
ObjectKey key_of(const model::Resource& resource);
ObjectKey key_of(const catalog::Record& record);
/// "Function default/hello", as messages show it.
std::string to_string(const ObjectKey& key);
/// The first ten of them, and how many more there are.
std::string list_of(const std::vector<ObjectKey>& keys);

/// The catalog as it would be after the writes laid over it. Reads memory only. Thread: one owner.
class State {
 public:
    explicit State(const catalog::Catalog& catalog) : catalog_(catalog) {}
    void put(model::Resource resource);
    void remove(const ObjectKey& key);
    /// Nothing also for one whose row cannot be read.
    std::optional<model::Resource> find(const ObjectKey& key) const;
    bool has(const ObjectKey& key) const;
    /// Objects that name `key`. `optional_too`: also those that can do without.
    std::vector<ObjectKey> users_of(const ObjectKey& key, bool optional_too = false) const;
    /// The records of one kind, laid over ones included, in all namespaces.
    std::vector<catalog::RecordPtr> records(model::Kind kind) const;

 private:
    const catalog::Catalog& catalog_;
    std::map<ObjectKey, std::optional<model::Resource>> overlay_;
};

}  // namespace hearth::api
