#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kToleration[] = {
    {"key", string, false, "", "labelkey", "Key of the taint; all without one."},
    {"operator", string, false, "Equal", "enum:,Exists,Equal", "How the taint is compared."},
    {"value", string, false, "", "labelvalue", "Value of the taint."},
    {"effect", string, false, "", "enum:,NoSchedule,PreferNoSchedule,NoExecute", "Its effect."},
    {"tolerationSeconds", integer, false, "", "range:0..31536000", "Seconds it is borne."},
};

constexpr FieldRow kExpression[] = {
    {"key", string, true, "", "label", "Key of a label."},
    {"operator", string, true, "", "enum:In,NotIn,Exists,DoesNotExist,Gt,Lt",
     "How it is compared."},
    {"values", string_list, false, "", "labelvalue", "With what."},
};

constexpr FieldRow kSelector[] = {
    {"matchLabels", string_map, false, "", "keys:label;labelvalue", "Labels and their values."},
    {"matchExpressions", list, false, "", "tree:expression", "Conditions on labels."},
};

constexpr FieldRow kNodeTerm[] = {
    {"matchExpressions", list, false, "", "tree:expression", "Conditions on the node's labels."},
    {"matchFields", list, false, "", "tree:expression", "Conditions on the node's fields."},
};

constexpr FieldRow kPodTerm[] = {
    {"labelSelector", object, false, "", "tree:selector", "Which pods."},
    {"topologyKey", string, true, "", "label", "Label of nodes that count as one place."},
    {"namespaces", string_list, false, "", "dns1123", "Namespaces of those pods."},
    {"namespaceSelector", object, false, "", "tree:selector", "The same by label."},
};

constexpr FieldRow kPodAffinity[] = {
    {"requiredDuringSchedulingIgnoredDuringExecution", list, false, "", "tree:podterm",
     "What must hold."},
    {"preferredDuringSchedulingIgnoredDuringExecution", list, false, "", "", "What should hold."},
    {"preferredDuringSchedulingIgnoredDuringExecution[].weight", integer, true, "", "range:1..100",
     "How much."},
    {"preferredDuringSchedulingIgnoredDuringExecution[].podAffinityTerm", object, true, "",
     "tree:podterm", "What."},
};

constexpr FieldRow kAffinity[] = {
    {"nodeAffinity", object, false, "", "", "Towards nodes."},
    {"nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution", object, false, "", "",
     "What must hold."},
    {"nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms", list, true,
     "", "tree:nodeterm;nonempty", "One of these."},
    {"nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution", list, false, "", "",
     "What should hold."},
    {"nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].weight", integer, true, "",
     "range:1..100", "How much."},
    {"nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference", object, true, "",
     "tree:nodeterm", "What."},
    {"podAffinity", object, false, "", "tree:podaffinity", "Towards other pods."},
    {"podAntiAffinity", object, false, "", "tree:podaffinity", "Away from other pods."},
};

constexpr FieldRow kSpread[] = {
    {"maxSkew", integer, true, "", "range:1..1000", "Most difference between two places."},
    {"topologyKey", string, true, "", "label", "Label of nodes that count as one place."},
    {"whenUnsatisfiable", string, true, "", "enum:DoNotSchedule,ScheduleAnyway",
     "What happens when it cannot be kept."},
    {"labelSelector", object, false, "", "tree:selector", "Which pods count."},
};

constexpr FieldRow kHpaTarget[] = {
    {"type", string, true, "", "enum:Utilization,Value,AverageValue", "What is compared."},
    {"averageUtilization", integer, false, "", "range:1..10000", "Percent of the requests."},
    {"averageValue", any, false, "", "quantity", "For each replica."},
    {"value", any, false, "", "quantity", "In all."},
};

constexpr FieldRow kHpaMetricName[] = {
    {"name", string, true, "", "nonempty", "Name of the metric."},
    {"selector", object, false, "", "tree:selector", "Labels of the metric."},
};

constexpr FieldRow kHpaMetric[] = {
    {"type", string, true, "", "enum:Resource,ContainerResource,Pods,Object,External",
     "Which of the members below is given."},
    {"resource", object, false, "", "", "CPU or memory of the replicas."},
    {"resource.name", string, true, "", "nonempty", "`cpu` or `memory`."},
    {"resource.target", object, true, "", "tree:hpatarget", "What is aimed at."},
    {"containerResource", object, false, "", "", "The same of one container."},
    {"containerResource.name", string, true, "", "nonempty", "`cpu` or `memory`."},
    {"containerResource.container", string, true, "", "dns1123", "The container."},
    {"containerResource.target", object, true, "", "tree:hpatarget", "What is aimed at."},
    {"pods", object, false, "", "", "A metric of each replica."},
    {"pods.metric", object, true, "", "tree:hpametricname", "Which."},
    {"pods.target", object, true, "", "tree:hpatarget", "What is aimed at."},
    {"object", object, false, "", "", "A metric of another object."},
    {"object.describedObject", object, true, "", "", "The object, in the pods' namespace."},
    {"object.describedObject.apiVersion", string, false, "", "", "Its API."},
    {"object.describedObject.kind", string, true, "", "nonempty", "Its kind."},
    {"object.describedObject.name", string, true, "", "nonempty", "Its name."},
    {"object.metric", object, true, "", "tree:hpametricname", "Which."},
    {"object.target", object, true, "", "tree:hpatarget", "What is aimed at."},
    {"external", object, false, "", "", "A metric of something outside."},
    {"external.metric", object, true, "", "tree:hpametricname", "Which."},
    {"external.target", object, true, "", "tree:hpatarget", "What is aimed at."},
};

constexpr FieldRow kHpaRules[] = {
    {"stabilizationWindowSeconds", integer, false, "", "range:0..3600",
     "Seconds of past advice that count."},
    {"selectPolicy", string, false, "Max", "enum:,Max,Min,Disabled", "Which policy decides."},
    {"policies", list, false, "", "", "How fast it may go."},
    {"policies[].type", string, true, "", "enum:Pods,Percent", "What `value` counts."},
    {"policies[].value", integer, true, "", "range:1..100000", "How many in one period."},
    {"policies[].periodSeconds", integer, true, "", "range:1..1800", "The period."},
};

}  // namespace

std::span<const PodPart> scheduling_parts() {
    static constexpr PodPart kParts[] = {
        {"toleration", kToleration}, {"expression", kExpression},
        {"selector", kSelector},     {"nodeterm", kNodeTerm},
        {"podterm", kPodTerm},       {"podaffinity", kPodAffinity},
        {"affinity", kAffinity},     {"spread", kSpread},
        {"hpatarget", kHpaTarget},   {"hpametricname", kHpaMetricName},
        {"hpametric", kHpaMetric},   {"hparules", kHpaRules},
    };
    return kParts;
}

}  // namespace hearth::model
