#include "workflow/outcome.hpp"

#include <boost/json.hpp>

#include "hearth/base/json_view.hpp"
#include "hearth/catalog/call_queue.hpp"
#include "workflow/shape.hpp"

namespace hearth::workflow {

namespace json = boost::json;

namespace {

constexpr std::size_t kShown = 300;

Failure failure_of(std::string_view kind, std::string cause, bool permanent) {
    return Failure{std::string(kind), std::string(kind), std::move(cause), permanent};
}

Failure no_answer(const Error& error) {
    switch (error.code) {
        case Errc::not_found:
        case Errc::too_large:
        case Errc::invalid_argument:
            return failure_of(kPermanentError, error.message, true);
        case Errc::deadline_exceeded:
            return failure_of(kTimeout, error.message, false);
        default:
            return failure_of(kFunctionError, error.message, false);
    }
}

/// A function may say by {"errorType": …, "cause": …} what went wrong.
Failure refused(const invoke::CallAnswer& answer) {
    const int status = answer.status;
    const bool later = status >= 500 || status == 408 || status == 425 || status == 429;
    auto failure = failure_of(later ? kFunctionError : kPermanentError, "", !later);
    const auto body = parsed(answer.body);
    const auto text = [&](const char* key) {
        const auto* object = body.if_object();
        return object ? base::text_at(*object, key) : std::string();
    };
    if (auto type = text("errorType"); !type.empty()) {
        failure.type = std::move(type);
        failure.cause = text("cause");
        return failure;
    }
    failure.cause = "the function answered " + std::to_string(status);
    if (!answer.body.empty() && catalog::is_text(answer.body))
        failure.cause += ": " + answer.body.substr(0, kShown);
    // A cut may have gone through a character.
    while (!catalog::is_text(failure.cause)) failure.cause.pop_back();
    return failure;
}

}  // namespace

StepOutcome outcome_of(const invoke::CallAnswer& answer, std::uint64_t most_bytes) {
    StepOutcome outcome;
    if (answer.error) {
        outcome.failure = no_answer(*answer.error);
    } else if (answer.status < 200 || answer.status >= 300) {
        outcome.failure = refused(answer);
    } else if (answer.truncated || answer.body.size() > most_bytes) {
        outcome.failure = failure_of(
            kTooLarge, "the answer is longer than " + std::to_string(most_bytes) + " bytes", true);
    } else if (answer.body.empty()) {
        outcome.text = "null";
    } else if (is_json(answer.body)) {
        outcome.text = answer.body;
    } else if (catalog::is_text(answer.body)) {
        outcome.text = json::serialize(json::string(answer.body));
    } else {
        outcome.failure =
            failure_of(kPermanentError, "the answer is neither JSON nor text in UTF-8", true);
    }
    return outcome;
}

invoke::DetachedCall call_of(const std::string& run_id, std::int64_t step, int attempt,
                             const std::string& branch, const std::string& token,
                             std::string input) {
    invoke::DetachedCall call;
    auto& headers = call.headers;
    headers.add("Content-Type", "application/json");
    headers.add("Idempotency-Key", run_id + "/" + std::to_string(step));
    headers.add("X-Fission-Workflow-Run", run_id);
    headers.add("X-Fission-Workflow-Attempt", std::to_string(attempt));
    if (!branch.empty()) headers.add("X-Fission-Workflow-Branch", branch);
    if (!token.empty()) headers.add("X-Hearth-Workflow-Token", token);
    call.body = std::move(input);
    return call;
}

std::string child_key(const std::string& run_id, std::int64_t step, int attempt) {
    return run_id + "/" + std::to_string(step) + "/" + std::to_string(attempt);
}

}  // namespace hearth::workflow
