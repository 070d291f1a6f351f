#include "trigger/async_policy.hpp"

#include <algorithm>
#include <charconv>

namespace hearth::trigger {
namespace {

using catalog::CallState;
using std::chrono::milliseconds;

// A pause of nothing would make a busy loop of a function that fails at once.
constexpr milliseconds kShortestPause{20};
constexpr std::int64_t kLongestRetryAfterS = 86'400;

/// Retry-After in seconds; its form with a date is left to the back-off.
milliseconds asked_for(const invoke::CallAnswer& answer) {
    const auto text = answer.headers.find("Retry-After");
    std::int64_t seconds = 0;
    if (!text) return milliseconds(0);
    const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (ec != std::errc() || end != text->data() + text->size() || seconds < 0)
        return milliseconds(0);
    return milliseconds(std::min(seconds, kLongestRetryAfterS) * 1000);
}

std::string what_happened(const invoke::CallAnswer& answer) {
    if (answer.error) return answer.error->message;
    return "the function answered " + std::to_string(answer.status);
}

Decision dead(catalog::UnixMs now, std::string reason, std::string message) {
    Decision decision;
    decision.state = CallState::failed;
    decision.due = now;
    decision.reason = std::move(reason);
    decision.message = std::move(message);
    return decision;
}

}  // namespace

milliseconds longest_pause(const model::Invocation& policy, int next) {
    auto pause = policy.backoff_base;
    for (int i = 2; i < next && pause < policy.backoff_cap; ++i) pause *= 2;
    return std::min(pause, policy.backoff_cap);
}

Decision decide(const model::Invocation& policy, const invoke::CallAnswer& answer, int attempt,
                catalog::UnixMs now, catalog::UnixMs expires, double random) {
    Decision decision;
    decision.due = now;
    switch (outcome_of(answer)) {
        case Outcome::done:
            decision.state = CallState::succeeded;
            return decision;
        case Outcome::refused: {
            const bool gone = answer.error && answer.error->code == Errc::not_found;
            return dead(now, gone ? "functionDeleted" : "refused", what_happened(answer));
        }
        case Outcome::again:
            break;
    }
    const auto what = what_happened(answer);
    if (attempt >= policy.max_attempts)
        return dead(now, "retriesExhausted",
                    what + "; that was attempt " + std::to_string(attempt) + " of " +
                        std::to_string(policy.max_attempts));
    const auto longest = longest_pause(policy, attempt + 1);
    const auto part = policy.jitter ? static_cast<double>(longest.count()) * random
                                    : static_cast<double>(longest.count());
    const auto pause = std::max(
        {milliseconds(static_cast<std::int64_t>(part)), kShortestPause, asked_for(answer)});
    decision.due = now + pause.count();
    if (decision.due >= expires)
        return dead(now, "maxAgeExceeded", what + "; the next attempt would come too late");
    decision.message = what;
    return decision;
}

}  // namespace hearth::trigger
