#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kWorkflow[] = {
    {"spec", object, true, "", "", "What is called in which order."},
    {"spec.steps", string_list, false, "", "dns1123",
     "The short form: functions that are called one after another, each with the answer of the one "
     "before. Instead of startAt and states."},
    {"spec.startAt", string, false, "", "statename", "The first state."},
    {"spec.states", object, false, "", "mapof;keys:statename;tree:workflowstate",
     "The states by name; at most 100."},
    {"spec.defaultRetry", object, false, "", "tree:workflowretry",
     "How tasks are tried again that do not say so themselves."},
    {"spec.timeout", duration, false, "24h", "positive",
     "How long a run may take; then it ends as TimedOut."},
    {"spec.historyRetention", object, false, "", "", "How long finished runs are kept."},
    {"spec.historyRetention.maxCount", integer, false, "", "range:0..1000000",
     "Finished runs of this workflow that are kept; the oldest go first."},
    {"spec.historyRetention.maxAge", duration, false, "", "positive",
     "How long after its end a run is kept. Never longer than `workflows.keepFinished`."},
};

constexpr FieldRow kRetry[] = {
    {"maxAttempts", integer, false, "1", "range:1..10", "Attempts in all."},
    {"backoffBase", duration, false, "1s", "positive",
     "Pause before the second attempt; doubles with each one."},
    {"backoffCap", duration, false, "60s", "positive", "Longest pause between two attempts."},
    {"jitter", boolean, false, "false", "noeffect", "Pauses are exact here."},
};

constexpr FieldRow kCatch[] = {
    {"errorType", string, true, "", "nonempty;maxlen:256",
     "Which failure: the `errorType` that a function answered, or `Fission.PermanentError` (4xx), "
     "`Fission.FunctionError` (any other failure of a call), `Fission.Timeout`, "
     "`Fission.BranchFailed`, `Fission.InvalidPath`, or `Fission.All`."},
    {"next", string, true, "", "statename", "The state that goes on."},
    {"resultPath", string, false, "", "jsonpath",
     "Where {errorType, cause} is put into the document; absent: it takes the document's place."},
};

constexpr FieldRow kCondition[] = {
    {"variable", string, false, "", "jsonpath", "What is looked at."},
    {"stringEquals", string, false, "", "", "It is this text."},
    {"numericEquals", any, false, "", "decimal", "It is this number."},
    {"numericGreaterThan", any, false, "", "decimal", "It is a greater number."},
    {"numericLessThan", any, false, "", "decimal", "It is a smaller number."},
    {"booleanEquals", boolean, false, "", "", "It is this boolean."},
    {"isPresent", boolean, false, "", "", "Whether it is there."},
    {"isNull", boolean, false, "", "", "Whether it is there and null."},
};

constexpr FieldRow kChoice[] = {
    {"variable", string, false, "", "jsonpath", "What is looked at."},
    {"stringEquals", string, false, "", "", "It is this text."},
    {"numericEquals", any, false, "", "decimal", "It is this number."},
    {"numericGreaterThan", any, false, "", "decimal", "It is a greater number."},
    {"numericLessThan", any, false, "", "decimal", "It is a smaller number."},
    {"booleanEquals", boolean, false, "", "", "It is this boolean."},
    {"isPresent", boolean, false, "", "", "Whether it is there."},
    {"isNull", boolean, false, "", "", "Whether it is there and null."},
    {"and", list, false, "", "tree:workflowcondition", "All of these hold."},
    {"or", list, false, "", "tree:workflowcondition", "One of these holds."},
    {"not", object, false, "", "tree:workflowcondition", "This does not hold."},
    {"next", string, true, "", "statename", "The state that goes on when the rule holds."},
};

constexpr FieldRow kBranch[] = {
    {"startAt", string, true, "", "statename", "The first state."},
    {"states", object, true, "", "mapof;keys:statename;tree:workflowstate",
     "The states by name; at most 100."},
};

constexpr FieldRow kState[] = {
    {"type", string, true, "", "enum:Task,Choice,Parallel,Map,Wait,Succeed,Fail",
     "What the state does."},
    {"comment", string, false, "", "maxlen:4096", "For people."},
    {"function", object, false, "", "", "Task: what is called with the input as JSON."},
    {"function.type", string, false, "name", "enum:,name,workflow",
     "`name`: a Function. `workflow`: a Workflow, of which a run is the step."},
    {"function.name", string, true, "", "dns1123", "Name of the Function or Workflow."},
    {"callback", boolean, false, "false", "",
     "Task: the step ends when its token comes back to the API, not with the function's answer. "
     "The function finds it in `X-Hearth-Workflow-Token`; without a function the token alone is "
     "waited for."},
    {"timeout", duration, false, "", "positive",
     "Task: of one attempt (a function's own limit, at most 5m), of a callback or of a "
     "sub-workflow (the run's)."},
    {"retry", object, false, "", "tree:workflowretry",
     "Task: how it is tried again; 4xx answers but 408, 425 and 429 are final."},
    {"catch", list, false, "", "tree:workflowcatch",
     "Task, Parallel and Map: where a failure leads; the first that fits."},
    {"choices", list, false, "", "tree:workflowchoice",
     "Choice: the rules in order; the first that holds."},
    {"default", string, false, "", "statename",
     "Choice: the state when no rule holds; without it the run fails with "
     "`Fission.NoChoiceMatched`."},
    {"branches", list, false, "", "tree:workflowbranch",
     "Parallel: machines that run side by side, at most 10; the result is the list of their "
     "results. Map: the only one runs for each item. They may hold Parallel and Map again."},
    {"itemsPath", string, false, "$", "jsonpath", "Map: the list, at most 10000 items."},
    {"maxConcurrency", integer, false, "10", "range:0..1000;zero-ok",
     "Parallel and Map: branches that run at once."},
    {"duration", duration, false, "", "positive", "Wait: how long; at most 8760h."},
    {"errorType", string, false, "Failed", "maxlen:256", "Fail: kind of failure."},
    {"cause", string, false, "", "maxlen:1024", "Fail: why, for people."},
    {"inputPath", string, false, "$", "jsonpath",
     "Part of the document that the state works on; null where there is none."},
    {"resultPath", string, false, "", "jsonpath",
     "Where the result is put into the document; absent or `$`: it takes the document's place."},
    {"outputPath", string, false, "$", "jsonpath", "Part of the document that goes on."},
    {"next", string, false, "", "statename", "The next state."},
    {"end", boolean, false, "false", "", "The machine ends here."},
};

}  // namespace

std::span<const FieldRow> workflow_fields() {
    return kWorkflow;
}

std::span<const PodPart> workflow_parts() {
    static constexpr PodPart kParts[] = {
        {"workflowstate", kState},   {"workflowbranch", kBranch}, {"workflowretry", kRetry},
        {"workflowchoice", kChoice}, {"workflowcatch", kCatch},   {"workflowcondition", kCondition},
    };
    return kParts;
}

}  // namespace hearth::model
