#include <boost/json.hpp>

#include <set>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "api/writer.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

/// The body of apply and validate; `refused` has the answer when there is none.
Task<std::optional<Reading>> documents_of(Context& context, Request& request,
                                          std::optional<Reply>& refused) {
    auto received = co_await receive_body(context, request, refused);
    if (!received) co_return std::nullopt;
    Reading reading = std::move(*received);
    reading.file = request.query("file").value_or("body");
    const std::string home =
        request.access.who().all_namespaces ? "default" : request.access.who().ns;
    reading.ns = request.query("namespace").value_or(home);
    co_return reading;
}

json::array texts(const std::vector<std::string>& list) {
    json::array out;
    for (const auto& text : list) out.push_back(json::value(text));
    return out;
}

json::object result_of(Step& step) {
    json::object result;
    result["kind"] = model::table(step.key.kind).name;
    result["namespace"] = step.key.ns;
    result["name"] = step.key.name;
    result["action"] = to_string(step.action);
    result["revision"] = step.revision;
    result["diff"] = std::move(step.changes);
    result["warnings"] = texts(step.warnings);
    if (!step.reason.empty()) result["reason"] = step.reason;
    return result;
}

/// URLs of the routes that the documents hold.
json::array urls_of(Context& context, const WriteOutcome& outcome) {
    StatusReader reader(context);
    json::array urls;
    for (const auto& step : outcome.steps) {
        if (step.key.kind != model::Kind::http_trigger || step.action == Step::Action::pruned)
            continue;
        const auto trigger = outcome.state->find(step.key);
        if (trigger) urls.push_back(json::value(reader.url_of(*trigger)));
    }
    return urls;
}

/// The next times of a timer that is written.
void add_upcoming(Context& context, const WriteOutcome& outcome, const Step& step,
                  json::object& result) {
    const bool written =
        step.action == Step::Action::created || step.action == Step::Action::configured;
    if (step.key.kind != model::Kind::time_trigger || !written) return;
    const auto timer = outcome.state->find(step.key);
    if (!timer) return;
    StatusReader reader(context);
    auto status = reader.status_of(*timer);
    if (auto* upcoming = status.if_contains("upcoming")) result["upcoming"] = std::move(*upcoming);
}

std::string summary_of(const std::vector<Step>& steps) {
    constexpr std::size_t kLongest = 1000;
    std::string text;
    for (const auto& step : steps) {
        if (step.action == Step::Action::unchanged) continue;
        if (text.size() > kLongest) return text + ", …";
        if (!text.empty()) text += ", ";
        text += std::string(to_string(step.action)) + " " + to_string(step.key);
    }
    return text.empty() ? "nothing changed" : text;
}

bool label_value(std::string_view text) {
    const auto alnum = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    const auto allowed = [&](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; };
    return !text.empty() && text.size() <= 63 && alnum(text.front()) && alnum(text.back()) &&
           std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

Task<Reply> handle_apply(Context& context, Request& request) {
    std::optional<Reply> refused;
    auto reading = co_await documents_of(context, request, refused);
    if (!reading) co_return std::move(*refused);
    auto incoming = co_await read_body(context, std::move(*reading));
    if (!incoming) co_return problem(request.id, incoming.error());
    if (auto faulty = fault_reply(request, *incoming)) co_return std::move(*faulty);

    WriteRequest write;
    write.set = request.query("set").value_or(incoming->set);
    write.prune = request.flag("prune");
    write.dry_run = request.flag("dryRun");
    write.verify = request.flag("verify");
    const bool dry_run = write.dry_run;
    if (!write.set.empty() && !label_value(write.set)) {
        const std::string message =
            "set must be a label value: at most 63 letters, digits, '-', '_', '.'";
        co_return problem(request.id, Error(Errc::invalid_argument, message));
    }
    if (write.prune && write.set.empty()) {
        const std::string message =
            "prune needs set=NAME, or a DeploymentConfig among the documents";
        co_return problem(request.id, Error(Errc::invalid_argument, message));
    }
    write.incoming = std::move(*incoming);
    auto outcome = co_await write_documents(context, request.access, std::move(write));
    if (outcome.refusal) co_return refusal_reply(request, outcome);
    request.audit_object = summary_of(outcome.steps);
    if (dry_run) request.audit_detail = "dry run";

    json::object body;
    body["revision"] = outcome.revision;
    body["dryRun"] = dry_run;
    body["urls"] = urls_of(context, outcome);
    json::array results;
    for (auto& step : outcome.steps) {
        auto result = result_of(step);
        add_upcoming(context, outcome, step, result);
        results.push_back(std::move(result));
    }
    body["results"] = std::move(results);
    co_return json_reply(200, body);
}

Task<Reply> handle_validate(Context& context, Request& request) {
    std::optional<Reply> refused;
    auto reading = co_await documents_of(context, request, refused);
    if (!reading) co_return std::move(*refused);
    auto read = co_await read_body(context, std::move(*reading));
    if (!read) co_return problem(request.id, read.error());
    auto& incoming = *read;
    std::vector<model::Fault> faults = std::move(incoming.syntax);
    for (auto& fault : incoming.faults) faults.push_back(std::move(fault));
    std::vector<model::Fault> warnings = std::move(incoming.warnings);
    if (faults.empty()) {
        Intent intent;
        intent.wanted = std::move(incoming.wanted);
        for (auto& wanted : intent.wanted) wanted.warnings.clear();
        const auto plan = plan_write(context.catalog, intent, context.surroundings());
        if (plan.refusal) {
            faults = plan.refusal->faults;
            if (faults.empty()) {
                model::Fault fault;
                fault.message = plan.refusal->error.message;
                faults.push_back(std::move(fault));
            }
        }
        for (const auto& step : plan.steps) {
            for (const auto& text : step.warnings) {
                model::Fault fault;
                fault.message = to_string(step.key) + ": " + text;
                warnings.push_back(std::move(fault));
            }
        }
    }
    json::array errors, notes;
    for (const auto& fault : faults) errors.push_back(model::to_json(fault));
    for (const auto& fault : warnings) notes.push_back(model::to_json(fault));
    json::object body;
    body["valid"] = errors.empty();
    body["errors"] = std::move(errors);
    body["warnings"] = std::move(notes);
    co_return json_reply(200, body);
}

}  // namespace hearth::api
