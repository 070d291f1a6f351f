#include "api/writer.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <map>

#include "api/fetch.hpp"
#include "api/trial.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kInlineBytes = 32 * 1024;
constexpr std::size_t kInlineDocuments = 50;
constexpr int kMostAttempts = 6;
constexpr auto kTurnTime = std::chrono::seconds(30);

Refusal refusal_of(Error error, int status = 0) {
    Refusal refusal;
    refusal.error = std::move(error);
    refusal.status = status;
    return refusal;
}

std::optional<Refusal> check_access(const Access& access, const std::vector<Wanted>& wanted) {
    std::vector<model::Fault> faults;
    for (const auto& each : wanted) {
        const auto allowed = access.may_write(each.resource.kind, each.resource.metadata);
        if (allowed.has_error())
            faults.push_back(fault_at(each, "metadata.namespace", allowed.error().message));
    }
    if (faults.empty()) return std::nullopt;
    auto refusal = refusal_of(Error(Errc::forbidden, faults.front().message, {}, "api"));
    refusal.faults = std::move(faults);
    return refusal;
}

bool is_packed(const std::vector<PackedArchive>& packed, const std::string& digest) {
    return std::any_of(packed.begin(), packed.end(),
                       [&](const PackedArchive& each) { return each.digest == digest; });
}

/// Gives each package the size of its archive; refuses those whose archive is not in the store.
Task<std::optional<Refusal>> check_archives(Context& context, WriteRequest& request) {
    std::vector<model::Fault> faults;
    for (auto& wanted : request.incoming.wanted) {
        if (wanted.resource.kind != model::Kind::package) continue;
        const bool has_deployment = archive_digest(wanted.resource.spec, "deployment").has_value();
        for (const auto which : kArchiveFields) {
            const auto digest = archive_digest(wanted.resource.spec, which);
            if (!digest || is_packed(request.incoming.packed, *digest)) continue;
            const auto info = co_await context.archives.info(*digest);
            if (info.has_error() && info.error().code != Errc::not_found)
                co_return refusal_of(info.error());
            if (info.has_error()) {
                faults.push_back(fault_at(
                    wanted, "spec." + std::string(which) + ".url",
                    "there is no archive " + *digest + ": upload it with POST /api/v1/archives"));
            } else if (which == "deployment" || !has_deployment) {
                wanted.resource.spec["size"] = static_cast<std::int64_t>(info->bytes);
            }
        }
    }
    if (faults.empty()) co_return std::nullopt;
    auto refusal =
        refusal_of(Error(Errc::invalid_argument, faults.front().message, {}, "api"), 422);
    refusal.faults = std::move(faults);
    co_return refusal;
}

/// Stores what was packed and unpacks it, so that a bad archive is told now and the first call need
/// not wait.
Task<std::optional<Refusal>> store_archives(Context& context, const WriteRequest& request,
                                            const Plan& plan) {
    for (const auto& packed : request.incoming.packed) {
        std::string bytes = packed.bytes;
        const auto stored = co_await context.archives.put(std::move(bytes));
        if (stored.has_error()) co_return refusal_of(stored.error());
    }
    for (std::size_t i = 0; i < request.incoming.wanted.size(); ++i) {
        const auto& wanted = request.incoming.wanted[i];
        if (wanted.resource.kind != model::Kind::package) continue;
        if (plan.steps[i].action == Step::Action::unchanged) continue;
        const auto digest = archive_digest(wanted.resource.spec, "deployment");
        if (!digest) continue;
        const auto folder = co_await context.archives.unpacked(*digest);
        if (!folder.has_error()) continue;
        const bool bad =
            folder.error().code == Errc::invalid_argument || folder.error().code == Errc::too_large;
        auto refusal = refusal_of(folder.error(), bad ? 422 : 0);
        refusal.faults.push_back(fault_at(wanted, "spec.deployment", folder.error().message));
        co_return refusal;
    }
    co_return std::nullopt;
}

