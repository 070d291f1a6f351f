#include "hearth/model/workflow.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "hearth/model/document.hpp"
#include "hearth/model/kinds.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

Checked checked(const std::string& spec) {
    const auto read = parse_documents(
        "apiVersion: hearth/v1\nkind: Workflow\nmetadata: {name: w}\nspec:\n" + spec, "w.yaml");
    REQUIRE(read.faults.empty());
    REQUIRE(read.documents.size() == 1);
    return check(read.documents[0]);
}

std::string faults(const std::string& spec) {
    std::string out;
    for (const auto& fault : checked(spec).faults) out += fault.path + ": " + fault.message + "\n";
    return out;
}

bool says(const std::string& spec, const std::string& words) {
    const auto found = faults(spec);
    INFO(found);
    CHECK(found.find(words) != std::string::npos);
    return found.find(words) != std::string::npos;
}

constexpr auto kOrder = R"(  startAt: charge
  defaultRetry: {maxAttempts: 3, backoffBase: 2s}
  states:
    charge:
      type: Task
      function: {name: charge}
      timeout: 5s
      resultPath: $.payment
      catch: [{errorType: Fission.All, next: refund, resultPath: $.error}]
      next: enough
    enough:
      type: Choice
      choices:
        - {variable: $.payment.total, numericGreaterThan: "100", next: each}
        - not: {variable: $.vip, booleanEquals: true}
          next: done
      default: each
    each:
      type: Map
      itemsPath: $.items
      maxConcurrency: 50
      branches:
        - startAt: both
          states:
            both:
              type: Parallel
              end: true
              branches:
                - {startAt: pack, states: {pack: {type: Task, function: {name: pack}, end: true}}}
                - {startAt: sub, states: {sub: {type: Task, function: {type: workflow, name: label}, end: true}}}
      next: pause
    pause: {type: Wait, duration: 1500ms, next: approve}
    approve: {type: Task, callback: true, timeout: 1h, next: done}
    refund: {type: Fail, errorType: Refused, cause: no money}
    done: {type: Succeed}
)";

}  // namespace

TEST_CASE("workflow: a whole one is accepted and decoded", "[model][unit]") {
    const auto good = checked(kOrder);
    CHECK(faults(kOrder) == "");
    const auto spec = decode_workflow(good.resource);
    REQUIRE(spec);
    CHECK(spec->timeout == 24h);
    const auto* charge = spec->machine.find("charge");
    REQUIRE(charge);
    CHECK(charge->retry.max_attempts == 3);
    CHECK(charge->retry.backoff_base == 2s);
    CHECK(charge->timeout == 5s);
    REQUIRE(charge->catches.size() == 1);
    CHECK(charge->catches[0].next == "refund");
    const auto* each = spec->machine.find("each");
    REQUIRE(each);
    CHECK(each->max_concurrency == 50);
    REQUIRE(each->branches.size() == 1);
    const auto* both = each->branches[0].find("both");
    REQUIRE(both);
    REQUIRE(both->branches.size() == 2);
    CHECK(both->branches[1].find("sub")->workflow == "label");
    CHECK(spec->machine.find("approve")->callback);
    CHECK(spec->machine.find("pause")->duration == 1500ms);
    const auto references = workflow_references(good.resource);
    const auto named = [&](std::string_view name, std::string_view path, bool workflow) {
        return std::ranges::any_of(references, [&](const auto& r) {
            return r.name == name && r.path == path && r.workflow == workflow;
        });
    };
    CHECK(named("charge", "spec.states.charge.function.name", false));
    CHECK(named("label",
                "spec.states.each.branches[0].states.both.branches[1].states.sub.function.name",
                true));
}

TEST_CASE("workflow: the short form", "[model][unit]") {
    const auto good = checked("  steps: [a, b, a]\n");
    CHECK(good.faults.empty());
    const auto spec = decode_workflow(good.resource);
    REQUIRE(spec);
    CHECK(spec->machine.start_at == "a");
    REQUIRE(spec->machine.find("a-2"));
    CHECK(spec->machine.find("b")->next == "a-2");
    CHECK(spec->machine.find("a-2")->function == "a");
    says("  steps: [a]\n  startAt: a\n", "spec.startAt: goes not together with steps");
    says("  timeout: 1h\n", "spec.states: is missing");
}

