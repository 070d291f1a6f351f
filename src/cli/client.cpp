#include "cli/client.hpp"

#include <boost/json.hpp>

#include <fstream>
#include <memory>

#include "cli/files.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

namespace json = boost::json;
using std::chrono::seconds;

namespace {

Errc code_of(int status) {
    switch (status) {
        case 401:
            return Errc::unauthenticated;
        case 403:
            return Errc::forbidden;
        case 404:
            return Errc::not_found;
        case 409:
        case 412:
            return Errc::conflict;
        case 400:
        case 415:
        case 422:
            return Errc::invalid_argument;
        case 413:
            return Errc::too_large;
        case 429:
            return Errc::exhausted;
        case 507:
            return Errc::no_space;
        case 504:
            return Errc::deadline_exceeded;
        default:
            return status >= 500 ? Errc::internal : Errc::io;
    }
}

}  // namespace

std::string fault_lines(const json::object& problem) {
    std::string out;
    const auto* errors = problem.if_contains("errors");
    if (!errors || !errors->is_array()) return out;
    for (const auto& item : errors->get_array()) {
        const auto* object = item.if_object();
        if (!object) continue;
        const model::Fault fault{base::text_at(*object, "file"),
                                 static_cast<int>(base::integer_at(*object, "line")),
                                 static_cast<int>(base::integer_at(*object, "column")),
                                 base::text_at(*object, "path"), base::text_at(*object, "message")};
        // Without a place it would only repeat what the problem says as a whole.
        if (fault.line == 0 && fault.message.starts_with(base::text_at(problem, "detail")))
            continue;
        if (!out.empty()) out += '\n';
        out += model::to_string(fault);
        // A load failure's own trace.
        if (const auto trace = base::text_at(*object, "detail"); !trace.empty())
            out += "\n" + trace;
    }
    return out;
}

Error error_of(int status, std::string_view body,
               const std::function<void(json::object&)>& editor) {
    Error error(code_of(status), "the daemon answered with status " + std::to_string(status));
    auto parsed = model::parse_json(body);
    if (!parsed || !parsed->is_object()) {
        if (!body.empty() && is_text(body)) error.detail = std::string(body.substr(0, 2000));
        return error;
    }
    json::object& problem = parsed->get_object();
    if (editor) editor(problem);
    const std::string detail = base::text_at(problem, "detail"),
                      title = base::text_at(problem, "title");
    if (!detail.empty() || !title.empty()) error.message = detail.empty() ? title : detail;
    error.component = base::text_at(problem, "component");
    error.detail = fault_lines(problem);
    const std::string trace = base::text_at(problem, "trace");
    if (!trace.empty() && error.detail.find(trace) == std::string::npos) {
        error.detail += (error.detail.empty() ? "" : "\n") + trace;
    }
    if (error.code == Errc::internal) {
        const std::string id = base::text_at(problem, "requestId");
        if (!id.empty()) error.detail += (error.detail.empty() ? "" : "\n") + ("request id " + id);
    }
    return error;
}

std::string object_target(std::string_view ns, std::string_view plural, std::string_view name) {
    std::string target =
        "/api/v1/namespaces/" + http::percent_encode(ns) + "/" + std::string(plural);
    if (!name.empty()) target += "/" + http::percent_encode(name);
    return target;
}

void add_query(std::string& target, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    target += target.find('?') == std::string::npos ? '?' : '&';
    target += std::string(name) + "=" + http::percent_encode(value);
}

http::ClientRequest Client::request(std::string method, const std::string& target) const {
    http::ClientRequest out;
    out.method = std::move(method);
    out.target = target;
    out.host = connection_.host;
    out.headers.add("Accept", "application/json");
    return out;
}

Error Client::unreachable(const Error& error) const {
    if (error.code != Errc::unavailable) return error;
    return Error(Errc::unavailable, "the daemon at " + connection_.endpoint.to_string() +
                                        " (from " + connection_.source + ") cannot be reached: " +
                                        error.message + "; is `hearth serve` running?");
}

