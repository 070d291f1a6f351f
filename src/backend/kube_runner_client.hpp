#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "backend/kube_archive.hpp"
#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/backend/backend.hpp"
#include "hearth/http/client.hpp"

namespace hearth::backend {

/// What a pod's runner says of itself.
struct RunnerState {
    std::string pod_uid, pod_name, version;
    std::string state;  ///< starting, generic, loading, loaded, failed
    bool environment_ready = false;
    std::string identity, digest;
    std::string function_ns, function, function_uid;
};
/// Errors: io, when it is not what a runner answers.
Result<RunnerState> parse_runner_state(std::string_view text);

/// One runner, and the token it answers to.
struct RunnerAddress {
    http::Endpoint endpoint;
    std::string token;
    RunnerAddress() = default;
};

/// GET /v1/state; with `wait` above zero the runner answers once its environment does, or after
/// that time. Errors: unavailable (nobody listens), forbidden (it refuses the token),
/// deadline_exceeded, io.
Task<Result<RunnerState>> runner_state(RunnerAddress runner, std::chrono::milliseconds wait,
                                       Deadline deadline);

/// Everything of a load but the archive's bytes.
struct RunnerLoad {
    enum class Archive { sent, present, peer } archive = Archive::sent;
    std::string peer;  ///< "ip:port"
    int contract = 3;
    bool send_env = false;
    std::chrono::milliseconds limit{60'000};
    RunnerLoad() = default;
};
/// The first line of POST /v1/load, without its end. `file`: name inside the archive, or empty.
std::string load_line(const LoadRequest& request, const RunnerLoad& how, const std::string& file);

/// POST /v1/load. Errors: function_failed (detail: the environment's own text), deadline_exceeded,
/// unavailable (the runner or its environment is gone, or refuses; the message says which),
/// not_found (`present`, and it is not), io (a peer that did not give it), no_space,
/// invalid_argument. `function` is its name for messages.
Task<Result<void>> runner_load(RunnerAddress runner, std::string function, std::string line,
                               PackedArchive archive, Deadline deadline);

/// POST to a runner of a line and the archive behind it, of which no copy is made when it is large.
http::ClientRequest order_request(const RunnerAddress& runner, std::string target,
                                  std::string_view type, std::string line, PackedArchive archive);

/// The error a failed load's answer stands for. Pure.
Error load_error(int status, std::string_view body, const std::string& function);

}  // namespace hearth::backend
