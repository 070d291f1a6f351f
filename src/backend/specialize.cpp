#include "backend/specialize.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "hearth/aio/one_shot.hpp"
#include "hearth/http/client.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLongestAnswer = 1u << 20;
constexpr std::size_t kKeptAnswer = 64 * 1024;
constexpr auto kFirstPause = std::chrono::milliseconds(2);
constexpr auto kLongestPause = std::chrono::milliseconds(25);
constexpr auto kOneTry = std::chrono::seconds(2);

json::object map_to_json(const std::map<std::string, std::string>& map) {
    json::object object;
    for (const auto& [key, value] : map) object[key] = value;
    return object;
}

std::string request_body(const Specialization& wanted) {
    json::object metadata;
    metadata["name"] = wanted.function.name;
    metadata["namespace"] = wanted.function.ns;
    metadata["uid"] = wanted.function.uid;
    metadata["generation"] = wanted.function.generation;
    metadata["resourceVersion"] = std::to_string(wanted.function.revision);
    metadata["labels"] = map_to_json(wanted.function.labels);
    metadata["annotations"] = map_to_json(wanted.function.annotations);
    json::object body;
    body["filepath"] = wanted.file_path;
    body["functionName"] = wanted.function_name;
    body["url"] = "";
    body["FunctionMetadata"] = std::move(metadata);
    body["envVersion"] = wanted.version;
    if (wanted.send_env) body["env"] = map_to_json(wanted.env);
    return json::serialize(body);
}

/// The line of a stack trace that says what is wrong: its last one.
std::string last_line(const std::string& text) {
    const auto end = text.find_last_not_of(" \n\r\t");
    if (end == std::string::npos) return "";
    const auto begin = text.rfind('\n', end);
    return text
        .substr(begin == std::string::npos ? 0 : begin + 1,
                end - (begin == std::string::npos ? 0 : begin + 1) + 1)
        .substr(0, 300);
}

}  // namespace

Task<Result<void>> wait_until_answers(http::Endpoint endpoint, std::function<bool()> alive,
                                      Deadline deadline) {
    auto pause = kFirstPause;
    for (;;) {
        if (!alive())
            co_return Error(Errc::unavailable, "the runtime ended before it answered", "",
                            "instance");
        if (deadline.passed()) {
            co_return Error(Errc::deadline_exceeded,
                            "the runtime did not answer on its socket in time", "", "instance");
        }
        http::ClientRequest request;
        request.target = "/healthz";
        const Deadline once = deadline.sooner(Deadline::after(kOneTry));
        auto answer = co_await http::fetch(endpoint, std::move(request), once, kLongestAnswer);
        if (answer || answer.error().code == Errc::io || answer.error().code == Errc::too_large)
            co_return Result<void>();
        if (answer.error().code == Errc::cancelled) co_return answer.error();
        const Deadline next = deadline.sooner(Deadline::after(pause));
        if (!co_await aio::sleep_until(next))
            co_return Error(Errc::cancelled, "the start was cancelled", "", "backend");
        pause = std::min(pause * 2, kLongestPause);
    }
}

Task<Result<void>> specialize(Specialization specialization, Deadline deadline) {
    http::ClientRequest request;
    request.method = "POST";
    if (specialization.version >= 2) {
        request.target = "/v2/specialize";
        request.headers.add("Content-Type", "application/json");
        request.body = request_body(specialization);
    } else {
        request.target = "/specialize";
        request.headers.add("Content-Type", "text/plain");
    }
    auto answer =
        co_await http::fetch(specialization.endpoint, std::move(request), deadline, kLongestAnswer);
    if (!answer) co_return answer.error();
    if (answer->status >= 200 && answer->status < 300) co_return Result<void>();
    std::string text = std::move(answer->body);
    if (text.size() > kKeptAnswer) text.resize(kKeptAnswer);
    const std::string reason = last_line(text);
    co_return Error(
        Errc::function_failed,
        fmt::format("the code of {} did not load{}{}", model::qualified(specialization.function),
                    reason.empty() ? fmt::format(" (status {})", answer->status) : ": ", reason),
        std::move(text), "function");
}

}  // namespace hearth::backend
