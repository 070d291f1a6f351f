#include "backend/kube_runner_client.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "hearth/base/ids.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/http/client.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using base::text_at;

constexpr std::uint64_t kLongestAnswer = 1u << 20;
constexpr std::size_t kKeptTrace = 64 * 1024;
constexpr std::size_t kLongestReason = 300;

json::object texts(const std::map<std::string, std::string>& map) {
    json::object object;
    for (const auto& [key, value] : map) object[key] = value;
    return object;
}

json::object files(const std::map<std::string, std::string>& map) {
    json::object object;
    for (const auto& [path, bytes] : map) object[path] = base::base64_encode(bytes);
    return object;
}

json::object metadata_of(const model::Metadata& function) {
    json::object metadata;
    metadata["name"] = function.name;
    metadata["namespace"] = function.ns;
    metadata["uid"] = function.uid;
    metadata["generation"] = function.generation;
    metadata["resourceVersion"] = std::to_string(function.revision);
    metadata["labels"] = texts(function.labels);
    metadata["annotations"] = texts(function.annotations);
    return metadata;
}

/// The line of a stack trace that says what is wrong: its last one.
std::string last_line(std::string_view text) {
    const auto end = text.find_last_not_of(" \n\r\t");
    if (end == std::string_view::npos) return "";
    const auto begin = text.rfind('\n', end);
    const auto from = begin == std::string_view::npos ? 0 : begin + 1;
    return std::string(text.substr(from, end - from + 1).substr(0, kLongestReason));
}

http::ClientRequest request_to(const RunnerAddress& runner, std::string method,
                               std::string target) {
    http::ClientRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.host = runner.endpoint.to_string();
    request.headers.add("Authorization", "Bearer " + runner.token);
    return request;
}

/// Gives the line, then the archive, so that no copy of a large one is ever made.
std::function<Result<std::string>()> body_of(std::string line, PackedArchive archive) {
    auto first = std::make_shared<std::string>(std::move(line));
    auto reader = std::make_shared<TarReader>(std::move(archive.plan));
    return [first, reader]() -> Result<std::string> {
        if (!first->empty()) return std::exchange(*first, {});
        return reader->next();
    };
}

}  // namespace

Result<RunnerState> parse_runner_state(std::string_view text) {
    json::error_code ec;
    const auto value = json::parse(text, ec);
    if (ec || !value.is_object()) return Error(Errc::io, "its state is not a JSON object");
    const auto& object = value.get_object();
    RunnerState state;
    state.pod_uid = text_at(object, "podUid");
    state.pod_name = text_at(object, "podName");
    state.version = text_at(object, "version");
    state.state = text_at(object, "state");
    state.identity = text_at(object, "identity");
    state.digest = text_at(object, "digest");
    const auto* ready = object.if_contains("environmentReady");
    state.environment_ready = ready != nullptr && ready->is_bool() && ready->get_bool();
    if (const auto* function = object.if_contains("function"); function && function->is_object()) {
        state.function_ns = text_at(function->get_object(), "namespace");
        state.function = text_at(function->get_object(), "name");
        state.function_uid = text_at(function->get_object(), "uid");
    }
    if (state.pod_uid.empty() || state.state.empty())
        return Error(Errc::io, "its state names no pod");
    return state;
}

Task<Result<RunnerState>> runner_state(RunnerAddress runner, std::chrono::milliseconds wait,
                                       Deadline deadline) {
    auto request =
        request_to(runner, "GET",
                   wait.count() > 0 ? fmt::format("/v1/state?wait=ready&timeoutMs={}", wait.count())
                                    : std::string("/v1/state"));
    const auto name = runner.endpoint.to_string();
    auto answer =
        co_await http::fetch(runner.endpoint, std::move(request), deadline, kLongestAnswer);
    if (!answer) co_return answer.error();
    if (answer->status == 401)
        co_return Error(Errc::forbidden,
                        "the runner at " + name + " does not accept the installation's token", {},
                        "runner");
    if (answer->status != 200)
        co_return Error(Errc::io, fmt::format("the runner at {} answered {}", name, answer->status),
                        std::move(answer->body), "runner");
    auto state = parse_runner_state(answer->body);
    if (!state)
        co_return Error(Errc::io,
                        "what answers at " + name + " is no runner: " + state.error().message, {},
                        "runner");
    co_return state;
}

