#include "backend/kube_pod_view.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <array>

#include "backend/kube_names.hpp"
#include "hearth/base/json_view.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using base::integer_at;
using base::list_at;
using base::object_at;
using base::text_at;
using base::texts_at;

ContainerView read_container(const json::object& status) {
    ContainerView view;
    view.known = true;
    view.restarts = static_cast<int>(integer_at(status, "restartCount"));
    view.id = text_at(status, "containerID");
    view.image = text_at(status, "image");
    if (const auto* state = object_at(status, "state")) {
        view.running = object_at(*state, "running") != nullptr;
        if (const auto* waiting = object_at(*state, "waiting")) {
            view.waiting_reason = text_at(*waiting, "reason");
            view.waiting_message = text_at(*waiting, "message");
        }
        if (const auto* ended = object_at(*state, "terminated")) {
            view.terminated = true;
            view.exit_code = static_cast<int>(integer_at(*ended, "exitCode"));
            view.signal = static_cast<int>(integer_at(*ended, "signal"));
            view.end_reason = text_at(*ended, "reason");
            view.end_message = text_at(*ended, "message");
        }
    }
    if (const auto* last = object_at(status, "lastState"))
        if (const auto* ended = object_at(*last, "terminated")) {
            view.last_was_oom = text_at(*ended, "reason") == "OOMKilled";
            view.last_exit_code = static_cast<int>(integer_at(*ended, "exitCode"));
        }
    return view;
}

void add_container(const json::object& status, PodView& pod) {
    const auto name = text_at(status, "name");
    if (name == kube_names::kEnvironmentContainer) pod.environment = read_container(status);
    if (name == kube_names::kRunnerContainer) pod.runner = read_container(status);
    if (name == kube_names::kBuilderContainer) pod.builder = read_container(status);
    if (name == kube_names::kAgentContainer) pod.agent = read_container(status);
}

void read_conditions(const json::object& status, PodView& pod) {
    const auto* conditions = list_at(status, "conditions");
    if (conditions == nullptr) return;
    for (const auto& value : *conditions) {
        const auto* condition = value.if_object();
        if (condition == nullptr) continue;
        const auto type = text_at(*condition, "type");
        const bool holds = text_at(*condition, "status") == "True";
        if (type == "Ready") pod.ready = holds;
        if (type != "PodScheduled") continue;
        pod.scheduled = holds;
        if (!holds) pod.unschedulable = text_at(*condition, "message");
    }
}

Error hopeless(Errc code, std::string message, std::string detail) {
    return Error(code, std::move(message), std::move(detail), "kubernetes");
}

/// Reasons a container waits for that no waiting ends, with what to do.
std::optional<Error> certain_failure(const PodView& pod, std::string_view container,
                                     const ContainerView& view) {
    struct Row {
        std::string_view reason, what, remedy;
    };
    static constexpr std::array<Row, 8> kRows = {{
        {"ImagePullBackOff", "its image cannot be pulled",
         "check the image's name, the registry and the image pull secrets"},
        {"ErrImageNeverPull", "its image is not on the node and the pull policy is Never",
         "import the image into the node or set another pull policy"},
        {"InvalidImageName", "the name of its image is not valid", "correct the image"},
        {"ImageInspectError", "its image cannot be read on the node",
         "remove the image from the node, so that it is pulled again"},
        {"CreateContainerConfigError", "its container cannot be configured",
         "check that the Secrets and ConfigMaps it names exist"},
        {"CreateContainerError", "its container cannot be made",
         "check the command and the volumes of the environment"},
        {"RunContainerError", "its container cannot be run",
         "check the command of the image and that it runs as another user than root"},
        {"CrashLoopBackOff", "it ends as soon as it starts", "look at its output"},
    }};
    for (const auto& row : kRows) {
        if (view.waiting_reason != row.reason) continue;
        return hopeless(Errc::unavailable,
                        fmt::format("the container {} of pod {} does not start: {} ({}{}{}); {}",
                                    container, pod.key(), row.what, row.reason,
                                    view.image.empty() ? "" : ", image ", view.image, row.remedy),
                        view.waiting_message);
    }
    return std::nullopt;
}

void ended(const ContainerView& view, std::string_view container, PodVerdict& verdict) {
    verdict.state = PodVerdict::State::over;
    verdict.code = view.exit_code;
    if (view.end_reason == "OOMKilled") {
        verdict.cause = InstanceExit::Cause::out_of_memory;
        verdict.why = "out of memory";
    } else if (view.signal != 0 || view.exit_code > 128) {
        verdict.cause = InstanceExit::Cause::signalled;
        verdict.code = view.signal != 0 ? view.signal : view.exit_code - 128;
        verdict.why = fmt::format("the container {} ended by signal {}", container, verdict.code);
    } else {
        verdict.why = fmt::format("the container {} ended with code {}", container, verdict.code);
    }
    if (!view.end_reason.empty() && view.end_reason != "Error" && view.end_reason != "Completed" &&
        view.end_reason != "OOMKilled")
        verdict.why += " (" + view.end_reason + ")";
}

}  // namespace

