#include <algorithm>

#include "api/plan.hpp"
#include "api/references.hpp"

namespace hearth::api {
namespace {

using catalog::Mutation;
using model::Kind;

Refusal refuse(Errc code, std::string message, int status = 0) {
    Refusal refusal;
    refusal.error = Error(code, std::move(message), {}, "api");
    refusal.status = status;
    return refusal;
}

void take(Plan& plan, const catalog::Catalog& catalog, const ObjectKey& key, std::string reason) {
    const auto record = catalog.find(key.kind, key.ns, key.name);
    if (!record) return;
    Mutation mutation;
    mutation.type = Mutation::Type::remove;
    mutation.resource.kind = key.kind;
    mutation.resource.metadata.ns = key.ns;
    mutation.resource.metadata.name = key.name;
    mutation.expected_revision = record->metadata.revision;
    plan.mutations.push_back(std::move(mutation));
    plan.state->remove(key);
    Step step;
    step.action = Step::Action::deleted;
    step.key = key;
    step.revision = record->metadata.revision;
    step.reason = std::move(reason);
    plan.steps.push_back(std::move(step));
}

/// Triggers of the function, the function, then the packages that nothing names any more.
void take_function(Plan& plan, const catalog::Catalog& catalog, const Removal& removal) {
    auto triggers = plan.state->users_of(removal.key);
    // A trigger of the function alone goes with it; a workflow is more than one of its steps.
    std::vector<ObjectKey> workflows;
    for (const auto& user : triggers)
        if (user.kind == Kind::workflow) workflows.push_back(user);
    if (!workflows.empty()) {
        plan.refusal =
            refuse(Errc::conflict, to_string(removal.key) + " is a step of " + list_of(workflows) +
                                       ": delete or change them first");
        return;
    }
    const auto itself = std::find(triggers.begin(), triggers.end(), removal.key);
    if (itself != triggers.end()) triggers.erase(itself);
    // Another function goes on without this one: what it would tell must not get lost unseen.
    const auto told =
        std::stable_partition(triggers.begin(), triggers.end(),
                              [](const ObjectKey& user) { return user.kind != Kind::function; });
    if (told != triggers.end()) {
        plan.refusal =
            refuse(Errc::conflict, to_string(removal.key) + " is told of the calls of " +
                                       list_of(std::vector<ObjectKey>(told, triggers.end())) +
                                       " (spec.invocation): change or delete them first");
        return;
    }
    if (!removal.cascade && !triggers.empty()) {
        plan.refusal =
            refuse(Errc::conflict, to_string(removal.key) + " is named by " + list_of(triggers) +
                                       ": delete them first, or leave out cascade=false");
        return;
    }
    const auto function = plan.state->find(removal.key);
    for (const auto& trigger : triggers)
        take(plan, catalog, trigger,
             (trigger.kind == Kind::http_trigger ? "it routes only to " : "it calls only ") +
                 to_string(removal.key));
    take(plan, catalog, removal.key, "");
    if (!removal.cascade || !function) return;
    for (const auto& reference : references(*function)) {
        if (reference.kind != Kind::package) continue;
        const ObjectKey package{Kind::package, removal.key.ns, reference.name};
        if (!plan.state->has(package) || !plan.state->users_of(package).empty()) continue;
        take(plan, catalog, package, "only " + to_string(removal.key) + " used it");
    }
}

}  // namespace

Plan plan_removal(const catalog::Catalog& catalog, const Removal& removal) {
    Plan plan;
    plan.state = std::make_shared<State>(catalog);
    const auto record = catalog.find(removal.key.kind, removal.key.ns, removal.key.name);
    if (!record) {
        plan.refusal = refuse(Errc::not_found, "there is no " + to_string(removal.key));
        return plan;
    }
    if (removal.if_match && !removal.if_match->holds(record->metadata.revision)) {
        plan.refusal =
            refuse(Errc::conflict,
                   to_string(removal.key) + " is not what If-Match expects: its revision is " +
                       std::to_string(record->metadata.revision),
                   412);
        return plan;
    }
    if (removal.key.kind == Kind::function) {
        take_function(plan, catalog, removal);
        return plan;
    }
    const auto users = plan.state->users_of(removal.key);
    if (!users.empty()) {
        plan.refusal = refuse(Errc::conflict, to_string(removal.key) + " is in use by " +
                                                  list_of(users) + ": delete or change them first");
        return plan;
    }
    take(plan, catalog, removal.key, "");
    return plan;
}

}  // namespace hearth::api
