#include "hearth/base/failpoint.hpp"
#include "trigger/async_driver.hpp"
#include "trigger/async_text.hpp"
#include "trigger/topic_address.hpp"

namespace hearth::trigger {
namespace {

using catalog::CallState;

constexpr std::chrono::milliseconds kRetryStore{1'000};
constexpr std::uint64_t kMostOfAddress = 64 * 1024;

bool broken_off(const invoke::CallAnswer& answer) {
    return answer.error && answer.error->code == Errc::cancelled;
}

invoke::CallAnswer failed_address(const Error& error) {
    invoke::CallAnswer answer;
    answer.status = 502;
    answer.error = error;
    answer.error->component = "destination";
    return answer;
}

catalog::CallAttempt made(int number, UnixMs started, UnixMs ended,
                          const invoke::CallAnswer& answer) {
    catalog::CallAttempt attempt;
    attempt.number = number;
    attempt.started = started;
    attempt.ended = ended;
    attempt.status = answer.error ? 0 : answer.status;
    if (answer.error) attempt.error = answer.error->message;
    if (answer.error) attempt.component = answer.error->component;
    return attempt;
}

catalog::CallSettlement settlement_of(std::int64_t seq, catalog::CallAttempt attempt,
                                      const invoke::CallAnswer& answer, Decision decision) {
    catalog::CallSettlement settlement;
    settlement.seq = seq;
    settlement.attempt = std::move(attempt);
    settlement.state = decision.state;
    settlement.due = decision.due;
    settlement.reason = std::move(decision.reason);
    settlement.message = std::move(decision.message);
    settlement.result = result_of(answer);
    return settlement;
}

}  // namespace

Task<void> AsyncDriver::attempt(PendingCall call) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    const int number = call.attempts + 1;
    const auto started = now();
    // Durable before the call: what is found under way at the next start may have run.
    auto begun = co_await queue_.begin(call.seq, number, started);
    if (begun && *begun) {
        [[maybe_unused]] const auto hit = base::failpoint("async.after_begin");
        auto record = co_await read(call.id);
        if (!record) {
            // It was purged meanwhile, or the daemon ends.
            release(call.seq);
            pump();
            co_return;
        }
        invoke::CallAnswer answer;
        if (record->request.url.empty()) {
            answer = co_await call_function(*record, number);
        } else if (is_topic_url(record->request.url)) {
            answer = co_await call_topic(*record);
        } else {
            answer = co_await call_address(*record, number);
        }
        [[maybe_unused]] const auto answered = base::failpoint("async.after_call");
        if (broken_off(answer) && stopping()) {
            // It is made again after the next start.
            release(call.seq);
            co_return;
        }
        metrics_.attempts.add();
        const auto policy = policies_.of(record->request.ns, record->request.function);
        const auto end = now();
        auto decision =
            decide(policy, answer, number - call.budget_from, end, call.expires, random());
        auto settlement = settlement_of(call.seq, made(number, started, end, answer), answer,
                                        std::move(decision));
        if (settlement.state != CallState::waiting)
            if (auto next = follow_up(policy, *record, settlement))
                settlement.follow_ups.push_back(std::move(*next));
        log_end(*record, settlement);
        const bool again = settlement.state == CallState::waiting;
        call.attempts = number;
        call.due = settlement.due;
        const bool settled = co_await settle(std::move(settlement));
        release(call.seq);
        if (settled && again) add(std::move(call));
    } else {
        release(call.seq);
        if (begun.has_error() && !stopping()) {
            // The store is full or away: the call waits there as before.
            call.due = started + kRetryStore.count();
            add(std::move(call));
        }
    }
    pump();
}

/// The call's record, asked for until the store gives it. Errors: not_found; others when the daemon
/// ends.
Task<Result<catalog::CallRecord>> AsyncDriver::read(std::string id) {
    for (;;) {
        auto record = co_await queue_.find(id);
        if (record || record.error().code == Errc::not_found || stopping()) co_return record;
        const auto later = Deadline::after(kRetryStore);
        if (!co_await aio::sleep_until(later)) co_return record;
    }
}

Task<invoke::CallAnswer> AsyncDriver::call_function(const catalog::CallRecord& record, int number) {
    auto delivery = delivery_of(record, number);
    delivery.keep_body = options_.keep_result_bytes;
    co_return co_await deliverer_.deliver(std::move(delivery));
}

Task<invoke::CallAnswer> AsyncDriver::call_address(const catalog::CallRecord& record, int number) {
    auto request = web_request_of(record, number);
    if (!request) co_return failed_address(request.error());
    if (!web_) co_return failed_address(Error(Errc::unsupported, "no address can be called"));
    const auto deadline = Deadline::after(options_.address_timeout);
    auto response = co_await web_->send(std::move(*request), nullptr, kMostOfAddress, deadline);
    if (!response) co_return failed_address(response.error());
    invoke::CallAnswer answer;
    answer.status = response->status;
    answer.headers = std::move(response->headers);
    answer.body = std::move(response->body);
    co_return answer;
}

Task<invoke::CallAnswer> AsyncDriver::call_topic(const catalog::CallRecord& record) {
    if (topics_ == nullptr)
        co_return failed_address(Error(Errc::unsupported, "no topic can be published to"));
    auto request = record.request;
    // JetStream keeps one message of each id, so that a repetition is none.
    request.headers.emplace_back("Nats-Msg-Id", record.call.id);
    const auto deadline = Deadline::after(options_.address_timeout);
    auto published = co_await topics_->publish(std::move(request), deadline);
    if (published.has_error()) co_return failed_address(published.error());
    invoke::CallAnswer answer;
    answer.status = 204;
    co_return answer;
}

/// Writes how an attempt ended, as often as it takes; the call has been made and must not be lost
/// sight of. False when the daemon ends first.
Task<bool> AsyncDriver::settle(catalog::CallSettlement settlement) {
    const auto seq = settlement.seq;
    const auto state = settlement.state;
    for (;;) {
        auto added = co_await queue_.settle(settlement);
        if (added) {
            [[maybe_unused]] const auto hit = base::failpoint("async.after_settle");
            for (auto& call : *added) add(std::move(call));
            auto& count = state == CallState::waiting     ? metrics_.retried
                          : state == CallState::succeeded ? metrics_.succeeded
                                                          : metrics_.failed;
            count.add();
            if (state != CallState::waiting) waiters_.tell(seq);
            co_return true;
        }
        if (added.error().code == Errc::cancelled || added.error().code == Errc::unavailable)
            co_return false;
        log_.log(telemetry::Level::error, "trigger",
                 "the end of a queued call could not be stored; trying again",
                 {{telemetry::kErr, added.error().message}});
        const auto later = Deadline::after(kRetryStore);
        if (!co_await aio::sleep_until(later)) co_return false;
    }
}

/// Ends a call that is not tried any more, without an attempt.
Task<void> AsyncDriver::give_up(PendingCall call, std::string reason, std::string message) {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    auto record = co_await read(call.id);
    if (!record) co_return;
    catalog::CallSettlement settlement;
    settlement.seq = call.seq;
    settlement.state = CallState::failed;
    settlement.due = now();
    settlement.reason = std::move(reason);
    settlement.message = std::move(message);
    const auto policy = policies_.of(record->request.ns, record->request.function);
    if (auto next = follow_up(policy, *record, settlement))
        settlement.follow_ups.push_back(std::move(*next));
    log_end(*record, settlement);
    co_await settle(std::move(settlement));
}

void AsyncDriver::log_end(const catalog::CallRecord& record,
                          const catalog::CallSettlement& settlement) {
    if (settlement.state == CallState::succeeded) return;
    const bool dead = settlement.state == CallState::failed;
    log_.log(dead ? telemetry::Level::warn : telemetry::Level::info, "trigger",
             dead ? "a queued call failed for good" : "a queued call is tried again",
             {{"call", record.call.id},
              {"lane", record.call.lane},
              {"attempt", std::to_string(settlement.attempt.number)},
              {"reason", settlement.reason},
              {telemetry::kErr, settlement.message}});
}

}  // namespace hearth::trigger
