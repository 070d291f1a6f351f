#include "gateway/workflow_runs.hpp"

#include <boost/json.hpp>

#include "hearth/http/problem.hpp"

namespace hearth::gateway {

namespace json = boost::json;
using catalog::RunPhase;

namespace {

http::ResponseHead head_of(int status, const catalog::RunRow& row) {
    http::ResponseHead head;
    head.status = status;
    head.headers.add("Content-Type", "application/json");
    head.headers.add("Cache-Control", "no-store");
    head.headers.add("X-Hearth-Workflow-Run", row.id);
    head.headers.add("X-Hearth-Workflow-Phase", catalog::run_phase_text(row.phase));
    return head;
}

}  // namespace

std::optional<std::string> run_id_of(std::string_view path) {
    if (!path.starts_with(kRunPath)) return std::nullopt;
    return std::string(path.substr(kRunPath.size()));
}

EdgeAnswer run_accepted(const catalog::RunRow& row) {
    auto head = head_of(202, row);
    const auto location = std::string(kRunPath) + row.id;
    head.headers.add("Location", location);
    json::object body;
    body["run"] = row.id;
    body["workflow"] = row.workflow;
    body["phase"] = catalog::run_phase_text(row.phase);
    body["location"] = location;
    return EdgeAnswer(Outcome::accepted, std::move(head), json::serialize(body) + "\n");
}

EdgeAnswer run_answer(const catalog::RunRow& row, std::string_view request_id) {
    if (row.phase == RunPhase::running) {
        auto answer = run_accepted(row);
        answer.head.headers.add("Retry-After", "1");
        return answer;
    }
    const int status = row.phase == RunPhase::timed_out   ? 504
                       : row.phase == RunPhase::cancelled ? 410
                                                          : 502;
    auto head = http::problem_head(status);
    head.headers.add("X-Hearth-Workflow-Run", row.id);
    head.headers.add("X-Hearth-Workflow-Phase", catalog::run_phase_text(row.phase));
    auto why = row.error_type.empty() ? row.cause : row.error_type + ": " + row.cause;
    const Error error(Errc::function_failed,
                      "run " + row.id + " of workflow " + row.workflow + ": " + why, {},
                      "workflow");
    return EdgeAnswer(Outcome::call_result, std::move(head),
                      http::problem_body(status, error, request_id));
}

EdgeAnswer run_output(const catalog::RunDetail& detail) {
    return EdgeAnswer(Outcome::call_result, head_of(200, detail.row), detail.output);
}

}  // namespace hearth::gateway
