#include "hearth/model/kinds.hpp"

#include <algorithm>
#include <array>

#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using Tables = std::array<KindTable, std::size(kAllKinds)>;

const Tables& tables() {
    static const Tables all = {{
        {Kind::environment, "Environment", "environments", "environment", "env",
         "A language runtime that can load code.", environment_fields()},
        {Kind::package, "Package", "packages", "package", "pkg",
         "An immutable archive of code for one environment.", package_fields()},
        {Kind::function, "Function", "functions", "function", "fn", "Code, environment and policy.",
         function_fields()},
        {Kind::http_trigger, "HTTPTrigger", "httptriggers", "httptrigger", "route",
         "A route: which requests call which function.", http_trigger_fields()},
        {Kind::secret, "Secret", "secrets", "secret", "sec",
         "Values that are never shown, for functions' files, variables and route keys.",
         secret_fields()},
        {Kind::config_map, "ConfigMap", "configmaps", "configmap", "cm",
         "Values for functions' files and variables.", config_map_fields()},
        {Kind::api_token, "ApiToken", "apitokens", "apitoken", "token",
         "A credential for the REST API.", api_token_fields()},
        {Kind::message_queue_trigger, "MessageQueueTrigger", "messagequeuetriggers",
         "messagequeuetrigger", "mqt", "Which messages of a queue call which function.",
         message_queue_trigger_fields()},
        {Kind::time_trigger, "TimeTrigger", "timetriggers", "timetrigger", "timer",
         "A schedule on which a function is called.", time_trigger_fields()},
        {Kind::kubernetes_watch_trigger, "KubernetesWatchTrigger", "kuberneteswatchtriggers",
         "kuberneteswatchtrigger", "kubewatch",
         "Changes of objects in a Kubernetes cluster that call a function.",
         kubernetes_watch_trigger_fields()},
        {Kind::workflow, "Workflow", "workflows", "workflow", "wf",
         "Functions that are called one after another or side by side, durably.",
         workflow_fields()},
    }};
    return all;
}

bool same_word(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const KindTable& table(Kind kind) {
    return tables()[static_cast<std::size_t>(kind)];
}

std::optional<Kind> find_kind(std::string_view word) {
    for (const KindTable& row : tables()) {
        if (same_word(word, row.name) || same_word(word, row.plural) ||
            same_word(word, row.singular) || same_word(word, row.short_name)) {
            return row.kind;
        }
    }
    // The other names Fission's own commands have for these.
    if (same_word(word, "ht") || same_word(word, "routes")) return Kind::http_trigger;
    if (same_word(word, "fns")) return Kind::function;
    if (same_word(word, "envs")) return Kind::environment;
    if (same_word(word, "pkgs")) return Kind::package;
    if (same_word(word, "tt") || same_word(word, "timers")) return Kind::time_trigger;
    if (same_word(word, "watches")) return Kind::kubernetes_watch_trigger;
    if (same_word(word, "tokens")) return Kind::api_token;
    if (same_word(word, "mqts") || same_word(word, "mqtrigger")) return Kind::message_queue_trigger;
    return std::nullopt;
}

}  // namespace hearth::model
