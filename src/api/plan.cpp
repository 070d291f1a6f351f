#include "api/plan.hpp"

#include <algorithm>
#include <set>

#include "api/diff.hpp"
#include "api/references.hpp"
#include "api/route_index.hpp"
#include "hearth/model/kinds.hpp"
#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {
namespace {

using catalog::Mutation;
using model::Kind;

constexpr std::string_view kComponent = "api";

/// What others name is written first and removed last.
int rank(Kind kind) {
    switch (kind) {
        case Kind::secret:
        case Kind::config_map:
            return 0;
        case Kind::environment:
            return 1;
        case Kind::package:
            return 2;
        case Kind::function:
            return 3;
        case Kind::http_trigger:
        case Kind::message_queue_trigger:
        case Kind::time_trigger:
        case Kind::kubernetes_watch_trigger:
            return 4;
        case Kind::workflow:
            // Another workflow may name it, and a trigger.
            return 3;
        case Kind::api_token:
            return 5;
    }
    return 5;
}

void order(std::vector<Mutation>& mutations) {
    const auto position = [](const Mutation& mutation) {
        const int kind = rank(mutation.resource.kind);
        return mutation.type == Mutation::Type::put ? kind : 20 - kind;
    };
    std::stable_sort(mutations.begin(), mutations.end(), [&](const Mutation& a, const Mutation& b) {
        return position(a) < position(b);
    });
}

Refusal refuse(Errc code, std::string message, int status = 0) {
    Refusal refusal;
    refusal.error = Error(code, std::move(message), {}, std::string(kComponent));
    refusal.status = status;
    return refusal;
}

/// Builds one plan of puts and prunes.
class Planner {
 public:
    Planner(const catalog::Catalog& catalog, const Intent& intent, const Surroundings& around)
        : catalog_(catalog), intent_(intent), around_(around) {
        plan_.state = std::make_shared<State>(catalog);
    }

    Plan run() {
        for (const auto& wanted : intent_.wanted) {
            if (!add(wanted)) return refused();
        }
        if (intent_.prune && !intent_.set.empty()) prune();
        check_references();
        if (!plan_.refusal) check_pruned_users();
        if (!plan_.refusal) check_routes();
        if (plan_.refusal) return refused();
        plan_.changed.assign(changed_.begin(), changed_.end());
        order(plan_.mutations);
        return std::move(plan_);
    }

 private:
    Plan refused() {
        plan_.mutations.clear();
        plan_.steps.clear();
        return std::move(plan_);
    }

    /// False when the document's expectation of what is there does not hold.
    bool expectation_holds(const Wanted& wanted, const catalog::RecordPtr& present,
                           bool unchanged) {
        const auto name = to_string(key_of(wanted.resource));
        if (present && wanted.must_create) {
            plan_.refusal = refuse(Errc::already_exists,
                                   name + " exists already; use PUT, PATCH or apply to change it");
            return false;
        }
        if (!present && wanted.must_exist) {
            plan_.refusal = refuse(Errc::not_found, "there is no " + name);
            return false;
        }
        if (wanted.if_match && (!present || !wanted.if_match->holds(present->metadata.revision))) {
            const auto now = present
                                 ? "its revision is " + std::to_string(present->metadata.revision)
                                 : "it does not exist";
            plan_.refusal =
                refuse(Errc::conflict, name + " is not what If-Match expects: " + now, 412);
            return false;
        }
        if (present && wanted.if_none_match &&
            wanted.if_none_match->holds(present->metadata.revision)) {
            plan_.refusal =
                refuse(Errc::conflict, name + " exists already, which If-None-Match excludes", 412);
            return false;
        }
        const auto expected = wanted.resource.metadata.revision;
        if (expected == 0 || unchanged) return true;
        if (present && present->metadata.revision == expected) return true;
        const auto now = present ? "it has " + std::to_string(present->metadata.revision) + " now"
                                 : "it does not exist";
        plan_.refusal = refuse(Errc::conflict,
                               name + " has another metadata.resourceVersion than the document's " +
                                   std::to_string(expected) + ": " + now +
                                   "; read it again or leave the field out");
        plan_.refusal->faults.push_back(
            fault_at(wanted, "metadata.resourceVersion",
                     "expects revision " + std::to_string(expected) + ", but " + now));
        return false;
    }