Result<http::ClientResponse> Client::fetch(http::ClientRequest request, Deadline deadline) {
    if (!connection_.token.empty())
        request.headers.set("Authorization", "Bearer " + connection_.token);
    auto response = transport_.fetch(connection_.endpoint, std::move(request), deadline);
    if (!response) return unreachable(response.error());
    if (response->status >= 400) {
        Error error = error_of(response->status, response->body, editor_);
        if (response->status == 401 && connection_.token.empty()) {
            error.message +=
                "; give a token with --token or HEARTH_TOKEN, or the data folder with --data";
        }
        return error;
    }
    return response;
}

Result<json::value> Client::get(const std::string& target) {
    auto response = fetch(request("GET", target), Deadline::after(seconds(60)));
    if (!response) return response.error();
    return model::parse_json(response->body);
}

Result<json::value> Client::send(std::string method, const std::string& target, std::string body,
                                 std::string_view content_type, seconds limit) {
    auto out = request(std::move(method), target);
    out.body = std::move(body);
    if (!out.body.empty()) out.headers.set("Content-Type", content_type);
    auto response = fetch(std::move(out), Deadline::after(limit));
    if (!response) return response.error();
    if (response->body.empty()) return json::value(nullptr);
    return model::parse_json(response->body);
}

Result<http::ClientResponse> Client::stream(
    http::ClientRequest out, seconds limit,
    std::function<bool(const http::ClientResponse&)> on_head,
    std::function<bool(std::string_view)> on_data) {
    out.host = connection_.host;
    if (!connection_.token.empty()) out.headers.set("Authorization", "Bearer " + connection_.token);
    const auto deadline = limit.count() > 0 ? Deadline::after(limit) : Deadline::never();
    auto response = transport_.stream(connection_.endpoint, std::move(out), deadline,
                                      std::move(on_head), std::move(on_data));
    if (!response) return unreachable(response.error());
    return response;
}

Result<void> Client::lines(const std::string& target,
                           std::function<bool(const json::object&)> on_line) {
    int status = 0;
    std::string pending;
    std::optional<Error> broken;
    const auto on_head = [&](const http::ClientResponse& head) {
        status = head.status;
        return true;
    };
    const auto on_data = [&](std::string_view bytes) {
        pending += bytes;
        if (status >= 400) return pending.size() < (1u << 20);
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos;) {
            const std::string line = pending.substr(0, end);
            pending.erase(0, end + 1);
            if (line.empty()) continue;
            auto value = model::parse_json(line);
            if (!value || !value->is_object()) {
                broken = Error(Errc::io, "the daemon sent a line that is no JSON object");
                return false;
            }
            if (!on_line(value->get_object())) return false;
        }
        return true;
    };
    auto response = stream(request("GET", target), seconds(0), on_head, on_data);
    if (!response) return response.error();
    if (broken) return *broken;
    if (status >= 400) return error_of(status, pending);
    return {};
}

Result<void> Client::text(const std::string& target,
                          std::function<bool(std::string_view)> on_data) {
    int status = 0;
    std::string refusal;
    const auto on_head = [&](const http::ClientResponse& head) {
        status = head.status;
        return true;
    };
    const auto take = [&](std::string_view bytes) {
        if (status < 400) return on_data(bytes);
        refusal += bytes;
        return refusal.size() < (1u << 20);
    };
    auto asked = request("GET", target);
    asked.headers.set("Accept", "*/*");
    auto response = stream(std::move(asked), seconds(0), on_head, take);
    if (!response) return response.error();
    if (status >= 400) return error_of(status, refusal);
    return {};
}

Result<std::string> Client::upload(const std::string& file) {
    auto bytes = read_file(file);
    if (!bytes) return bytes.error();
    const std::string digest = base::sha256_hex(*bytes);
    auto question = request("HEAD", "/api/v1/archives/" + digest);
    question.headers.set("Accept", "*/*");
    auto probe = fetch(std::move(question), Deadline::after(seconds(30)));
    if (probe) return digest;
    if (probe.error().code != Errc::not_found) return probe.error();
    auto out = request("POST", "/api/v1/archives?digest=" + digest);
    out.headers.set("Content-Type", "application/octet-stream");
    out.body = std::move(*bytes);
    auto response = fetch(std::move(out), Deadline::after(seconds(600)));
    if (!response) return response.error();
    return digest;
}

}  // namespace hearth::cli
