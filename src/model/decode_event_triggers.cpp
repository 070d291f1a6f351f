#include <boost/json.hpp>

#include <algorithm>

#include "hearth/model/schedule.hpp"
#include "hearth/model/trigger_specs.hpp"
#include "model/cross_rules.hpp"
#include "model/spec_view.hpp"
#include "model/watched_type.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

/// With Skip: a restart or the change of a leader is no reason to leave a slot out.
constexpr std::chrono::seconds kSkipTolerance{60};

Error broken(const Resource& resource, std::string_view kind, std::string_view what) {
    return Error(Errc::internal,
                 std::string(kind) + " " + qualified(resource.metadata) + ": " + std::string(what));
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    return out;
}

void decode_policies(const json::object& spec, TimeTriggerSpec& out) {
    using Concurrency = TimeTriggerSpec::Concurrency;
    const auto policy = text_at(spec, "concurrencyPolicy");
    out.concurrency = policy == "Forbid"    ? Concurrency::forbid
                      : policy == "Replace" ? Concurrency::replace
                                            : Concurrency::allow;
    const bool once = text_at(spec, "missedRunPolicy") == "RunOnce";
    out.missed = once ? TimeTriggerSpec::Missed::run_once : TimeTriggerSpec::Missed::skip;
    const auto* deadline = value_at(spec, "startingDeadlineSeconds");
    if (deadline && deadline->is_int64())
        out.starting_deadline = std::chrono::seconds(deadline->get_int64());
    else if (!once)
        out.starting_deadline = kSkipTolerance;
}

std::string label_selector(const json::object& spec) {
    std::string selector(text_at(spec, "labelExpression"));
    for (const auto& [key, value] : texts_at(spec, "labelselector")) {
        if (!selector.empty()) selector += ',';
        selector += key + "=" + value;
    }
    return selector;
}

}  // namespace

Result<TimeTriggerSpec> decode_time_trigger(const Resource& resource) {
    const json::object& spec = resource.spec;
    TimeTriggerSpec out;
    out.cron = text_at(spec, "cron");
    out.time_zone = text_at(spec, "timeZone");
    out.function = text_at(spec, "functionref.name");
    out.workflow = text_at(spec, "functionref.type") == "workflow";
    if (out.cron.empty() || out.function.empty())
        return broken(resource, "TimeTrigger", "spec.cron or spec.functionref.name is missing");
    if (const auto method = upper(text_at(spec, "method")); !method.empty()) out.method = method;
    const auto path = text_at(spec, "subpath");
    out.target = path.starts_with('/') ? std::string(path) : "/" + std::string(path);
    out.body = text_at(spec, "body");
    out.content_type = text_at(spec, "contentType");
    if (out.body.empty())
        out.content_type.clear();
    else if (out.content_type.empty())
        out.content_type = "text/plain";
    decode_policies(spec, out);
    out.suspend = bool_at(spec, "suspend");
    return out;
}

Result<KubernetesWatchTriggerSpec> decode_kubernetes_watch_trigger(const Resource& resource) {
    const json::object& spec = resource.spec;
    KubernetesWatchTriggerSpec out;
    const auto type = parse_watched_type(text_at(spec, "type"));
    if (!type) return broken(resource, "KubernetesWatchTrigger", "spec.type is missing or wrong");
    out.api_version = type->api_version;
    out.kind = type->kind;
    out.function = text_at(spec, "functionref.name");
    out.workflow = text_at(spec, "functionref.type") == "workflow";
    if (out.function.empty())
        return broken(resource, "KubernetesWatchTrigger", "spec.functionref.name is missing");
    out.all_namespaces = bool_at(spec, "allNamespaces");
    if (!out.all_namespaces) out.ns = text_at(spec, "namespace");
    out.label_selector = label_selector(spec);
    out.field_selector = text_at(spec, "fieldselector");
    const auto events = strings_at(spec, "events");
    const auto wanted = [&](std::string_view event) {
        return events.empty() || std::find(events.begin(), events.end(), event) != events.end();
    };
    out.added = wanted("ADDED");
    out.modified = wanted("MODIFIED");
    out.deleted = wanted("DELETED");
    out.skip_existing = bool_at(spec, "skipExisting");
    out.max_retries = static_cast<int>(integer_at(spec, "maxRetries", out.max_retries));
    return out;
}

void check_time_trigger_rules(const Resource& resource, Findings& findings) {
    check_function_reference(resource, findings);
    const auto cron = text_at(resource.spec, "cron"), zone = text_at(resource.spec, "timeZone");
    if (cron.empty()) return;
    if (const auto known = Schedule::parse("@hourly", zone); !known) {
        findings.fault("spec.timeZone", known.error().message);
        return;
    }
    if (const auto schedule = Schedule::parse(cron, zone); !schedule)
        findings.fault("spec.cron", schedule.error().message);
}

void check_kubernetes_watch_trigger_rules(const Resource& resource, Findings& findings) {
    check_function_reference(resource, findings);
    if (bool_at(resource.spec, "allNamespaces") && !text_at(resource.spec, "namespace").empty())
        findings.fault("spec.namespace",
                       "goes not together with allNamespaces; remove one of them");
}

}  // namespace hearth::model
