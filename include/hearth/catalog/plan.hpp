#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "hearth/catalog/catalog.hpp"

namespace hearth::catalog {

using Lookup = std::function<RecordPtr(model::Kind, std::string_view ns, std::string_view name)>;

/// A state with changes laid over it that are not in it yet: later batches of one commit see the
/// earlier ones.
class PendingChanges {
 public:
    explicit PendingChanges(Lookup below) : below_(std::move(below)) {}
    RecordPtr find(model::Kind kind, std::string_view ns, std::string_view name) const;
    void add(const std::vector<Change>& changes);
    void add(const Change& change);

 private:
    Lookup below_;
    std::map<std::tuple<model::Kind, std::string, std::string>, RecordPtr> over_;
};

/// What `mutations` make of the present state, or why they cannot. Pure: nothing is written.
/// The first change gets `next_revision`, each further one the next number; `now` (RFC 3339)
/// becomes `created`. A spec that differs only in the order of its keys is the same spec. Errors:
/// conflict, not_found, invalid_argument (no name).
Result<std::vector<Change>> plan_changes(const std::vector<Mutation>& mutations,
                                         const Lookup& present, std::int64_t next_revision,
                                         std::string_view now);

/// The kind's name in messages and in the database ("Function"). Never change one: rows carry it.
std::string_view kind_text(model::Kind kind);
/// False for a name no kind has.
bool parse_kind_text(std::string_view text, model::Kind& kind);

}  // namespace hearth::catalog
