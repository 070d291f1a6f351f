#include "api/trial.hpp"

#include <algorithm>

#include "hearth/model/package_build.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {
namespace {

constexpr auto kLongestTrial = std::chrono::seconds(120);

/// What is wrong with the documents is 422, an environment that does not start among it; what is
/// wrong with the daemon keeps its own status.
int status_for(Errc code, bool draining) {
    switch (code) {
        case Errc::unavailable:
            return draining ? 0 : 422;
        case Errc::function_failed:
        case Errc::not_found:
        case Errc::invalid_argument:
        case Errc::unsupported:
        case Errc::deadline_exceeded:
            return 422;
        default:
            return 0;
    }
}

Refusal refusal_for(const ObjectKey& key, const Intent& intent, const Error& error, bool draining,
                    std::string& trace) {
    Refusal refusal;
    refusal.error = error;
    refusal.error.message = to_string(key) + " cannot be loaded: " + error.message;
    refusal.status = status_for(error.code, draining);
    trace = error.detail;
    model::Fault fault;
    fault.path = "spec";
    fault.message =
        error.detail.empty() ? refusal.error.message : refusal.error.message + "\n" + error.detail;
    const auto own =
        std::find_if(intent.wanted.begin(), intent.wanted.end(),
                     [&](const Wanted& wanted) { return key_of(wanted.resource) == key; });
    if (own != intent.wanted.end() && own->document) {
        const auto place = own->document->place("spec");
        fault.file = own->document->file;
        fault.line = place.line;
        fault.column = place.column;
    }
    refusal.faults.push_back(std::move(fault));
    return refusal;
}

/// What is still to be built cannot be tried; the build tells.
bool waits_for_build(const State& state, const model::Resource& function) {
    const auto spec = model::decode_function(function);
    if (!spec || spec->package.empty()) return false;
    const auto package = state.find({model::Kind::package, function.metadata.ns, spec->package});
    if (!package) return false;
    const auto status = model::build_status(*package);
    return status == model::BuildStatus::pending || status == model::BuildStatus::running;
}

}  // namespace

Task<std::optional<Refusal>> try_functions(Context& context, const Plan& plan, const Intent& intent,
                                           std::string& trace) {
    const auto state = plan.state;
    const executor::Lookup lookup = [state](model::Kind kind, const std::string& ns,
                                            const std::string& name) {
        return state->find(ObjectKey{kind, ns, name});
    };
    const auto functions = functions_to_load(plan);
    const bool draining = context.draining.load();
    for (const auto& key : functions) {
        const auto function = state->find(key);
        if (!function || waits_for_build(*state, *function)) continue;
        model::Resource planned = *function;
        const auto asking = Deadline::after(kLongestTrial);
        auto source = co_await context.executor.resolve_planned(std::move(planned), lookup, asking);
        if (!source) co_return refusal_for(key, intent, source.error(), draining, trace);
        const auto limit =
            std::min<std::chrono::nanoseconds>(source->spec.specialization_timeout, kLongestTrial);
        executor::FunctionSource resolved = std::move(*source);
        const auto loaded =
            co_await context.executor.prepare(std::move(resolved), Deadline::after(limit));
        if (loaded.has_error()) co_return refusal_for(key, intent, loaded.error(), draining, trace);
    }
    co_return std::nullopt;
}

}  // namespace hearth::api
