#include "workflow/history.hpp"

namespace hearth::workflow {

void History::entered(std::int64_t step, const std::string& state, std::string_view type,
                      const std::string& branch, const std::string& child, UnixMs at) {
    auto& made = steps_[step].step;
    made.number = step;
    made.state = state;
    made.type = type;
    made.branch = branch;
    made.child = child;
    made.status = "Running";
    made.entered = at;
}

void History::works_on(std::int64_t step, const Value& input, const std::string& token) {
    auto& made = steps_[step];
    made.input = input;
    made.step.token = token;
}

void History::attempt(std::int64_t step, int number, UnixMs at) {
    auto& made = steps_[step].step;
    made.status = "Running";
    made.left = 0;
    made.error_type.clear();
    made.cause.clear();
    auto& attempt = made.attempts.emplace_back();
    attempt.number = number;
    attempt.started = at;
}

void History::attempt_ended(std::int64_t step, const Failure* failure, UnixMs at) {
    auto& made = steps_[step].step;
    if (made.attempts.empty() || made.attempts.back().ended != 0) return;
    auto& attempt = made.attempts.back();
    attempt.ended = at;
    if (!failure) return;
    attempt.error_type = failure->type;
    attempt.cause = failure->cause;
}

void History::waits(std::int64_t step) {
    steps_[step].step.status = "Waiting";
}

void History::left(std::int64_t step, std::string_view status, const Failure* failure,
                   const Value* output, UnixMs at) {
    auto& made = steps_[step];
    made.step.status = status;
    made.step.left = at;
    made.step.token.clear();
    if (failure) {
        made.step.error_type = failure->type;
        made.step.cause = failure->cause;
    }
    if (output) made.output = *output;
}

}  // namespace hearth::workflow
