#include <boost/json.hpp>

#include <array>

#include "model/cross_rules.hpp"
#include "model/path.hpp"
#include "model/pod_merge.hpp"
#include "model/pod_rules.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

constexpr std::string_view kStrategy = "spec.InvokeStrategy.ExecutionStrategy.";

void check_merged(const MergedPod& merged, bool main_needs_image, Findings& findings) {
    check_pod_rules(merged, main_needs_image, [&](const std::string& path, std::string message) {
        findings.fault(path, std::move(message));
    });
}

void check_part(const MergedPod& merged, const Resource& environment, const std::string& part,
                Findings& findings) {
    check_merged(merged, false, findings);
    const auto image = text_at(environment.spec, part + ".image");
    const auto* containers = list_at(merged.pod, "containers");
    const auto* main = containers ? containers->front().if_object() : nullptr;
    const auto given = main ? text_at(*main, "image") : std::string_view();
    if (!given.empty() && given != image)
        findings.fault(join_path(merged.container_paths.front(), "image"),
                       "is another image than spec." + part + ".image; give it there");
}

/// The code's whereabouts: needed by all but those whose image holds it.
void check_code(const Resource& resource, bool container, Findings& findings) {
    struct Part {
        std::string_view object, name;
    };
    static constexpr std::array<Part, 2> kParts = {Part{"environment", "environment.name"},
                                                   Part{"package", "package.packageref.name"}};
    for (const Part& part : kParts) {
        const auto* given = object_at(resource.spec, part.object);
        if (container) {
            if (!text_at(resource.spec, part.name).empty())
                findings.warn("spec." + std::string(part.object),
                              "is not used: with ExecutorType container the image holds the code");
            continue;
        }
        if (value_at(resource.spec, part.name)) continue;
        if (!given) {
            findings.fault("spec." + std::string(part.object), "is missing");
        } else if (part.object == "package" && !object_at(*given, "packageref")) {
            findings.fault("spec.package.packageref", "is missing");
        } else {
            findings.fault("spec." + std::string(part.name), "is missing");
        }
    }
}

void check_container_type(const Resource& resource, Findings& findings, Target target) {
    const std::string path = std::string(kStrategy) + "ExecutorType";
    if (target == Target::process)
        findings.fault(path, "container needs the kubernetes backend; use poolmgr");
    if (target == Target::any)
        findings.warn(path,
                      "container needs the kubernetes backend; the process backend refuses it");
    const auto* containers = list_at(resource.spec, "podspec.containers");
    if (!containers || containers->empty()) {
        // The process backend has said already what there is to say.
        if (target == Target::process) return;
        findings.fault("spec.podspec.containers",
                       "is missing; ExecutorType container runs the image given there");
        return;
    }
    const auto merged = merge_function_pod(resource);
    if (containers->size() > 1 && merged.container_paths.front() == "spec.podspec")
        findings.fault("spec.podspec.containers",
                       "has several containers; name the one that serves " +
                           resource.metadata.name + ", as the function");
    else
        check_merged(merged, true, findings);
}

void check_scale(const Resource& resource, const json::object& strategy, Findings& findings,
                 Target target) {
    const auto min = integer_at(strategy, "MinScale"), max = integer_at(strategy, "MaxScale");
    if (max > 0 && min > max)
        findings.fault(std::string(kStrategy) + "MinScale",
                       "is above MaxScale (" + std::to_string(max) + ")");
    const auto* metrics = list_at(strategy, "hpaMetrics");
    for (std::size_t i = 0; metrics && i < metrics->size(); ++i) {
        const auto* metric = (*metrics)[i].if_object();
        if (!metric) continue;
        std::string type(text_at(*metric, "type"));
        if (type.empty()) continue;
        type.front() = static_cast<char>(type.front() + 32);
        if (metric->contains(type)) continue;
        std::string path = std::string(kStrategy) + "hpaMetrics";
        append_index(path, i);
        findings.fault(join_path(path, type), "is missing; the metric is of that type");
    }
    const bool behavior = strategy.contains("hpaBehavior");
    const bool scaled =
        (metrics && !metrics->empty()) || integer_at(strategy, "TargetCPUPercent") > 0;
    if (behavior && !scaled && target != Target::process)
        findings.warn(std::string(kStrategy) + "hpaBehavior",
                      "has no effect without hpaMetrics or TargetCPUPercent");
    (void)resource;
}

}  // namespace

void check_environment_pod(const Resource& resource, Findings& findings, Target target) {
    check_part(merge_environment_pod(resource), resource, "runtime", findings);
    if (object_at(resource.spec, "builder"))
        check_part(merge_builder_pod(resource), resource, "builder", findings);
    if (target == Target::kubernetes) return;
    const auto* container = object_at(resource.spec, "runtime.container");
    for (auto it = container ? container->begin() : nullptr; container && it != container->end();
         ++it) {
        const std::string_view key = it->key();
        if (key == "name" || key == "image" || key == "env" || is_zero(it->value())) continue;
        findings.warn(join_path("spec.runtime.container", key),
                      target == Target::process
                          ? "has no effect on this server"
                          : "has an effect with the kubernetes backend alone");
    }
}

void check_strategy_rules(const Resource& resource, Findings& findings, Target target) {
    static const json::object kNone;
    const auto* strategy = object_at(resource.spec, "InvokeStrategy.ExecutionStrategy");
    if (!strategy) strategy = &kNone;
    const std::string_view executor = text_at(*strategy, "ExecutorType");
    const bool container = executor == "container";
    check_code(resource, container, findings);
    if (container) {
        check_container_type(resource, findings, target);
    } else {
        const auto merged = merge_function_pod(resource);
        check_merged(merged, false, findings);
        const auto* pod = value_at(resource.spec, "podspec");
        if (target == Target::kubernetes && pod && !is_zero(*pod))
            findings.warn("spec.podspec",
                          "has an effect with ExecutorType container alone; pods of the others are "
                          "shaped by their Environment");
    }
    if (container || executor == "newdeploy") check_scale(resource, *strategy, findings, target);
}

}  // namespace hearth::model