    bool add(const Wanted& wanted) {
        model::Resource next = wanted.resource;
        if (!intent_.set.empty()) next.metadata.labels[std::string(kSetLabel)] = intent_.set;
        const auto present = catalog_.find(next.kind, next.metadata.ns, next.metadata.name);
        std::optional<model::Resource> before;
        bool readable = true;
        if (present) {
            auto loaded = present->load();
            readable = loaded.has_value();
            before = readable ? std::move(*loaded) : present->bare();
        }
        if (next.kind == Kind::package) {
            // Without what was there it only loses what a document says of a build.
            model::carry_build(before && readable ? *before : model::Resource(), next);
        }
        const bool unchanged = before && readable && same_content(*before, next);
        if (!expectation_holds(wanted, present, unchanged)) return false;

        Step step;
        step.key = key_of(next);
        step.warnings = wanted.warnings;
        if (before) {
            next.metadata.uid = before->metadata.uid;
            next.metadata.created = before->metadata.created;
            next.metadata.generation =
                before->metadata.generation + (same_spec(*before, next) ? 0 : 1);
            step.action = unchanged ? Step::Action::unchanged : Step::Action::configured;
            step.revision = before->metadata.revision;
            if (!unchanged) step.changes = diff(*before, next);
        } else {
            // Kept when planned again, so that what was loaded for a check is what comes to life.
            if (next.metadata.uid.empty() && around_.new_uid) next.metadata.uid = around_.new_uid();
            next.metadata.created.clear();
            next.metadata.generation = 1;
            step.action = Step::Action::created;
        }
        next.metadata.revision = step.revision;
        warn_of_environment(next, step);
        if (!unchanged) {
            Mutation mutation;
            mutation.resource = next;
            mutation.expected_revision = step.revision;
            plan_.mutations.push_back(std::move(mutation));
            changed_.insert(step.key);
        }
        kept_.insert(step.key);
        plan_.state->put(std::move(next));
        plan_.steps.push_back(std::move(step));
        return true;
    }

    void warn_of_environment(const model::Resource& resource, Step& step) {
        if (resource.kind != Kind::environment || !around_.environment_trouble) return;
        if (auto trouble = around_.environment_trouble(resource); !trouble.empty()) {
            step.warnings.push_back(std::move(trouble));
        }
    }

    void prune() {
        for (const auto kind : model::kAllKinds) {
            if (kind == Kind::api_token) continue;
            catalog::ListQuery query;
            query.kind = kind;
            query.ns = intent_.scope;
            for (const auto& record : catalog_.list(query)) {
                const auto label = record->metadata.labels.find(std::string(kSetLabel));
                if (label == record->metadata.labels.end() || label->second != intent_.set)
                    continue;
                const auto key = key_of(*record);
                if (kept_.contains(key)) continue;
                remove(key, record->metadata.revision);
            }
        }
    }

    void remove(const ObjectKey& key, std::int64_t revision) {
        Mutation mutation;
        mutation.type = Mutation::Type::remove;
        mutation.resource.kind = key.kind;
        mutation.resource.metadata.ns = key.ns;
        mutation.resource.metadata.name = key.name;
        mutation.expected_revision = revision;
        plan_.mutations.push_back(std::move(mutation));
        plan_.state->remove(key);
        Step step;
        step.action = Step::Action::pruned;
        step.key = key;
        step.revision = revision;
        step.reason = "it carries " + std::string(kSetLabel) + "=" + intent_.set +
                      " and no document names it";
        pruned_.push_back(key);
        plan_.steps.push_back(std::move(step));
    }

    /// What the catalog does not hold may lie in the cluster; whoever resolves the function finds
    /// out.
    bool may_be_the_clusters(const Reference& reference) const {
        return around_.cluster_settings &&
               (reference.kind == Kind::secret || reference.kind == Kind::config_map);
    }

    void check_references() {
        std::vector<model::Fault> faults;
        for (std::size_t i = 0; i < intent_.wanted.size(); ++i) {
            const auto& wanted = intent_.wanted[i];
            for (const auto& reference : references(wanted.resource)) {
                if (reference.optional) continue;
                const ObjectKey key{reference.kind, wanted.resource.metadata.ns, reference.name};
                if (plan_.state->has(key) || may_be_the_clusters(reference)) continue;
                const bool gone = std::find(pruned_.begin(), pruned_.end(), key) != pruned_.end();
                faults.push_back(
                    fault_at(wanted, reference.path,
                             gone ? to_string(key) + " would be pruned: add it to the documents"
                                  : "there is no " + to_string(key) +
                                        ": create it first or add it to the same documents"));
            }
            warn_of_other_environment(wanted.resource, plan_.steps[i]);
        }
        if (faults.empty()) return;
        const auto count = faults.size();
        const auto first = to_string(faults.front());
        plan_.refusal = refuse(
            Errc::invalid_argument,
            count == 1 ? first
                       : std::to_string(count) + " references lead nowhere; the first: " + first,
            422);
        plan_.refusal->faults = std::move(faults);
    }

