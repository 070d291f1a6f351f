#pragma once

#include <boost/json/array.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/entity_tags.hpp"
#include "api/state.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/model/document.hpp"

namespace hearth::api {

/// One checked document on its way in.
struct Wanted {
    model::Resource resource;  ///< metadata.revision: what the document expects; 0: nothing
    std::shared_ptr<const model::Document> document;  ///< for the places of faults
    std::vector<std::string> warnings;
    bool must_create = false;                 ///< refuse when it is there
    bool must_exist = false;                  ///< refuse when it is not
    std::optional<EntityTags> if_none_match;  ///< what must not be there
    std::optional<EntityTags> if_match;       ///< what If-Match names
};

/// A fault of the document at `path`, with its place where that is known.
model::Fault fault_at(const Wanted& wanted, std::string path, std::string message);

/// What a request wants of the catalog.
struct Intent {
    std::vector<Wanted> wanted;
    std::string set;  ///< label hearth.io/set of what is written; may be empty
    bool prune = false;
    std::string scope;  ///< namespace pruning is narrowed to; empty: all
};

struct Removal {
    ObjectKey key;
    bool cascade = true;
    std::optional<EntityTags> if_match;
};

/// Knowledge from outside the catalog. Members may be empty.
struct Surroundings {
    std::function<std::vector<std::string>(const model::Resource&,
                                           const std::vector<catalog::RecordPtr>&)>
        route_conflicts;
    /// Why an environment cannot run here; empty: it can.
    std::function<std::string(const model::Resource&)> environment_trouble;
    std::function<std::string()> new_uid;
    /// Secrets and ConfigMaps that the catalog does not hold may lie in the cluster.
    bool cluster_settings = false;
};

/// What happens to one object.
struct Step {
    enum class Action { created, configured, unchanged, pruned, deleted };
    Action action = Action::unchanged;
    ObjectKey key;
    std::int64_t revision = 0;   ///< present one; the new one once it is written
    boost::json::array changes;  ///< see diff()
    std::vector<std::string> warnings;
    std::string reason;  ///< of a delete that follows from another
};
std::string_view to_string(Step::Action action);

/// Why nothing is written.
struct Refusal {
    Error error;
    std::vector<model::Fault> faults;
    int status = 0;  ///< 0: as the error's code says
};

/// The outcome of planning: a refusal, or all writes of one transaction.
struct Plan {
    std::optional<Refusal> refusal;
    std::vector<Step> steps;                   ///< in order of the documents, then what goes
    std::vector<catalog::Mutation> mutations;  ///< in order of dependence
    std::vector<ObjectKey> changed;            ///< objects that are new or differ
    std::shared_ptr<State> state;              ///< as it will be
    /// Must not run beside other writes: what was read (who uses what, which routes exist) is not
    /// covered by revisions.
    bool exclusive() const;
};

inline constexpr std::string_view kSetLabel = "hearth.io/set";

/// Pure but for reading the catalog's memory. Thread: any.
Plan plan_write(const catalog::Catalog& catalog, const Intent& intent, const Surroundings& around);
Plan plan_removal(const catalog::Catalog& catalog, const Removal& removal);

/// The functions that are new or changed by a plan, by themselves or by what they use.
std::vector<ObjectKey> functions_to_load(const Plan& plan);

/// Whether a write of `intent` reads more than the objects it writes (see Plan::exclusive), told
/// before it is planned.
bool needs_exclusive(const Intent& intent);

}  // namespace hearth::api
