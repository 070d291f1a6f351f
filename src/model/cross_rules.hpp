#pragma once

#include <boost/json/object.hpp>

#include "hearth/model/resource.hpp"
#include "model/walker.hpp"

namespace hearth::model {

/// Rules over several fields of one object. They run after the walk whatever it found, so they take
/// nothing for granted.
void check_environment_rules(const Resource& resource, Findings& findings, Target target);
void check_package_rules(const Resource& resource, Findings& findings, Target target);
void check_function_rules(const Resource& resource, Findings& findings, Target target);
/// Those of a function's strategy and pods.
void check_strategy_rules(const Resource& resource, Findings& findings, Target target);
void check_environment_pod(const Resource& resource, Findings& findings, Target target);
void check_http_trigger_rules(const Resource& resource, Findings& findings);
void check_message_queue_trigger_rules(const Resource& resource, Findings& findings);
void check_time_trigger_rules(const Resource& resource, Findings& findings);
void check_kubernetes_watch_trigger_rules(const Resource& resource, Findings& findings);
void check_workflow_rules(const Resource& resource, Findings& findings);
/// What spec.functionref may say, in every kind of trigger.
void check_function_reference(const Resource& resource, Findings& findings);
/// Folds stringData and binaryData away as well.
void check_data_rules(Resource& resource, Findings& findings);

}  // namespace hearth::model