/// A collection may have run since the archives were stored; nothing collects while the gate is
/// held.
Task<std::optional<Refusal>> archives_still_there(Context& context, const WriteRequest& request,
                                                  const Plan& plan) {
    for (std::size_t i = 0; i < request.incoming.wanted.size(); ++i) {
        const auto& wanted = request.incoming.wanted[i];
        if (wanted.resource.kind != model::Kind::package ||
            plan.steps[i].action == Step::Action::unchanged)
            continue;
        for (const auto which : kArchiveFields) {
            const auto digest = archive_digest(wanted.resource.spec, which);
            if (!digest) continue;
            const auto info = co_await context.archives.info(*digest);
            if (!info.has_error()) continue;
            const auto& packed = request.incoming.packed;
            const auto own =
                std::find_if(packed.begin(), packed.end(),
                             [&](const PackedArchive& each) { return each.digest == *digest; });
            if (own == packed.end()) co_return refusal_of(info.error(), 422);
            std::string bytes = own->bytes;
            const auto stored = co_await context.archives.put(std::move(bytes));
            if (stored.has_error()) co_return refusal_of(stored.error());
        }
    }
    co_return std::nullopt;
}

Intent intent_of(const Access& access, const WriteRequest& request) {
    Intent intent;
    intent.wanted = request.incoming.wanted;
    intent.set = request.set;
    intent.prune = request.prune;
    intent.scope = access.scope();
    return intent;
}

/// New objects keep the uid of the first plan, whatever is planned afterwards.
void keep_uids(Intent& intent, const Plan& plan) {
    for (auto& wanted : intent.wanted) {
        const auto planned = plan.state->find(key_of(wanted.resource));
        if (planned) wanted.resource.metadata.uid = planned->metadata.uid;
    }
}

bool raced(const Error& error) {
    return error.code == Errc::conflict || error.code == Errc::not_found;
}

void take_plan(WriteOutcome& outcome, Plan& plan) {
    outcome.refusal = std::move(plan.refusal);
    outcome.steps = std::move(plan.steps);
    outcome.state = plan.state;
}

void note_revisions(WriteOutcome& outcome, const std::vector<catalog::Change>& changes) {
    std::map<ObjectKey, const catalog::Change*> by_key;
    for (const auto& change : changes) by_key[key_of(*change.record)] = &change;
    for (auto& step : outcome.steps) {
        const auto found = by_key.find(step.key);
        if (found == by_key.end()) continue;
        step.revision = found->second->revision;
        if (found->second->type == catalog::Change::Type::removed) continue;
        if (auto written = found->second->record->load(); written)
            outcome.state->put(std::move(*written));
    }
    if (!changes.empty()) outcome.revision = changes.back().revision;
}

/// A plan of many documents takes longer than an event loop may be held up. The work owns what it
/// uses, because it runs to its end even when nobody waits any more.
Task<Result<Plan>> make_plan(Context& context, const Intent& intent) {
    if (intent.wanted.size() <= kInlineDocuments)
        co_return plan_write(context.catalog, intent, context.surroundings());
    auto own = std::make_shared<const Intent>(intent);
    auto work = [&catalog = context.catalog, own,
                 around = context.surroundings()]() -> Result<Plan> {
        return plan_write(catalog, *own, around);
    };
    co_return co_await context.pool.run(std::move(work));
}

/// One attempt with the gate held; true when it is to be tried again.
Task<bool> attempt(Context& context, const Access& access, Plan plan, WriteOutcome& outcome) {
    outcome.revision = context.catalog.revision();
    auto mutations = std::move(plan.mutations);
    take_plan(outcome, plan);
    if (outcome.refusal || mutations.empty()) co_return false;
    auto authorised = access.authorise(std::move(mutations));
    if (!authorised) {
        outcome.refusal = refusal_of(authorised.error());
        co_return false;
    }
    auto proof = std::move(*authorised);
    auto changes = co_await commit(context, std::move(proof));
    if (changes.has_error()) {
        outcome.refusal = refusal_of(changes.error());
        co_return raced(changes.error());
    }
    note_revisions(outcome, *changes);
    co_return false;
}

}  // namespace

Task<Result<std::vector<catalog::Change>>> commit(
    Context& context, Authorised<std::vector<catalog::Mutation>> mutations) {
    auto list = std::move(mutations).take();
    co_return co_await context.catalog.write(std::move(list));
}

