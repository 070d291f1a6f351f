#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/backend/backend.hpp"

namespace hearth::backend {

/// One container's state, as far as anything depends on it.
struct ContainerView {
    bool known = false;
    bool running = false;
    bool terminated = false;
    int restarts = 0;
    std::string id;  ///< a new one after each restart
    std::string image;
    std::string waiting_reason, waiting_message;
    int exit_code = 0, signal = 0;
    std::string end_reason, end_message;
    bool last_was_oom = false;  ///< its previous run was ended for memory
    int last_exit_code = 0;
};

/// What the backend reads of a pod.
struct PodView {
    std::string ns, name, uid, version, node, ip, phase, reason, message;
    bool deleting = false;
    bool ready = false;
    bool scheduled = false;
    std::string unschedulable;  ///< the scheduler's own words
    std::map<std::string, std::string> labels, annotations;
    ContainerView environment, runner;
    ContainerView builder, agent;  ///< of a build's pod; `agent` ends before `builder` begins

    std::string key() const { return ns + "/" + name; }
    std::string label(std::string_view name) const;
    std::string annotation(std::string_view name) const;
};

/// Nothing when the object has no name or uid.
std::optional<PodView> read_pod(const boost::json::object& object);

/// What a view of a pod means. Pure.
struct PodVerdict {
    enum class State {
        starting,   ///< no address yet
        addressed,  ///< has an address and its containers run: ask its runner
        over,       ///< will not serve (again): being deleted, failed, or a container of it ended
    } state = State::starting;
    InstanceExit::Cause cause = InstanceExit::Cause::exited;  ///< when over
    int code = 0;
    std::string why;  ///< when over: one clause for people
    /// It will certainly not start: what is wrong and what to do about it.
    std::optional<Error> hopeless;
};
PodVerdict judge(const PodView& pod);

/// The same containers as before? A restarted one has lost its code. Views without ids say yes.
bool same_containers(const PodView& before, const PodView& now);

/// What keeps a pod from starting, for a start whose deadline passed: "Unschedulable: 0/3 nodes are
/// available…".
std::string waiting_for(const PodView& pod);

}  // namespace hearth::backend
