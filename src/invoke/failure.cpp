#include "invoke/failure.hpp"

#include "hearth/http/problem.hpp"

namespace hearth::invoke {
namespace {

Failure client_failure(const Error& error) {
    switch (error.code) {
        case Errc::too_large:
            return {413, Error(Errc::too_large, error.message, {}, "client"), true};
        case Errc::deadline_exceeded:
            return {408, Error(Errc::deadline_exceeded, error.message, {}, "client"), true};
        case Errc::cancelled:
            return {499, Error(Errc::cancelled, error.message, {}, "client"), false};
        default:
            return {400, Error(Errc::invalid_argument, error.message, {}, "client"), true};
    }
}

std::string limit_text(std::chrono::milliseconds limit) {
    if (limit.count() <= 0) return "its time limit";
    if (limit.count() % 1000 == 0)
        return "its time limit of " + std::to_string(limit.count() / 1000) + " s";
    return "its time limit of " + std::to_string(limit.count()) + " ms";
}

Failure broken_off(const http::ForwardResult& result, const AttemptState& state,
                   const std::string& name) {
    const std::string instance(state.instance);
    if (state.end_reason)
        return {502,
                Error(Errc::unavailable,
                      "instance " + instance + " of function " + name + " ended (" +
                          *state.end_reason + ") while it worked on the request",
                      {}, "instance"),
                true};
    if (result.stage == http::ForwardStage::not_connected)
        return {502,
                Error(Errc::unavailable,
                      "instance " + instance + " of function " + name +
                          " takes no connection: " + result.error->message,
                      {}, "instance"),
                true};
    if (result.error->code == Errc::io)
        return {502,
                Error(Errc::function_failed,
                      "function " + name +
                          " gave an answer that is not valid HTTP: " + result.error->message,
                      {}, "function"),
                true};
    return {
        502,
        Error(Errc::function_failed,
              "function " + name + " closed the connection before it had answered", {}, "function"),
        true};
}

}  // namespace

bool idempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

Failure lease_failure(const Error& error) {
    Failure failure{http::status_of(error.code), error, true};
    if (failure.error.component.empty()) failure.error.component = "executor";
    switch (error.code) {
        case Errc::function_failed:
            failure.error.component = "function";
            return failure;
        case Errc::cancelled:
            failure.error.component = "client";
            failure.answer = false;
            break;
        case Errc::not_found:
        case Errc::exhausted:
        case Errc::deadline_exceeded:
            break;
        default:
            failure.status = 503;
            break;
    }
    // Only a function's own trace is for whoever called it; the rest is for the log.
    failure.error.detail.clear();
    return failure;
}

Verdict judge(const http::ForwardResult& result, const AttemptState& state) {
    const auto& error = *result.error;
    const auto name = model::qualified(state.function.metadata);
    Verdict verdict;
    if (result.client_fault || error.code == Errc::cancelled || error.code == Errc::too_large) {
        verdict.failure = client_failure(error);
        return verdict;
    }
    if (error.code == Errc::internal) {
        verdict.failure = {500, Error(Errc::internal, error.message, {}, "invoke"), true};
        return verdict;
    }
    verdict.instance_failed = true;
    if (error.code == Errc::deadline_exceeded) {
        verdict.failure = {
            504,
            Error(Errc::deadline_exceeded,
                  "function " + name + " did not answer within " + limit_text(state.limit), {},
                  "function"),
            true};
        return verdict;
    }
    verdict.failure = broken_off(result, state, name);
    const bool nothing_sent = result.stage == http::ForwardStage::not_connected;
    const bool safe = result.stage == http::ForwardStage::request_sent &&
                      error.code == Errc::unavailable && idempotent(state.method);
    verdict.again = (nothing_sent || safe) && !result.body_consumed;
    return verdict;
}

}  // namespace hearth::invoke