Task<WriteOutcome> write_documents(Context& context, const Access& access, WriteRequest request) {
    WriteOutcome outcome;
    outcome.refusal = check_access(access, request.incoming.wanted);
    if (outcome.refusal) co_return outcome;
    outcome.refusal = co_await fetch_archives(context, request.incoming);
    if (outcome.refusal) co_return outcome;
    outcome.refusal = co_await check_archives(context, request);
    if (outcome.refusal) co_return outcome;

    Intent intent = intent_of(access, request);
    auto planned = co_await make_plan(context, intent);
    if (!planned) {
        outcome.refusal = refusal_of(planned.error());
        co_return outcome;
    }
    Plan first = std::move(*planned);
    const bool only_look = first.refusal || (request.dry_run && !request.verify);
    if (!only_look) {
        keep_uids(intent, first);
        outcome.refusal = co_await store_archives(context, request, first);
        if (outcome.refusal) co_return outcome;
        if (request.verify) {
            outcome.refusal = co_await try_functions(context, first, intent, outcome.trace);
            if (outcome.refusal) co_return outcome;
        }
    }
    if (only_look || request.dry_run) {
        outcome.revision = context.catalog.revision();
        take_plan(outcome, first);
        co_return outcome;
    }
    const auto mode =
        needs_exclusive(intent) ? WriteGate::Mode::exclusive : WriteGate::Mode::shared;
    for (int tries = 0; tries < kMostAttempts; ++tries) {
        auto hold = co_await context.gate.enter(mode, Deadline::after(kTurnTime));
        if (hold.has_error()) {
            outcome.refusal = refusal_of(hold.error());
            co_return outcome;
        }
        auto planned_again = co_await make_plan(context, intent);
        if (!planned_again) {
            outcome.refusal = refusal_of(planned_again.error());
            co_return outcome;
        }
        Plan plan = std::move(*planned_again);
        if (!plan.refusal) {
            outcome.refusal = co_await archives_still_there(context, request, plan);
            if (outcome.refusal) co_return outcome;
        }
        const bool again = co_await attempt(context, access, std::move(plan), outcome);
        if (!again) co_return outcome;
    }
    co_return outcome;
}

Task<WriteOutcome> remove_object(Context& context, const Access& access, Removal removal,
                                 bool dry_run) {
    WriteOutcome outcome;
    for (int tries = 0; tries < kMostAttempts; ++tries) {
        auto hold =
            co_await context.gate.enter(WriteGate::Mode::exclusive, Deadline::after(kTurnTime));
        if (hold.has_error()) {
            outcome.refusal = refusal_of(hold.error());
            co_return outcome;
        }
        Plan plan = plan_removal(context.catalog, removal);
        if (dry_run) {
            outcome.revision = context.catalog.revision();
            take_plan(outcome, plan);
            co_return outcome;
        }
        const bool again = co_await attempt(context, access, std::move(plan), outcome);
        if (!again) co_return outcome;
    }
    co_return outcome;
}

Task<std::optional<Reading>> receive_body(Context& context, Request& request,
                                          std::optional<Reply>& refused) {
    const auto format = body_format(request.exchange.request());
    if (!format) {
        refused = problem(request.id, format.error(), 415);
        co_return std::nullopt;
    }
    auto body = co_await request.exchange.read_body_all(context.options.max_body_bytes);
    if (!body) {
        refused = problem(request.id, body.error());
        co_return std::nullopt;
    }
    Reading reading;
    reading.body = std::move(*body);
    reading.format = *format;
    reading.target = model::target_of(context.backend.name());
    co_return reading;
}

Task<Result<Incoming>> read_body(Context& context, Reading reading) {
    if (reading.body.size() <= kInlineBytes) co_return read_documents(reading);
    auto work = [reading = std::move(reading)]() -> Result<Incoming> {
        return read_documents(reading);
    };
    co_return co_await context.pool.run(std::move(work));
}

Reply refusal_reply(const Request& request, const WriteOutcome& outcome) {
    boost::json::object extra;
    if (!outcome.trace.empty()) extra["trace"] = outcome.trace;
    const auto& refusal = *outcome.refusal;
    return problem(request.id, refusal.error, refusal.status, refusal.faults, std::move(extra));
}

std::optional<Reply> fault_reply(const Request& request, const Incoming& incoming) {
    const bool unreadable = !incoming.syntax.empty();
    const auto& faults = unreadable ? incoming.syntax : incoming.faults;
    if (faults.empty()) return std::nullopt;
    std::string message = model::to_string(faults.front());
    if (faults.size() > 1)
        message = std::to_string(faults.size()) + " faults; the first: " + message;
    return problem(request.id, Error(Errc::invalid_argument, std::move(message), {}, "api"),
                   unreadable ? 400 : 422, faults);
}

}  // namespace hearth::api
