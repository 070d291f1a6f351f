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

std::string fault_of(const std::string& invocation) {
    const auto parsed = model::parse_documents(
        "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  environment: {name: "
        "e}\n  package: {packageref: {name: p}}\n  invocation: " +
            invocation + "\n",
        "f.yaml");
    REQUIRE(parsed.documents.size() == 1);
    const auto checked = model::check(parsed.documents.front());
    if (checked.faults.empty()) return "";
    return checked.faults.front().path + ": " + checked.faults.front().message;
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

TEST_CASE("invocation: faults name the field", "[model][unit]") {
    CHECK(fault_of("{retry: {maxAttempts: 2}, onSuccess: {function: g}}").empty());
    CHECK(fault_of("{maxAge: 169h}") == "spec.invocation.maxAge: must be at most 168h");
    CHECK(fault_of("{onSuccess: {}}") ==
          "spec.invocation.onSuccess: needs exactly one of function and url");
    CHECK(fault_of("{onSuccess: {function: g, url: 'http://a.example/'}}") ==
          "spec.invocation.onSuccess: needs exactly one of function and url");
    CHECK(fault_of("{onFailure: {topic: {name: t}}}") ==
          "spec.invocation.onFailure.topic: is not supported by this server: name a function or a "
          "url");
    CHECK(fault_of("{onFailure: {url: 'archive://" + std::string(64, 'a') + "'}}") ==
          "spec.invocation.onFailure.url: must begin with http:// or https://");
    CHECK(fault_of("{retry: {maxAttempts: 0}}").starts_with("spec.invocation.retry.maxAttempts"));
}
