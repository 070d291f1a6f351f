#include "hearth/model/invocation.hpp"

#include <boost/json/parse.hpp>

#include "hearth/model/document.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace std::chrono_literals;

namespace {

model::Resource function_with(const std::string& invocation) {
    model::Resource function;
    function.kind = model::Kind::function;
    function.metadata.name = "f";
    if (!invocation.empty()) function.spec["invocation"] = boost::json::parse(invocation);
    return function;
}

std::string first_fault(const std::string& text) {
    const auto parsed = model::parse_documents(text, "f.yaml");
    REQUIRE(parsed.documents.size() == 1);
    const auto checked = model::check(parsed.documents.front());
    if (checked.faults.empty()) return "";
    return checked.faults.front().path + ": " + checked.faults.front().message;
}

std::string hmac_fault(const std::string& more) {
    return first_fault(
        "apiVersion: hearth/v1\nkind: HTTPTrigger\nmetadata: {name: t}\nspec:\n  relativeurl: /\n  "
        "functionref: {name: f}\n  auth: {hmac: {secret: s, key: k, " +
        more + "}}\n");
}

std::string fault_of(const std::string& invocation) {
    return first_fault(
        "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  environment: {name: "
        "e}\n  package: {packageref: {name: p}}\n  invocation: " +
        invocation + "\n");
}

}  // namespace

TEST_CASE("invocation: what is left out has its default", "[model][unit]") {
    CHECK(*model::decode_invocation(function_with("")) == model::Invocation());
    const auto some = model::decode_invocation(function_with(
        R"({"retry": {"maxAttempts": 7, "backoffBase": "200ms", "backoffCap": "1m", "jitter": false},
            "maxAge": "2h", "concurrency": 3, "onSuccess": {"function": "g"},
            "onFailure": {"url": "https://a.example/x", "format": "structured"}})"));
    REQUIRE(some);
    CHECK(some->max_attempts == 7);
    CHECK(some->backoff_base == 200ms);
    CHECK(some->backoff_cap == 60s);
    CHECK_FALSE(some->jitter);
    CHECK(some->max_age == 2h);
    CHECK(some->concurrency == 3);
    CHECK(some->on_success.function == "g");
    CHECK_FALSE(some->on_success.structured);
    CHECK(some->on_failure.url == "https://a.example/x");
    CHECK(some->on_failure.structured);
}

TEST_CASE("invocation: a destination that is a topic", "[model][unit]") {
    using Queue = model::MessageQueueTriggerSpec::Queue;
    const auto some = model::decode_invocation(function_with(
        R"({"onSuccess": {"topic": {"name": "done"}},
            "onFailure": {"topic": {"name": "lost.>", "messageQueueType": "nats-jetstream",
                                    "servers": "nats://a:4222", "secret": "login"}}})"));
    REQUIRE(some);
    CHECK(some->on_success.topic.queue == Queue::kafka);
    CHECK(some->on_success.topic.name == "done");
    CHECK_FALSE(some->on_success.empty());
    CHECK(some->on_failure.topic.queue == Queue::jetstream);
    CHECK(some->on_failure.topic.servers == "nats://a:4222");
    CHECK(some->on_failure.topic.secret == "login");
    CHECK(fault_of("{onSuccess: {topic: {name: done}}}").empty());
}

TEST_CASE("invocation: faults name the field", "[model][unit]") {
    CHECK(fault_of("{retry: {maxAttempts: 2}, onSuccess: {function: g}}").empty());
    CHECK(fault_of("{maxAge: 169h}") == "spec.invocation.maxAge: must be at most 168h");
    CHECK(fault_of("{onSuccess: {}}") ==
          "spec.invocation.onSuccess: needs exactly one of function, url and topic");
    CHECK(fault_of("{onSuccess: {function: g, url: 'http://a.example/'}}") ==
          "spec.invocation.onSuccess: needs exactly one of function, url and topic");
    CHECK(fault_of("{onFailure: {topic: {name: t}, function: g}}") ==
          "spec.invocation.onFailure: needs exactly one of function, url and topic");
    CHECK(fault_of("{onFailure: {topic: {}}}").starts_with("spec.invocation.onFailure.topic.name"));
    CHECK(fault_of("{onFailure: {topic: {name: t, messageQueueType: mqtt}}}")
              .starts_with("spec.invocation.onFailure.topic.messageQueueType"));
    CHECK(fault_of("{onFailure: {url: 'archive://" + std::string(64, 'a') + "'}}") ==
          "spec.invocation.onFailure.url: must begin with http:// or https://");
    CHECK(fault_of("{retry: {maxAttempts: 0}}").starts_with("spec.invocation.retry.maxAttempts"));
}

TEST_CASE("webhook presets: what they set is not set again", "[model][unit]") {
    CHECK(hmac_fault("preset: stripe, tolerance: 1m").empty());
    CHECK(hmac_fault("preset: slack, header: X") ==
          "spec.auth.hmac.header: is set by the preset slack; leave it out");
    CHECK(hmac_fault("tolerance: 1m") ==
          "spec.auth.hmac.tolerance: needs the preset stripe or slack: only these sign a time");
    CHECK(hmac_fault("preset: gitlab").starts_with("spec.auth.hmac.preset"));
}