TEST_CASE("workflow: what is wrong is told with its field", "[model][unit]") {
    const std::string begin = "  startAt: a\n  states:\n";
    says(begin + "    a: {type: Task, function: {name: f}}\n",
         "spec.states.a.next: is missing; name a state or write end: true");
    says(begin + "    a: {type: Task, function: {name: f}, next: bb}\n    b: {type: Succeed}\n",
         "spec.states.a.next: there is no state \"bb\" beside it; did you mean b?");
    says(begin + "    a: {type: Succeed}\n    b: {type: Succeed}\n",
         "spec.states.b: is never reached");
    says(begin + "    a: {type: Task, function: {name: f}, resultPath: total, end: true}\n",
         "spec.states.a.resultPath: \"total\" is no path");
    says(begin +
             "    a: {type: Task, function: {name: f}, next: b}\n"
             "    b: {type: Choice, choices: [{variable: $.x, isNull: true, next: a}]}\n",
         "spec.states.b.choices[0].next: closes the circle a -> b -> a");
    CHECK(faults(begin + "    a: {type: Task, function: {name: f}, next: b}\n"
                         "    b: {type: Choice, choices: [{variable: $.x, isNull: true, next: c}], "
                         "default: d}\n"
                         "    c: {type: Wait, duration: 1s, next: a}\n    d: {type: Succeed}\n") ==
          "");
    says(begin + "    a: {type: Wait, duration: 1s, function: {name: f}, end: true}\n",
         "spec.states.a.function: does not go with type Wait");
    says(begin + "    a: {type: Map, end: true}\n", "spec.states.a.branches: is missing");
    says(begin + "    a: {type: Task, end: true}\n", "spec.states.a.function: is missing");
    says(begin + "    a: {type: Choice, choices: [{variable: $.x, next: a}]}\n",
         "spec.states.a.choices[0]: needs exactly one comparison");
    says(begin + "    a: {type: Task, functoin: {name: f}, end: true}\n",
         "spec.states.a.functoin: is no known field; did you mean function?");
    says(begin + "    \"a b\": {type: Succeed}\n", "must be 1 to 64 letters");
    says(begin +
             "    a:\n      type: Parallel\n      end: true\n      branches:\n"
             "        - {startAt: x, states: {y: {type: Succeed}}}\n",
         "spec.states.a.branches[0].startAt: there is no state \"x\"");
}

TEST_CASE("workflow: paths read and write", "[model][unit]") {
    const auto at = [](std::string_view path, std::string_view in) {
        const auto parsed = JsonPath::parse(path);
        REQUIRE(parsed);
        const auto value = json::parse(in);
        const auto* found = parsed->find(value);
        return found ? json::serialize(*found) : std::string("nothing");
    };
    CHECK(at("$", "[1]") == "[1]");
    CHECK(at("$.a[1].b", R"({"a":[0,{"b":"x"}]})") == "\"x\"");
    CHECK(at("$['a key']", R"({"a key":null})") == "null");
    CHECK(at("$.a.b", R"({"a":1})") == "nothing");
    CHECK(at("$[3]", "[1]") == "nothing");
    for (const auto* text : {"", "a", "$.", "$a", "$[x]", "$[1", "$['a", "$..a", "$.*"})
        CHECK_FALSE(JsonPath::parse(text));
    json::value value = json::parse(R"({"list":[1,2]})");
    REQUIRE(JsonPath::parse("$.new.deep")->put(value, 5));
    REQUIRE(JsonPath::parse("$.list[1]")->put(value, "x"));
    CHECK(json::serialize(value) == R"({"list":[1,"x"],"new":{"deep":5}})");
    CHECK_FALSE(JsonPath::parse("$.list[2]")->put(value, 1));
    CHECK_FALSE(JsonPath::parse("$.list.a")->put(value, 1));
}

TEST_CASE("workflow: its picture", "[model][unit]") {
    const auto spec = decode_workflow(checked(kOrder).resource);
    REQUIRE(spec);
    const auto picture = workflow_graph(*spec);
    CHECK(picture.starts_with("flowchart TD\n"));
    CHECK(picture.find("n0[\"charge\"]") != std::string::npos);
    CHECK(picture.find("n0 -- \"on Fission.All\" --> n5") != std::string::npos);
    CHECK(picture.find("subgraph n2[\"each (for each item)\"]") != std::string::npos);
    CHECK(picture.find("n2b0n0b1n0[[\"sub<br/>label\"]]") != std::string::npos);
}
