#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "hearth/base/result.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::model {

/// When a function is called without anyone asking.
struct TimeTriggerSpec {
    enum class Concurrency { allow, forbid, replace };
    enum class Missed { skip, run_once };
    std::string cron, time_zone;       ///< what Schedule::parse takes
    std::string function;              ///< functionref.name
    bool workflow = false;             ///< functionref.type workflow: `function` names a Workflow
    std::string method = "POST", target = "/";
    std::string body, content_type;
    Concurrency concurrency = Concurrency::allow;
    Missed missed = Missed::skip;
    /// How late a slot may begin; nothing: however late.
    std::optional<std::chrono::seconds> starting_deadline;
    bool suspend = false;
    bool operator==(const TimeTriggerSpec&) const = default;
};

/// Which changes of which objects in a cluster call a function.
struct KubernetesWatchTriggerSpec {
    std::string api_version, kind;     ///< "apps/v1", "Deployment"
    std::string ns;                    ///< Kubernetes namespace; empty with all_namespaces
    bool all_namespaces = false;       ///< needed for kinds that have no namespace as well
    std::string label_selector, field_selector;   ///< as the API server takes them
    bool added = true, modified = true, deleted = true;
    bool skip_existing = false;        ///< what is there when the trigger is new is not told as added
    int max_retries = 10;
    std::string function;              ///< functionref.name
    bool workflow = false;             ///< functionref.type workflow: `function` names a Workflow
    bool operator==(const KubernetesWatchTriggerSpec&) const = default;
};

/// Typed forms of a resource that check() accepted. Errors: internal when it was not (a bug or a foreign database).
Result<TimeTriggerSpec> decode_time_trigger(const Resource& resource);
Result<KubernetesWatchTriggerSpec> decode_kubernetes_watch_trigger(const Resource& resource);

}  // namespace hearth::model