std::string PodView::label(std::string_view key) const {
    const auto it = labels.find(std::string(key));
    return it == labels.end() ? std::string() : it->second;
}

std::string PodView::annotation(std::string_view key) const {
    const auto it = annotations.find(std::string(key));
    return it == annotations.end() ? std::string() : it->second;
}

std::optional<PodView> read_pod(const json::object& object) {
    PodView pod;
    const auto* metadata = object_at(object, "metadata");
    if (metadata == nullptr) return std::nullopt;
    pod.ns = text_at(*metadata, "namespace");
    pod.name = text_at(*metadata, "name");
    pod.uid = text_at(*metadata, "uid");
    if (pod.name.empty() || pod.uid.empty()) return std::nullopt;
    pod.version = text_at(*metadata, "resourceVersion");
    pod.deleting = metadata->contains("deletionTimestamp");
    pod.labels = texts_at(*metadata, "labels");
    pod.annotations = texts_at(*metadata, "annotations");
    if (const auto* spec = object_at(object, "spec")) pod.node = text_at(*spec, "nodeName");
    const auto* status = object_at(object, "status");
    if (status == nullptr) return pod;
    pod.phase = text_at(*status, "phase");
    pod.reason = text_at(*status, "reason");
    pod.message = text_at(*status, "message");
    pod.ip = text_at(*status, "podIP");
    read_conditions(*status, pod);
    for (const auto list : {"containerStatuses", "initContainerStatuses"})
        if (const auto* containers = list_at(*status, list))
            for (const auto& value : *containers)
                if (const auto* container = value.if_object()) add_container(*container, pod);
    return pod;
}

PodVerdict judge(const PodView& pod) {
    PodVerdict verdict;
    // What ended a container says more than that the pod is on its way out.
    if (pod.environment.terminated) {
        ended(pod.environment, kube_names::kEnvironmentContainer, verdict);
    } else if (pod.runner.terminated) {
        ended(pod.runner, kube_names::kRunnerContainer, verdict);
    } else if (pod.builder.terminated) {
        ended(pod.builder, kube_names::kBuilderContainer, verdict);
    } else if (pod.agent.terminated && pod.agent.exit_code != 0) {
        ended(pod.agent, kube_names::kAgentContainer, verdict);
    }
    if (!pod.reason.empty() && (pod.phase == "Failed" || pod.reason == "NodeLost")) {
        verdict.state = PodVerdict::State::over;
        verdict.why = pod.message.empty() ? pod.reason : pod.reason + ": " + pod.message;
        if (verdict.cause != InstanceExit::Cause::out_of_memory)
            verdict.cause = InstanceExit::Cause::stopped;
    } else if (pod.phase == "Failed" || pod.phase == "Succeeded") {
        verdict.state = PodVerdict::State::over;
        if (verdict.why.empty()) verdict.why = "the pod's phase is " + pod.phase;
    } else if (pod.deleting && verdict.state != PodVerdict::State::over) {
        verdict.state = PodVerdict::State::over;
        verdict.cause = InstanceExit::Cause::stopped;
        verdict.why = "the pod is being deleted";
    }
    if (verdict.state == PodVerdict::State::over) return verdict;
    using namespace kube_names;
    for (const auto& [name, view] :
         {std::pair(kEnvironmentContainer, &pod.environment),
          std::pair(kRunnerContainer, &pod.runner), std::pair(kAgentContainer, &pod.agent),
          std::pair(kBuilderContainer, &pod.builder)})
        if (!verdict.hopeless) verdict.hopeless = certain_failure(pod, name, *view);
    const bool listens = pod.runner.running || pod.builder.running;
    if (!pod.ip.empty() && listens) verdict.state = PodVerdict::State::addressed;
    return verdict;
}

bool same_containers(const PodView& before, const PodView& now) {
    const auto same = [](const ContainerView& a, const ContainerView& b) {
        return a.id.empty() || b.id.empty() || a.id == b.id;
    };
    return same(before.environment, now.environment) && same(before.runner, now.runner) &&
           (before.ip.empty() || before.ip == now.ip);
}

std::string waiting_for(const PodView& pod) {
    if (!pod.scheduled && !pod.unschedulable.empty())
        return "it cannot be scheduled: " + pod.unschedulable;
    if (!pod.scheduled) return "it waits for the scheduler";
    for (const auto* container : {&pod.agent, &pod.environment, &pod.runner, &pod.builder}) {
        if (container->waiting_reason.empty() || container->waiting_reason == "ContainerCreating" ||
            container->waiting_reason == "PodInitializing")
            continue;
        return container->waiting_reason +
               (container->waiting_message.empty() ? "" : ": " + container->waiting_message);
    }
    if (pod.ip.empty() || !(pod.runner.running || pod.builder.running))
        return "its containers are being made on " + pod.node;
    return "its environment does not answer";
}

}  // namespace hearth::backend