    void warn_of_other_environment(const model::Resource& resource, Step& step) {
        if (resource.kind != Kind::function) return;
        const auto function = model::decode_function(resource);
        if (!function || function->package.empty()) return;
        const auto package =
            plan_.state->find({Kind::package, resource.metadata.ns, function->package});
        if (!package) return;
        const auto spec = model::decode_package(*package);
        if (!spec || spec->environment.empty() || spec->environment == function->environment)
            return;
        step.warnings.push_back("the package " + function->package + " is for the environment " +
                                spec->environment + ", the function runs in " +
                                function->environment);
    }

    void check_pruned_users() {
        for (const auto& key : pruned_) {
            const auto users = plan_.state->users_of(key);
            if (users.empty()) continue;
            plan_.refusal =
                refuse(Errc::conflict, "pruning would remove " + to_string(key) + ", which " +
                                           to_string(users.front()) + " still names");
            return;
        }
    }

    void check_routes() {
        if (!around_.route_conflicts) return;
        const auto is_route = [](const ObjectKey& key) { return key.kind == Kind::http_trigger; };
        if (std::none_of(changed_.begin(), changed_.end(), is_route)) return;
        const RouteIndex index(plan_.state->records(Kind::http_trigger));
        std::vector<model::Fault> faults;
        for (const auto& wanted : intent_.wanted) {
            if (wanted.resource.kind != Kind::http_trigger ||
                !changed_.contains(key_of(wanted.resource)))
                continue;
            const auto others = index.candidates(wanted.resource);
            if (others.empty()) continue;
            for (auto& text : around_.route_conflicts(wanted.resource, others)) {
                faults.push_back(
                    fault_at(wanted, "spec", to_string(key_of(wanted.resource)) + " " + text));
            }
        }
        if (faults.empty()) return;
        plan_.refusal = refuse(Errc::conflict, faults.front().message);
        plan_.refusal->faults = std::move(faults);
    }

    const catalog::Catalog& catalog_;
    const Intent& intent_;
    const Surroundings& around_;
    Plan plan_;
    std::set<ObjectKey> kept_, changed_;
    std::vector<ObjectKey> pruned_;
};

}  // namespace

model::Fault fault_at(const Wanted& wanted, std::string path, std::string message) {
    model::Fault fault;
    if (wanted.document) {
        const auto place = wanted.document->place(path);
        fault.file = wanted.document->file;
        fault.line = place.line;
        fault.column = place.column;
    }
    fault.path = std::move(path);
    fault.message = std::move(message);
    return fault;
}

std::string_view to_string(Step::Action action) {
    switch (action) {
        case Step::Action::created:
            return "created";
        case Step::Action::configured:
            return "configured";
        case Step::Action::unchanged:
            return "unchanged";
        case Step::Action::pruned:
            return "pruned";
        case Step::Action::deleted:
            return "deleted";
    }
    return "unchanged";
}

bool Plan::exclusive() const {
    return std::any_of(mutations.begin(), mutations.end(), [](const Mutation& mutation) {
        return mutation.type == Mutation::Type::remove ||
               mutation.resource.kind == Kind::http_trigger;
    });
}

bool needs_exclusive(const Intent& intent) {
    if (intent.prune) return true;
    return std::any_of(intent.wanted.begin(), intent.wanted.end(), [](const Wanted& wanted) {
        return wanted.resource.kind == Kind::http_trigger;
    });
}

std::vector<ObjectKey> functions_to_load(const Plan& plan) {
    std::set<ObjectKey> functions;
    for (const auto& key : plan.changed) {
        if (key.kind == Kind::function) functions.insert(key);
        if (key.kind == Kind::function || key.kind == Kind::http_trigger ||
            key.kind == Kind::message_queue_trigger || key.kind == Kind::api_token)
            continue;
        for (auto& user : plan.state->users_of(key, true)) {
            if (user.kind == Kind::function) functions.insert(std::move(user));
        }
    }
    return std::vector<ObjectKey>(functions.begin(), functions.end());
}

Plan plan_write(const catalog::Catalog& catalog, const Intent& intent, const Surroundings& around) {
    return Planner(catalog, intent, around).run();
}

}  // namespace hearth::api
