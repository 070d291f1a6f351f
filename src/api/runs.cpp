#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "api/paging.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/quantity.hpp"

namespace hearth::api {

namespace json = boost::json;
using catalog::RunPhase;
using catalog::RunRow;

namespace {

constexpr std::int64_t kLongestWaitMs = 60'000;
/// Past what the workflow module takes, so that it is the one that names the bound.
constexpr std::uint64_t kLargestBody = 16u << 20;

Error wrong(std::string message) {
    return Error(Errc::invalid_argument, std::move(message), {}, "api");
}

Error no_runs() {
    return Error(Errc::unsupported, "this daemon runs no workflows", {}, "api");
}

void put_time(json::object& into, const char* key, catalog::UnixMs ms) {
    if (ms > 0) into[key] = base::to_rfc3339(base::WallTime(std::chrono::milliseconds(ms)));
}

void put_text(json::object& into, const char* key, const std::string& text) {
    if (!text.empty()) into[key] = text;
}

json::value value_of(const std::string& text) {
    boost::system::error_code ec;
    json::parse_options options;
    options.max_depth = 256;
    auto value = json::parse(text, ec, {}, options);
    return ec ? json::value() : value;
}

/// A run in the form of an object.
json::object run_json(const RunRow& row) {
    json::object metadata;
    metadata["name"] = row.id;
    metadata["namespace"] = row.ns;
    put_time(metadata, "creationTimestamp", row.created);
    json::object spec;
    spec["workflowRef"] = row.workflow;
    spec["workflowGeneration"] = row.generation;
    json::object status;
    status["phase"] = catalog::run_phase_text(row.phase);
    put_time(status, "startedAt", row.created);
    put_time(status, "finishedAt", row.ended);
    put_text(status, "errorType", row.error_type);
    put_text(status, "cause", row.cause);
    status["origin"] = row.origin;
    put_text(status, "parent", row.parent);
    put_text(status, "idempotencyKey", row.idempotency_key);
    json::object out;
    out["apiVersion"] = "hearth/v1";
    out["kind"] = "WorkflowRun";
    out["metadata"] = std::move(metadata);
    out["spec"] = std::move(spec);
    out["status"] = std::move(status);
    return out;
}

json::object step_json(const catalog::RunStep& step) {
    json::object out;
    out["number"] = step.number;
    out["state"] = step.state;
    out["type"] = step.type;
    put_text(out, "branch", step.branch);
    out["status"] = step.status;
    put_time(out, "entered", step.entered);
    put_time(out, "left", step.left);
    put_text(out, "errorType", step.error_type);
    put_text(out, "cause", step.cause);
    put_text(out, "workflow", step.child);
    put_text(out, "token", step.token);
    if (!step.input.empty()) out["input"] = value_of(step.input);
    if (!step.output.empty()) out["output"] = value_of(step.output);
    json::array attempts;
    for (const auto& attempt : step.attempts) {
        json::object one;
        one["number"] = attempt.number;
        put_time(one, "started", attempt.started);
        put_time(one, "ended", attempt.ended);
        put_text(one, "errorType", attempt.error_type);
        put_text(one, "cause", attempt.cause);
        attempts.push_back(std::move(one));
    }
    if (!attempts.empty()) out["attempts"] = std::move(attempts);
    return out;
}

json::object whole_json(const catalog::RunDetail& detail) {
    auto out = run_json(detail.row);
    out["spec"].as_object()["input"] = value_of(detail.input);
    auto& status = out["status"].as_object();
    if (!detail.output.empty()) status["output"] = value_of(detail.output);
    json::array steps, active;
    for (const auto& step : detail.steps) {
        steps.push_back(step_json(step));
        if (step.left == 0 && detail.row.phase == RunPhase::running)
            active.emplace_back(json::string(step.state));
    }
    status["activeStates"] = std::move(active);
    status["steps"] = std::move(steps);
    return out;
}

/// The run of the path, if it is of the path's namespace. Errors: not_found.
Task<Result<RunRow>> named_run(Context& context, const Request& request, Deadline deadline) {
    auto row = co_await context.ports.runs->await_end(request.name, deadline);
    if (row && row->ns != request.ns)
        co_return Error(Errc::not_found,
                        "there is no run \"" + request.name + "\" in namespace " + request.ns);
    co_return row;
}

Deadline at_once() {
    return Deadline::after(std::chrono::milliseconds(0));
}

Result<Deadline> deadline_of(const Request& request) {
    const auto text = request.query("wait");
    if (!text) return at_once();
    auto ms = base::parse_duration_ms(*text);
    if (!ms) return wrong("the query parameter wait: " + ms.error().message);
    return Deadline::after(std::chrono::milliseconds(std::min(*ms, kLongestWaitMs)));
}

/// {"workflowRef": …, "input": …}, or the same as the spec of a WorkflowRun.
Result<catalog::RunStart> start_of(const Request& request, const std::string& text) {
    boost::system::error_code ec;
    json::parse_options options;
    options.max_depth = 128;
    const auto value = json::parse(text, ec, {}, options);
    if (ec || !value.is_object()) return wrong("the body must be a JSON object");
    const auto* body = &value.get_object();
    if (const auto* spec = body->if_contains("spec")) {
        const auto* kind = body->if_contains("kind");
        if (!kind || !kind->is_string() || kind->get_string() != "WorkflowRun")
            return wrong("kind must be WorkflowRun");
        if (!spec->is_object()) return wrong("spec must be a map");
        body = &spec->get_object();
    }
    catalog::RunStart start;
    start.ns = request.ns;
    start.origin = "API";
    for (const auto& member : *body) {
        const auto key = std::string_view(member.key());
        if (key == "workflowRef" && member.value().is_string()) {
            start.workflow = std::string(member.value().get_string());
        } else if (key == "input") {
            start.input = json::serialize(member.value());
        } else if (key != "workflowGeneration") {
            return wrong("\"" + std::string(key) +
                         "\" is not known here or not usable; there are workflowRef and input");
        }
    }
    if (start.workflow.empty()) return wrong("workflowRef is missing: the workflow's name");
    start.idempotency_key = request.header("Idempotency-Key").value_or("");
    return start;
}

Result<catalog::RunQuery> query_of(const Request& request) {
    catalog::RunQuery query;
    query.ns = request.ns;
    query.workflow = request.query("workflow").value_or("");
    if (const auto phase = request.query("phase")) {
        query.phase = catalog::run_phase_of(*phase);
        if (!query.phase)
            return wrong(
                "the query parameter phase must be Running, Succeeded, Failed, Cancelled "
                "or TimedOut");
    }
    read_page(request, query);
    return query;
}

Task<Reply> described(Context& context, const Request& request, int status, bool io) {
    auto detail = co_await context.ports.runs->describe(request.name, io);
    if (!detail) co_return problem(request.id, detail.error());
    co_return json_reply(status, whole_json(*detail));
}

}  // namespace

Task<Reply> handle_list_runs(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    auto query = query_of(request);
    if (!query) co_return problem(request.id, query.error());
    const auto limit = query->limit;
    auto page = co_await context.ports.runs->list(std::move(*query));
    if (!page) co_return problem(request.id, page.error());
    json::array items;
    for (const auto& row : *page) items.push_back(run_json(row));
    json::object body, metadata;
    metadata["continue"] = page->size() < limit ? "" : std::to_string(page->back().seq);
    body["kind"] = "WorkflowRunList";
    body["metadata"] = std::move(metadata);
    body["items"] = std::move(items);
    co_return json_reply(200, body);
}

Task<Reply> handle_create_run(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    const auto deadline = deadline_of(request);
    if (!deadline) co_return problem(request.id, deadline.error());
    auto text = co_await request.exchange.read_body_all(kLargestBody);
    if (!text) co_return problem(request.id, text.error());
    auto start = start_of(request, *text);
    if (!start) co_return problem(request.id, start.error());
    auto accepted = co_await context.ports.runs->start_run(std::move(*start));
    if (!accepted) co_return problem(request.id, accepted.error());
    request.name = accepted->row.id;
    request.audit_object = "WorkflowRun " + request.ns + "/" + request.name;
    if (!deadline->passed()) {
        auto row = co_await named_run(context, request, *deadline);
        if (!row) co_return problem(request.id, row.error());
    }
    co_return co_await described(context, request, accepted->existing ? 200 : 201, false);
}

Task<Reply> handle_get_run(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    const auto deadline = deadline_of(request);
    if (!deadline) co_return problem(request.id, deadline.error());
    auto row = co_await named_run(context, request, *deadline);
    if (!row) co_return problem(request.id, row.error());
    co_return co_await described(context, request, 200, request.flag("io"));
}

Task<Reply> handle_cancel_run(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    auto row = co_await named_run(context, request, at_once());
    if (!row) co_return problem(request.id, row.error());
    request.audit_object = "WorkflowRun " + request.ns + "/" + request.name;
    auto done = co_await context.ports.runs->cancel(request.name);
    if (done.has_error()) co_return problem(request.id, done.error());
    co_return co_await described(context, request, 200, false);
}

Task<Reply> handle_redrive_run(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    auto row = co_await named_run(context, request, at_once());
    if (!row) co_return problem(request.id, row.error());
    request.audit_object = "WorkflowRun " + request.ns + "/" + request.name;
    auto done = co_await context.ports.runs->redrive(request.name);
    if (done.has_error()) co_return problem(request.id, done.error());
    co_return co_await described(context, request, 202, false);
}

Task<Reply> handle_delete_run(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    auto row = co_await named_run(context, request, at_once());
    if (!row) co_return problem(request.id, row.error());
    request.audit_object = "WorkflowRun " + request.ns + "/" + request.name;
    auto done = co_await context.ports.runs->remove(request.name);
    if (done.has_error()) co_return problem(request.id, done.error());
    json::object body;
    body["removed"] = 1;
    co_return json_reply(200, body);
}

/// {"output": …}, or {"errorType": …, "cause": …} for a step that failed.
Task<Reply> handle_call_back(Context& context, Request& request) {
    if (context.ports.runs == nullptr) co_return problem(request.id, no_runs());
    auto text = co_await request.exchange.read_body_all(kLargestBody);
    if (!text) co_return problem(request.id, text.error());
    const auto body = text->empty() ? json::value(json::object()) : value_of(*text);
    if (!body.is_object()) co_return problem(request.id, wrong("the body must be a JSON object"));
    catalog::RunCallback callback;
    for (const auto& member : body.get_object()) {
        const auto key = std::string_view(member.key());
        if (key == "output") {
            callback.output = json::serialize(member.value());
        } else if (key == "errorType" && member.value().is_string()) {
            callback.error_type = std::string(member.value().get_string());
        } else if (key == "cause" && member.value().is_string()) {
            callback.cause = std::string(member.value().get_string());
        } else {
            co_return problem(request.id,
                              wrong("\"" + std::string(key) +
                                    "\" is not known here or not usable; there are output, "
                                    "errorType and cause"));
        }
    }
    auto row = co_await named_run(context, request, at_once());
    if (!row) co_return problem(request.id, row.error());
    request.audit_object = "WorkflowRun " + request.ns + "/" + request.name;
    auto done =
        co_await context.ports.runs->call_back(request.name, request.rest, std::move(callback));
    if (done.has_error()) co_return problem(request.id, done.error());
    co_return co_await described(context, request, 200, false);
}

}  // namespace hearth::api
