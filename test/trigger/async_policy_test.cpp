#include "trigger/async_policy.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using catalog::CallState;

namespace {

invoke::CallAnswer answer_of(int status, const char* retry_after = nullptr) {
    invoke::CallAnswer answer;
    answer.status = status;
    if (retry_after != nullptr) answer.headers.add("Retry-After", retry_after);
    return answer;
}

constexpr catalog::UnixMs kNow = 1'000'000, kNever = 1'000'000'000;

}  // namespace

TEST_CASE("async policy: pauses double up to their cap", "[trigger][unit]") {
    model::Invocation policy;
    policy.backoff_base = 1s;
    policy.backoff_cap = 10s;
    CHECK(trigger::longest_pause(policy, 2) == 1s);
    CHECK(trigger::longest_pause(policy, 3) == 2s);
    CHECK(trigger::longest_pause(policy, 5) == 8s);
    CHECK(trigger::longest_pause(policy, 6) == 10s);
    CHECK(trigger::longest_pause(policy, 100) == 10s);
}

TEST_CASE("async policy: what becomes of a call after an attempt", "[trigger][unit]") {
    model::Invocation policy;
    auto done = trigger::decide(policy, answer_of(204), 1, kNow, kNever, 0.5);
    CHECK(done.state == CallState::succeeded);
    CHECK(done.due == kNow);
    auto refused = trigger::decide(policy, answer_of(404), 1, kNow, kNever, 0.5);
    CHECK(refused.state == CallState::failed);
    CHECK(refused.reason == "refused");
    auto again = trigger::decide(policy, answer_of(503), 1, kNow, kNever, 0.5);
    CHECK(again.state == CallState::waiting);
    CHECK(again.due == kNow + 500);
    CHECK(trigger::decide(policy, answer_of(503), 2, kNow, kNever, 0.0).due == kNow + 20);
    policy.jitter = false;
    CHECK(trigger::decide(policy, answer_of(503), 2, kNow, kNever, 0.1).due == kNow + 2'000);
    const auto last = trigger::decide(policy, answer_of(503), 3, kNow, kNever, 0.5);
    CHECK(last.state == CallState::failed);
    CHECK(last.reason == "retriesExhausted");
    CHECK(last.message == "the function answered 503; that was attempt 3 of 3");
    const auto old = trigger::decide(policy, answer_of(503), 1, kNow, kNow + 900, 0.5);
    CHECK(old.reason == "maxAgeExceeded");
    invoke::CallAnswer gone;
    gone.error.emplace(Errc::not_found, "there is no Function a/b");
    CHECK(trigger::decide(policy, gone, 1, kNow, kNever, 0.5).reason == "functionDeleted");
}

TEST_CASE("async policy: the function may ask for a longer pause", "[trigger][unit]") {
    model::Invocation policy;
    CHECK(trigger::decide(policy, answer_of(429, "7"), 1, kNow, kNever, 0.5).due == kNow + 7'000);
    for (const char* odd : {"-1", "x", "1.5", "", "99999999999999999999"})
        CHECK(trigger::decide(policy, answer_of(429, odd), 1, kNow, kNever, 0.5).due == kNow + 500);
}
