#include "gateway/async_calls.hpp"

#include <boost/json/parse.hpp>

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::gateway;
using namespace std::chrono_literals;
using catalog::CallState;

namespace {

http::HeaderList with(std::initializer_list<std::pair<std::string, std::string>> fields) {
    http::HeaderList headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    return headers;
}

}  // namespace

TEST_CASE("async edge: who asks not to wait", "[gateway][unit]") {
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"x-hearth-async", "true"},
                                      {"X-Hearth-Async", "TRUE"},
                                      {"X-Fission-Invoke-Mode", "async"},
                                      {"Prefer", "respond-async"},
                                      {"Prefer", "return=minimal, respond-async; wait=5"}}) {
        INFO(name << ": " << value);
        CHECK(asks_for_async(with({{name, value}})));
    }
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"X-Hearth-Async", "false"},
          {"X-Hearth-Async", ""},
          {"Prefer", "no-respond-async"},
          {"Prefer", "wait=respond-async"},
          {"X-Other", "true"}}) {
        INFO(name << ": " << value);
        CHECK_FALSE(asks_for_async(with({{name, value}})));
    }
}

TEST_CASE("async edge: key and delay are read, and refused when they are wrong",
          "[gateway][unit]") {
    const auto wishes = async_wishes(with({{"Idempotency-Key", "k"}, {"X-Hearth-Delay", "1m30s"}}));
    REQUIRE(wishes);
    CHECK(wishes->idempotency_key == "k");
    CHECK(wishes->delay_ms == 90'000);
    CHECK(async_wishes(with({{"X-Fission-Dedup-Key", "d"}}))->idempotency_key == "d");
    CHECK(async_wishes(with({{"X-Hearth-Delay", "soon"}})).has_error());
    CHECK(async_wishes(with({{"X-Hearth-Delay", "169h"}})).has_error());
    CHECK(async_wishes(with({{"Idempotency-Key", std::string(256, 'k')}})).has_error());
}

TEST_CASE("async edge: credentials and the platform's own headers are not kept",
          "[gateway][unit]") {
    const auto client = with({{"Content-Type", "text/plain"},
                              {"Authorization", "Bearer x"},
                              {"Cookie", "a=b"},
                              {"X-API-Key", "k"},
                              {"x-hearth-anything", "forged"},
                              {"X-Fission-Params-Id", "forged"},
                              {"Connection", "close"},
                              {"Content-Length", "5"},
                              {"X-Mine", "kept"}});
    const auto kept = kept_headers(client, with({{"X-Fission-Params-Id", "7"}}), "req-1");
    const catalog::CallHeaders wanted = {{"Content-Type", "text/plain"},
                                         {"X-Mine", "kept"},
                                         {"X-Fission-Params-Id", "7"},
                                         {"X-Request-Id", "req-1"}};
    CHECK(kept == wanted);
}

TEST_CASE("async edge: the acceptance names the call and its place", "[gateway][unit]") {
    catalog::AcceptedCall accepted;
    accepted.call.id = "7-abc";
    const auto answer = accepted_answer(accepted, with({{"Prefer", "respond-async"}}));
    CHECK(answer.head.status == 202);
    CHECK(answer.head.headers.find("Location") == "/_hearth/calls/7-abc");
    CHECK(answer.head.headers.find("Preference-Applied") == "respond-async");
    CHECK(boost::json::parse(answer.body).at("id") == "7-abc");
    CHECK(call_id_of("/_hearth/calls/7-abc") == "7-abc");
    CHECK_FALSE(call_id_of("/_hearth/other"));
    CHECK(*wait_of("wait=30s") == 30s);
    CHECK(*wait_of("wait=2h") == 60s);
    CHECK(*wait_of("") == 0s);
    CHECK(wait_of("wait=x").has_error());
}

TEST_CASE("async edge: a result is the function's answer, or why there is none",
          "[gateway][unit]") {
    catalog::CallRecord record;
    record.call.id = "7-abc";
    record.state = CallState::running;
    CHECK(result_answer(record, "r").head.status == 202);
    record.state = CallState::failed;
    record.reason = "retriesExhausted";
    record.message = "the function answered nothing";
    record.attempts.emplace_back().component = "function";
    auto failed = result_answer(record, "r");
    CHECK(failed.head.status == 502);
    CHECK(boost::json::parse(failed.body).at("component") == "function");
    record.reason = "maxAgeExceeded";
    CHECK(result_answer(record, "r").head.status == 504);
    record.reason = "cancelled";
    CHECK(result_answer(record, "r").head.status == 410);
    record.result.status = 422;
    record.result.headers = {{"Content-Type", "text/x"}, {"X-Hearth-Call-Id", "forged"}};
    record.result.body = "no";
    record.result.truncated = true;
    failed = result_answer(record, "r");
    CHECK(failed.head.status == 422);
    CHECK(failed.body == "no");
    CHECK(failed.head.headers.find("Content-Type") == "text/x");
    CHECK(failed.head.headers.find("X-Hearth-Call-Id") == "7-abc");
    CHECK(failed.head.headers.find("X-Hearth-Call-State") == "failed");
    CHECK(failed.head.headers.find("X-Hearth-Result-Truncated") == "true");
}
