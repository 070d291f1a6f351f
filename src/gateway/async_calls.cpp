#include "gateway/async_calls.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "hearth/base/quantity.hpp"
#include "hearth/http/problem.hpp"

namespace hearth::gateway {
namespace {

namespace json = boost::json;
using catalog::CallState;

constexpr std::size_t kLongestKey = 255;
constexpr std::int64_t kLongestDelayMs = 7 * 24 * 3'600'000LL;
constexpr std::int64_t kLongestWaitMs = 60'000;

bool begins_with(std::string_view name, std::string_view prefix) {
    return name.size() >= prefix.size() && http::same_name(name.substr(0, prefix.size()), prefix);
}

bool is_kept(std::string_view name) {
    static constexpr std::array<std::string_view, 20> kLeftOut = {"Connection",
                                                                  "Keep-Alive",
                                                                  "Transfer-Encoding",
                                                                  "TE",
                                                                  "Trailer",
                                                                  "Upgrade",
                                                                  "Proxy-Authorization",
                                                                  "Proxy-Authenticate",
                                                                  "Content-Length",
                                                                  "Host",
                                                                  "Expect",
                                                                  "Authorization",
                                                                  "Cookie",
                                                                  "X-API-Key",
                                                                  "Prefer",
                                                                  "Idempotency-Key",
                                                                  "X-Request-Id",
                                                                  "Proxy-Connection",
                                                                  "HTTP2-Settings",
                                                                  "Stripe-Signature"};
    if (begins_with(name, "X-Fission-") || begins_with(name, "X-Hearth-")) return false;
    return std::ranges::none_of(kLeftOut,
                                [&](std::string_view out) { return http::same_name(name, out); });
}

bool has_word(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const auto comma = list.find_first_of(",;");
        auto item = list.substr(0, comma);
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (http::same_name(item, word)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

Error wrong(std::string message) {
    return Error(Errc::invalid_argument, std::move(message), {}, "gateway");
}

http::ResponseHead json_head(int status, const std::string& id, CallState state) {
    http::ResponseHead head;
    head.status = status;
    head.headers.add("Content-Type", "application/json");
    head.headers.add("Cache-Control", "no-store");
    head.headers.add("X-Hearth-Call-Id", id);
    head.headers.add("X-Hearth-Call-State", catalog::call_state_text(state));
    return head;
}

int status_of_failure(const catalog::CallRecord& record) {
    if (record.reason == "functionDeleted") return 410;
    if (record.reason == "maxAgeExceeded") return 504;
    return record.reason == "cancelled" ? 410 : 502;
}

}  // namespace

bool asks_for_async(const http::HeaderList& headers) {
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const auto [name, value] = headers.at(i);
        if (http::same_name(name, "X-Hearth-Async") && http::same_name(value, "true")) return true;
        if (http::same_name(name, "X-Fission-Invoke-Mode") && http::same_name(value, "async"))
            return true;
        if (http::same_name(name, "Prefer") && has_word(value, "respond-async")) return true;
    }
    return false;
}

Result<AsyncWishes> async_wishes(const http::HeaderList& headers) {
    AsyncWishes wishes;
    const auto dedup = headers.find("X-Fission-Dedup-Key").value_or("");
    wishes.idempotency_key = headers.find("Idempotency-Key").value_or(dedup);
    if (wishes.idempotency_key.size() > kLongestKey)
        return wrong("Idempotency-Key may have 255 characters at most");
    if (const auto delay = headers.find("X-Hearth-Delay")) {
        auto ms = base::parse_duration_ms(*delay);
        if (!ms) return wrong("X-Hearth-Delay: " + ms.error().message);
        if (*ms > kLongestDelayMs) return wrong("X-Hearth-Delay must be at most 168h");
        wishes.delay_ms = *ms;
    }
    return wishes;
}

catalog::CallHeaders kept_headers(const http::HeaderList& client, const http::HeaderList& ours,
                                  std::string_view request_id) {
    catalog::CallHeaders kept;
    for (std::size_t i = 0; i < client.size(); ++i) {
        const auto [name, value] = client.at(i);
        if (is_kept(name) && !ours.has(name)) kept.emplace_back(name, value);
    }
    for (std::size_t i = 0; i < ours.size(); ++i)
        kept.emplace_back(ours.at(i).name, ours.at(i).value);
    kept.emplace_back("X-Request-Id", request_id);
    return kept;
}

EdgeAnswer accepted_answer(const catalog::AcceptedCall& accepted, const http::HeaderList& asked) {
    const auto& id = accepted.call.id;
    auto head = json_head(202, id, accepted.state);
    const auto location = std::string(kCallPath) + id;
    head.headers.add("Location", location);
    head.headers.add("X-Fission-Invocation-Id", id);
    if (has_word(asked.find("Prefer").value_or(""), "respond-async"))
        head.headers.add("Preference-Applied", "respond-async");
    json::object body = {{"id", id},
                         {"invocationId", id},
                         {"state", catalog::call_state_text(accepted.state)},
                         {"location", location},
                         {"existing", accepted.existing}};
    return EdgeAnswer(Outcome::accepted, std::move(head), json::serialize(body) + "\n");
}

std::optional<std::string> call_id_of(std::string_view path) {
    if (!path.starts_with(kCallPath)) return std::nullopt;
    return std::string(path.substr(kCallPath.size()));
}

Result<std::chrono::milliseconds> wait_of(std::string_view query) {
    const auto text = http::query_parameter(query, "wait");
    if (!text) return std::chrono::milliseconds(0);
    auto ms = base::parse_duration_ms(*text);
    if (!ms) return wrong("wait: " + ms.error().message);
    return std::chrono::milliseconds(std::min(*ms, kLongestWaitMs));
}

EdgeAnswer result_answer(const catalog::CallRecord& record, std::string_view request_id) {
    const auto& id = record.call.id;
    const bool ended = record.state == CallState::succeeded || record.state == CallState::failed;
    auto head = json_head(202, id, record.state);
    if (!ended) {
        head.headers.add("Retry-After", "1");
        json::object body = {{"id", id},
                             {"state", catalog::call_state_text(record.state)},
                             {"attempts", record.call.attempts}};
        return EdgeAnswer(Outcome::call_result, std::move(head), json::serialize(body) + "\n");
    }
    if (record.result.status == 0) {
        const int status = status_of_failure(record);
        auto refusal = http::problem_head(status);
        refusal.headers.add("X-Hearth-Call-Id", id);
        refusal.headers.add("X-Hearth-Call-State", catalog::call_state_text(record.state));
        const Error error(Errc::function_failed,
                          "call " + id + " failed: " + record.reason + ": " + record.message, {},
                          record.attempts.empty() ? "queue" : record.attempts.back().component);
        return EdgeAnswer(Outcome::call_result, std::move(refusal),
                          http::problem_body(status, error, request_id));
    }
    head.status = record.result.status;
    head.headers.remove("Content-Type");
    for (const auto& [name, value] : record.result.headers) {
        if (!is_kept(name) || head.headers.has(name)) continue;
        head.headers.add(name, value);
    }
    if (record.result.truncated) head.headers.add("X-Hearth-Result-Truncated", "true");
    return EdgeAnswer(Outcome::call_result, std::move(head), record.result.body);
}

}  // namespace hearth::gateway
