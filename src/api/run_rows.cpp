#include "api/run_rows.hpp"

namespace hearth::api {
namespace {

Operation row(Op op, std::string id, std::string method, std::string path, Role role,
              std::string summary) {
    Operation made;
    made.op = op;
    made.id = std::move(id);
    made.method = std::move(method);
    made.path = std::move(path);
    made.role = role;
    made.summary = std::move(summary);
    made.response = "WorkflowRun";
    return made;
}

}  // namespace

void add_run_rows(std::vector<Operation>& rows) {
    const std::string all = "/api/v1/namespaces/{ns}/workflowruns", one = all + "/{name}";
    const Parameter wait{"wait", "query", "string",
                         "Answer when the run has ended, or after this time (60s at most).", "30s"};
    auto list = row(Op::list_runs, "listWorkflowRuns", "GET", all, Role::view,
                    "Runs of workflows, newest first, without steps.");
    list.parameters = {
        {"workflow", "query", "string", "Only runs of this workflow.", "order"},
        {"phase", "query", "string",
         "Only runs in this phase: Running, Succeeded, Failed, Cancelled, TimedOut.", "Failed"},
        {"limit", "query", "integer", "Most items of one page, 1 to 500.", "100"},
        {"continue", "query", "string", "metadata.continue of the page before.", ""}};
    list.response = "WorkflowRunList";
    list.errors = {400};
    rows.push_back(list);
    auto create = row(Op::create_run, "createWorkflowRun", "POST", all, Role::call,
                      "Starts a run: {workflowRef, input}, or a WorkflowRun with that spec.");
    create.parameters = {wait,
                         {"Idempotency-Key", "header", "string",
                          "A second request with it answers the run of the first.", ""}};
    create.body = BodyShape::anything;
    create.success = 201;
    create.errors = {400, 404, 413, 429, 507};
    create.mutates = true;
    rows.push_back(create);
    auto get = row(Op::get_run, "getWorkflowRun", "GET", one, Role::view,
                   "One run with its steps and their attempts.");
    get.parameters = {wait,
                      {"io", "query", "boolean", "With input and output of each step.", "true"}};
    get.errors = {400, 404};
    rows.push_back(get);
    auto cancel = row(Op::cancel_run, "cancelWorkflowRun", "POST", one + "/cancel", Role::deploy,
                      "Ends a run; calls under way are not interrupted, their answers dropped.");
    cancel.errors = {400, 404, 409};
    cancel.mutates = true;
    rows.push_back(cancel);
    auto redrive =
        row(Op::redrive_run, "redriveWorkflowRun", "POST", one + "/redrive", Role::deploy,
            "A run that failed, was cancelled or ran out of time goes on where it ended.");
    redrive.success = 202;
    redrive.errors = {400, 404, 409};
    redrive.mutates = true;
    rows.push_back(redrive);
    auto remove = row(Op::delete_run, "deleteWorkflowRun", "DELETE", one, Role::deploy,
                      "Removes a run that has ended.");
    remove.response = "Removed";
    remove.errors = {400, 404, 409};
    remove.mutates = true;
    rows.push_back(remove);
    auto back =
        row(Op::call_back, "callBackWorkflowRun", "POST", one + "/callbacks/{rest}", Role::call,
            "Ends the step that waits for this token: {output}, or {errorType, cause}.");
    back.body = BodyShape::anything;
    back.errors = {400, 404, 413};
    back.mutates = true;
    rows.push_back(back);
}

}  // namespace hearth::api
