#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kTimeTrigger[] = {
    {"spec", object, true, "", "", "When which function is called."},
    {"spec.cron", string, true, "", "nonempty;maxlen:1024",
     "Minute, hour, day of month, month and day of week, with seconds in front or not; `@hourly` "
     "and its like; `@every 90s`. `CRON_TZ=Europe/Berlin` may stand before it."},
    {"spec.timeZone", string, false, "UTC", "maxlen:256",
     "Time zone of the schedule, such as `Europe/Berlin`."},
    {"spec.functionref", object, true, "", "", "The function that is called."},
    {"spec.functionref.type", string, false, "name", "enum:,name,workflow,function-weights",
     "`name`, or `workflow`: a run of a Workflow is started; weights come with canary releases and "
     "are refused."},
    {"spec.functionref.name", string, true, "", "dns1123", "Name of the Function or Workflow."},
    {"spec.functionref.alias", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.version", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.functionweights", any, false, "", "", "Refused unless empty."},
    {"spec.method", string, false, "POST", "method", "HTTP method the function sees."},
    {"spec.subpath", string, false, "/", "subpath",
     "Path the function sees, with a query or without."},
    {"spec.body", string, false, "", "maxlen:65536", "Body the function is sent."},
    {"spec.contentType", string, false, "text/plain", "maxlen:256;printable",
     "Content-Type of the body; none without a body."},
    {"spec.concurrencyPolicy", string, false, "Allow", "enum:,Allow,Forbid,Replace",
     "When a call of the timer before still runs: `Allow` calls beside it (up to 32), `Forbid` "
     "leaves the slot out, `Replace` ends the call first."},
    {"spec.missedRunPolicy", string, false, "Skip", "enum:,Skip,RunOnce",
     "For slots that passed while the server did not run or slept: `Skip` leaves them out, "
     "`RunOnce` makes one call for the newest of them."},
    {"spec.startingDeadlineSeconds", integer, false, "", "range:0..31536000",
     "How late a call may begin. Absent: a minute with `Skip`, however late with `RunOnce`."},
    {"spec.suspend", boolean, false, "false", "",
     "No calls; slots that pass meanwhile are not made up for."},
};

constexpr FieldRow kKubernetesWatchTrigger[] = {
    {"spec", object, true, "", "", "Changes of which objects call which function."},
    {"spec.type", string, true, "", "watched-type",
     "Kind of the objects: `POD`, `SERVICE`, `REPLICATIONCONTROLLER`, `JOB`, or any as "
     "group/version/Kind, such as `apps/v1/Deployment` or `v1/ConfigMap`."},
    {"spec.namespace", string, false, "", "dns1123",
     "Kubernetes namespace to watch; the trigger's own when absent. Another one must stand in the "
     "configuration's `kubernetes.watchNamespaces`."},
    {"spec.allNamespaces", boolean, false, "false", "",
     "All namespaces, and kinds that have none; needs `*` in `kubernetes.watchNamespaces`."},
    {"spec.labelselector", string_map, false, "", "keys:label;labelvalue",
     "Labels the objects must have."},
    {"spec.labelExpression", string, false, "", "maxlen:4096",
     "More about labels in Kubernetes' own form, such as `tier in (web, api)`."},
    {"spec.fieldselector", string, false, "", "maxlen:4096",
     "Fields the objects must have in Kubernetes' own form, such as `status.phase=Failed`."},
    {"spec.events", string_list, false, "", "enum:ADDED,MODIFIED,DELETED",
     "Which changes call the function; all when empty."},
    {"spec.skipExisting", boolean, false, "false", "",
     "Objects that are there before the trigger are not told as ADDED."},
    {"spec.maxRetries", integer, false, "10", "range:0..100",
     "Repetitions of a call that failed before its event is given up."},
    {"spec.functionref", object, true, "", "", "The function that is called."},
    {"spec.functionref.type", string, false, "name", "enum:,name,workflow,function-weights",
     "`name`, or `workflow`: a run of a Workflow is started; weights come with canary releases and "
     "are refused."},
    {"spec.functionref.name", string, true, "", "dns1123", "Name of the Function or Workflow."},
    {"spec.functionref.alias", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.version", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.functionweights", any, false, "", "", "Refused unless empty."},
};

}  // namespace

std::span<const FieldRow> time_trigger_fields() {
    return kTimeTrigger;
}

std::span<const FieldRow> kubernetes_watch_trigger_fields() {
    return kKubernetesWatchTrigger;
}

}  // namespace hearth::model
