#include "trigger/async_text.hpp"

#include <boost/json.hpp>

#include "support/catch.hpp"

using namespace hearth;
using catalog::CallState;
namespace json = boost::json;

namespace {

catalog::CallRecord record_of(std::string body) {
    catalog::CallRecord record;
    record.call.id = "7-abc";
    record.call.attempts = 2;
    record.request.ns = "shop";
    record.request.function = "f";
    record.request.headers = {{"Content-Type", "application/json"}, {"X-Request-Id", "r"}};
    record.request.body = std::move(body);
    record.origin = "HTTPTrigger/shop/r";
    return record;
}

catalog::CallSettlement end_of(CallState state) {
    catalog::CallSettlement end;
    end.state = state;
    end.due = 1'700'000'000'000;
    end.attempt.number = 2;
    end.reason = state == CallState::failed ? "retriesExhausted" : "";
    end.result.status = 201;
    end.result.body = "\xff";
    return end;
}

std::string header(const catalog::NewCall& call, const std::string& name) {
    for (const auto& [key, value] : call.request.headers)
        if (key == name) return value;
    return "-";
}

}  // namespace

TEST_CASE("async text: a destination is told in the mode it wants", "[trigger][unit]") {
    model::Invocation policy;
    policy.on_success.function = "g";
    policy.on_failure.url = "https://a.example/x";
    policy.on_failure.structured = true;
    const auto good =
        trigger::follow_up(policy, record_of(R"({"q":1})"), end_of(CallState::succeeded));
    REQUIRE(good);
    CHECK(good->request.ns == "shop");
    CHECK(good->request.function == "g");
    CHECK(good->depth == 1);
    CHECK(header(*good, "ce-type") == "hearth.call.succeeded");
    CHECK(header(*good, "ce-id") == "7-abc-succeeded");
    CHECK(header(*good, "ce-source") == "/hearth/functions/shop/f");
    const auto body = json::parse(good->request.body).as_object();
    CHECK(body.at("requestPayload") == json::parse(R"({"q":1})"));
    CHECK(body.at("responsePayloadBase64") == "/w==");
    CHECK(body.at("requestContext").at("condition") == "Success");
    const auto bad =
        trigger::follow_up(policy, record_of(std::string(70'000, 'x')), end_of(CallState::failed));
    REQUIRE(bad);
    CHECK(bad->request.url == "https://a.example/x");
    CHECK(header(*bad, "Content-Type").starts_with("application/cloudevents+json"));
    const auto event = json::parse(bad->request.body).as_object();
    CHECK(event.at("specversion") == "1.0");
    CHECK(event.at("type") == "hearth.call.failed");
    CHECK(event.at("data").at("requestContext").at("condition") == "retriesExhausted");
    CHECK(event.at("data").at("requestPayloadTruncated") == true);
}

TEST_CASE("async text: nobody is told without end, or of messages to addresses",
          "[trigger][unit]") {
    model::Invocation policy;
    policy.on_success.function = "f";
    const auto end = end_of(CallState::succeeded);
    auto record = record_of("");
    record.depth = trigger::kMostDestinations - 1;
    CHECK(trigger::follow_up(policy, record, end));
    record.depth = trigger::kMostDestinations;
    CHECK_FALSE(trigger::follow_up(policy, record, end));
    record = record_of("");
    record.request.url = "https://a.example/";
    CHECK_FALSE(trigger::follow_up(policy, record, end));
    CHECK_FALSE(trigger::follow_up(policy, record_of(""), end_of(CallState::failed)));
}

TEST_CASE("async text: what the function is sent", "[trigger][unit]") {
    const auto delivery = trigger::delivery_of(record_of("{}"), 3);
    CHECK(delivery.request_id == "r");
    CHECK_FALSE(delivery.headers.has("X-Request-Id"));
    CHECK(delivery.headers.find("X-Hearth-Call-Id") == "7-abc");
    CHECK(delivery.headers.find("X-Fission-Invocation-Attempt") == "3");
    CHECK(delivery.event.id == "7-abc");
    CHECK(delivery.event.source == "/hearth/HTTPTrigger/shop/r");
    auto to_address = record_of("{}");
    to_address.request.url = "https://a.example/x?y=z";
    const auto web = trigger::web_request_of(to_address, 2);
    REQUIRE(web);
    CHECK(web->address.target == "/x?y=z");
    CHECK(web->headers.find("X-Hearth-Attempt") == "2");
}