std::string load_line(const LoadRequest& request, const RunnerLoad& how, const std::string& file) {
    json::object line, function;
    line["identity"] = request.identity;
    line["digest"] = request.digest;
    switch (how.archive) {
        case RunnerLoad::Archive::sent:
            line["archive"] = "tar";
            break;
        case RunnerLoad::Archive::present:
            line["archive"] = "none";
            break;
        case RunnerLoad::Archive::peer:
            line["archive"] = "peer";
            line["peer"] = how.peer;
            break;
    }
    line["file"] = file;
    line["functionName"] = request.function_name;
    function["namespace"] = request.function.ns;
    function["name"] = request.function.name;
    function["uid"] = request.function.uid;
    function["generation"] = request.function.generation;
    line["function"] = std::move(function);
    line["metadata"] = metadata_of(request.function);
    line["envVersion"] = how.contract;
    line["contract"] = how.contract;
    if (how.send_env) line["env"] = texts(request.env);
    line["secrets"] = files(request.secret_files);
    line["configs"] = files(request.config_files);
    line["timeoutMs"] = how.limit.count();
    return json::serialize(line);
}

Error load_error(int status, std::string_view body, const std::string& function) {
    json::error_code ec;
    const auto value = json::parse(body, ec);
    std::string code, detail(body);
    if (!ec && value.is_object()) {
        code = text_at(value.get_object(), "code");
        detail = text_at(value.get_object(), "detail");
    }
    if (detail.size() > kKeptTrace) detail.resize(kKeptTrace);
    if (code == "function_failed") {
        const auto reason = last_line(detail);
        return Error(Errc::function_failed,
                     fmt::format("the code of {} did not load{}{}", function,
                                 reason.empty() ? "" : ": ", reason),
                     std::move(detail), "function");
    }
    if (code == "deadline_exceeded")
        return Error(Errc::deadline_exceeded,
                     fmt::format("the code of {} did not load in time", function),
                     std::move(detail), "function");
    if (code == "environment_gone")
        return Error(Errc::unavailable, "the environment ended while it loaded the code",
                     std::move(detail), "instance");
    if (code == "unknown_archive") return Error(Errc::not_found, std::move(detail), {}, "runner");
    if (code == "peer_failed") return Error(Errc::io, std::move(detail), {}, "runner");
    if (status == 507)
        return Error(Errc::no_space,
                     "the package does not fit into the pod's volume for code: " + detail, {},
                     "runner");
    if (status == 400)
        return Error(Errc::invalid_argument, "the runner refuses the package: " + detail, {},
                     "runner");
    if (status == 401)
        return Error(Errc::unavailable, "the runner does not accept the installation's token", {},
                     "runner");
    return Error(
        Errc::unavailable,
        fmt::format("the runner answered {}{}{}", status, detail.empty() ? "" : ": ", detail), {},
        "runner");
}

http::ClientRequest order_request(const RunnerAddress& runner, std::string target,
                                  std::string_view type, std::string line, PackedArchive archive) {
    auto request = request_to(runner, "POST", std::move(target));
    request.headers.add("Content-Type", type);
    line.push_back('\n');
    const std::uint64_t archive_bytes = archive.plan ? archive.plan->bytes : 0;
    if (archive.bytes || archive_bytes == 0) {
        // One write carries head, line and a small archive.
        request.body = std::move(line);
        if (archive.bytes) request.body += *archive.bytes;
    } else {
        request.body_length = line.size() + archive_bytes;
        request.body_source = body_of(std::move(line), std::move(archive));
    }
    return request;
}

Task<Result<void>> runner_load(RunnerAddress runner, std::string function, std::string line,
                               PackedArchive archive, Deadline deadline) {
    auto request = order_request(runner, "/v1/load", "application/vnd.hearth.load", std::move(line),
                                 std::move(archive));
    auto answer =
        co_await http::fetch(runner.endpoint, std::move(request), deadline, kLongestAnswer);
    if (!answer) co_return answer.error();
    if (answer->status == 200) co_return Result<void>();
    co_return load_error(answer->status, answer->body, function);
}

}  // namespace hearth::backend
