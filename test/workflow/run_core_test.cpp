#include "workflow/run_core.hpp"

#include <algorithm>

#include "workflow/core_fixture.hpp"

using namespace hearth;
using namespace hearth::workflow;
using catalog::RunPhase;
using test::CoreBench;
using Type = Event::Type;

TEST_CASE("run core: a pipeline hands its document on", "[workflow][unit]") {
    CoreBench bench("  steps: [a, b]\n");
    auto made = bench.begin(R"({"n":1})");
    REQUIRE(made.calls.size() == 1);
    CHECK(made.calls[0].state->function == "a");
    CHECK(made.calls[0].input.text == R"({"n":1})");
    made = bench.answer(made.calls[0], "2");
    REQUIRE(made.calls.size() == 1);
    CHECK(made.calls[0].state->function == "b");
    CHECK(made.calls[0].input.text == "2");
    const auto late = made.calls[0];
    made = bench.answer(made.calls[0], "\"end\"");
    CHECK(made.ended);
    CHECK(bench.core.phase() == RunPhase::succeeded);
    CHECK(bench.output() == "\"end\"");
    CHECK_FALSE(bench.answer(late, "3").applied);
    CHECK(bench.history.steps().size() == 2);
    CHECK(bench.history.steps()[2].step.status == "Succeeded");
}

TEST_CASE("run core: paths and choices shape what flows", "[workflow][unit]") {
    const std::string spec = R"(  startAt: a
  states:
    a: {type: Task, function: {name: f}, inputPath: $.in, resultPath: $.out, next: c}
    c:
      type: Choice
      choices:
        - {variable: $.out.total, numericGreaterThan: 10, next: big}
        - {and: [{variable: $.out.name, stringEquals: x}, {variable: $.out.no, isPresent: false}], next: named}
      default: small
    big: {type: Fail, errorType: TooBig, cause: more than ten}
    named: {type: Succeed, inputPath: $.out.name}
    small: {type: Succeed, outputPath: $.in}
)";
    struct Row {
        std::string answer, output;
        RunPhase phase;
        std::string error;
    };
    const auto row = GENERATE(Row{R"({"total":11})", "", RunPhase::failed, "TooBig"},
                              Row{R"({"name":"x"})", "\"x\"", RunPhase::succeeded, ""},
                              Row{R"({"name":"x","no":null})", "5", RunPhase::succeeded, ""},
                              Row{R"({"total":10})", "5", RunPhase::succeeded, ""});
    CoreBench bench(spec);
    const auto made = bench.begin(R"({"in":5})");
    REQUIRE(made.calls.size() == 1);
    CHECK(made.calls[0].input.text == "5");
    CHECK(bench.answer(made.calls[0], row.answer).ended);
    CHECK(bench.core.phase() == row.phase);
    CHECK(bench.core.error_type() == row.error);
    if (row.phase == RunPhase::succeeded) CHECK(bench.output() == row.output);
}

TEST_CASE("run core: retries with growing pauses, then catch", "[workflow][unit]") {
    CoreBench bench(R"(  startAt: a
  defaultRetry: {maxAttempts: 3, backoffBase: 1s, backoffCap: 90s}
  states:
    a:
      type: Task
      function: {name: f}
      catch:
        - {errorType: Odd, next: odd}
        - {errorType: Fission.FunctionError, next: caught, resultPath: $.error}
      end: true
    odd: {type: Succeed}
    caught: {type: Succeed}
)");
    auto made = bench.begin(R"({"k":1})");
    auto call = made.calls.at(0);
    SECTION("what may help is tried again") {
        made = bench.fail(call, "Busy");
        REQUIRE(made.wakes.size() == 1);
        CHECK(made.wakes[0].at == bench.now + 1'000);
        CHECK_FALSE(bench.of(Type::due, call.step, 1).applied);
        bench.now += 1'000;
        made = bench.of(Type::due, call.step, 1);
        REQUIRE(made.calls.size() == 1);
        CHECK(made.calls[0].attempt == 2);
        CHECK(made.calls[0].step == call.step);
        CHECK_FALSE(bench.answer(call, "1").applied);
        made = bench.fail(made.calls[0], "Busy");
        CHECK(made.wakes.at(0).at == bench.now + 2'000);
        bench.now += 2'000;
        made = bench.of(Type::due, call.step, 2);
        made = bench.fail(made.calls.at(0), "Busy");
        CHECK(made.ended);
        CHECK(bench.output() == R"({"k":1,"error":{"errorType":"Busy","cause":"boom"}})");
        CHECK(bench.history.steps()[1].step.attempts.size() == 3);
        CHECK(bench.history.steps()[1].step.status == "Caught");
    }
    SECTION("a permanent one is caught at once, its word before its kind") {
        CHECK(bench.fail(call, "Odd", true).ended);
        CHECK(bench.output() == R"({"errorType":"Odd","cause":"boom"})");
    }
    SECTION("what nobody catches ends the run") {
        CHECK(bench.fail(call, "Fission.PermanentError", true).ended);
        CHECK(bench.core.phase() == RunPhase::failed);
        CHECK(bench.core.error_type() == "Fission.PermanentError");
    }
}

TEST_CASE("run core: a map runs so many at once and keeps the order", "[workflow][unit]") {
    CoreBench bench(R"(  startAt: m
  states:
    m:
      type: Map
      itemsPath: $.list
      maxConcurrency: 2
      resultPath: $.done
      outputPath: $.done
      end: true
      branches: [{startAt: t, states: {t: {type: Task, function: {name: f}, end: true}}}]
)");
    auto made = bench.begin(R"({"list":[1,2,3,4,5]})");
    REQUIRE(made.calls.size() == 2);
    CHECK(made.calls[1].branch == "1[1]");
    std::deque<StepCall> open(made.calls.begin(), made.calls.end());
    std::size_t most = 0;
    while (!open.empty()) {
        most = std::max(most, open.size());
        const auto call = open.back();  // out of order
        open.pop_back();
        made = bench.answer(call, call.input.text + "0");
        for (const auto& next : made.calls) open.push_back(next);
    }
    CHECK(most == 2);
    CHECK(bench.output() == "[10,20,30,40,50]");
}

TEST_CASE("run core: maps of nothing, of no list, and of too much", "[workflow][unit]") {
    const std::string spec = R"(  startAt: m
  states:
    m: {type: Map, end: true, branches: [{startAt: t, states: {t: {type: Succeed}}}]}
)";
    RunLimits limits;
    limits.items = 2'000;
    CoreBench bench(spec, limits);
    SECTION("empty") {
        CHECK(bench.begin("[]").ended);
        CHECK(bench.output() == "[]");
    }
    SECTION("branches that end at once need no stack") {
        std::string list = "[0";
        for (int i = 1; i < 2'000; ++i) list += ",0";
        list += ']';
        CHECK(bench.begin(list).ended);
        CHECK(bench.output() == list);
    }
    SECTION("no list") {
        CHECK(bench.begin("{}").ended);
        CHECK(bench.core.error_type() == kInvalidPath);
    }
    SECTION("too long") {
        std::string list = "[0";
        for (int i = 0; i < 2'000; ++i) list += ",0";
        CHECK(bench.begin(list + "]").ended);
        CHECK(bench.core.error_type() == kTooLarge);
    }
}

namespace {

constexpr auto kNested = R"(  startAt: p
  states:
    p:
      type: Parallel
      next: after
      catch: [{errorType: Fission.BranchFailed, next: caught}]
      branches:
        - {startAt: a, states: {a: {type: Task, function: {name: a}, end: true}}}
        - startAt: m
          states:
            m:
              type: Map
              end: true
              branches:
                - {startAt: x, states: {x: {type: Task, function: {name: x}, end: true}}}
    after: {type: Task, function: {name: after}, end: true}
    caught: {type: Succeed, inputPath: $.cause}
)";

}  // namespace

TEST_CASE("run core: nested fan-out joins inside out; a failure drops the others",
          "[workflow][unit]") {
    CoreBench bench(kNested);
    auto made = bench.begin("[7,8]");
    REQUIRE(made.calls.size() == 3);
    const auto a = made.calls[0], x0 = made.calls[1], x1 = made.calls[2];
    CHECK(a.state->name == "a");
    SECTION("all succeed") {
        bench.answer(x1, "81");
        bench.answer(a, "\"a\"");
        made = bench.answer(x0, "71");
        REQUIRE(made.calls.size() == 1);
        CHECK(made.calls[0].state->name == "after");
        CHECK(made.calls[0].input.text == "[\"a\",[71,81]]");
    }
    SECTION("one fails") {
        CHECK(bench.fail(x1, "Odd", true).ended);
        CHECK(bench.core.phase() == RunPhase::succeeded);
        CHECK(bench.output() ==
              "\"branch 1 of \\\"p\\\": Fission.BranchFailed: branch 1 of \\\"m\\\": Odd: boom\"");
        CHECK_FALSE(bench.answer(a, "1").applied);
        const auto& steps = bench.history.steps();
        const auto dropped = std::ranges::count_if(
            steps, [](const auto& row) { return row.second.step.status == "Dropped"; });
        CHECK(dropped == 3);
    }
}

TEST_CASE("run core: a wait ends at its time", "[workflow][unit]") {
    CoreBench bench("  startAt: w\n  states:\n    w: {type: Wait, duration: 5s, end: true}\n");
    const auto made = bench.begin("1");
    REQUIRE(made.wakes.size() == 1);
    CHECK(made.wakes[0].at == bench.now + 5'000);
    bench.now += 4'999;
    CHECK_FALSE(bench.of(Type::due, 1, 1).applied);
    bench.now += 1;
    CHECK(bench.of(Type::due, 1, 1).ended);
    CHECK(bench.output() == "1");
}

TEST_CASE("run core: a callback ends a step by its token", "[workflow][unit]") {
    const bool bare = GENERATE(true, false);
    CoreBench bench(std::string("  startAt: c\n  states:\n    c: {type: Task, callback: true, ") +
                    (bare ? "" : "function: {name: f}, ") +
                    "timeout: 1m, catch: [{errorType: Fission.Timeout, next: late}], end: true}\n"
                    "    late: {type: Succeed}\n");
    auto made = bench.begin("1");
    const auto expires = made.wakes.at(0).at;
    CHECK(expires == bench.now + 60'000);
    std::string token = bench.history.steps()[1].step.token;
    REQUIRE(token.size() == 32);
    CHECK(bench.core.step_of(token) == 1);
    CHECK(bench.core.step_of("guess") == 0);
    if (!bare) {
        REQUIRE(made.calls.size() == 1);
        CHECK(made.calls[0].token == token);
        CHECK_FALSE(bench.answer(made.calls[0], "\"taken\"").ended);
    } else {
        CHECK(made.calls.empty());
    }
    SECTION("in time") {
        CHECK(bench.of(Type::called_back, 1, 0, "\"yes\"").ended);
        CHECK(bench.output() == "\"yes\"");
        CHECK(bench.core.step_of(token) == 0);
    }
    SECTION("too late") {
        bench.now = expires;
        CHECK(bench.of(Type::due, 1, 0).ended);
        CHECK(bench.output().find("Fission.Timeout") != std::string::npos);
    }
}

TEST_CASE("run core: a sub-workflow is a step", "[workflow][unit]") {
    CoreBench bench(
        "  startAt: s\n  states:\n    s: {type: Task, function: {type: workflow, name: other}, "
        "end: true}\n");
    auto made = bench.begin("1");
    REQUIRE(made.children.size() == 1);
    CHECK(made.children[0].workflow == "other");
    SECTION("its output is the result") {
        CHECK(bench.of(Type::child_ended, 1, 1, "\"out\"").ended);
        CHECK(bench.output() == "\"out\"");
    }
    SECTION("a cancelled run takes it along; a redrive goes on with the same one") {
        made = bench.of(Type::cancelled);
        CHECK(made.dropped_children == std::vector<std::int64_t>{1});
        CHECK(bench.core.phase() == RunPhase::cancelled);
        made = bench.of(Type::redriven);
        REQUIRE(made.children.size() == 1);
        CHECK(made.children[0].again);
        CHECK(made.children[0].attempt == 1);
        CHECK(bench.of(Type::child_ended, 1, 1, "2").ended);
    }
}

TEST_CASE("run core: redrive goes on at the failed step, finished ones are not repeated",
          "[workflow][unit]") {
    CoreBench bench(R"(  startAt: first
  states:
    first: {type: Task, function: {name: first}, next: p}
    p:
      type: Parallel
      end: true
      branches:
        - {startAt: a, states: {a: {type: Task, function: {name: a}, end: true}}}
        - {startAt: b, states: {b: {type: Task, function: {name: b}, end: true}}}
        - {startAt: c, states: {c: {type: Task, function: {name: c}, end: true}}}
)");
    auto made = bench.begin("0");
    made = bench.answer(made.calls.at(0), "1");
    REQUIRE(made.calls.size() == 3);
    const auto a = made.calls[0], b = made.calls[1], c = made.calls[2];
    bench.answer(a, "\"A\"");
    CHECK_FALSE(bench.of(Type::redriven).applied);
    CHECK(bench.fail(b, "Odd", true).ended);
    CHECK(bench.core.phase() == RunPhase::failed);
    CHECK_FALSE(bench.answer(c, "\"C\"").applied);
    made = bench.of(Type::redriven);
    REQUIRE(made.calls.size() == 2);
    CHECK(made.calls[0].step == b.step);
    CHECK(made.calls[0].attempt == 2);
    CHECK(made.calls[1].step == c.step);
    CHECK(made.calls[1].attempt == 1);
    const auto again = made.calls;
    bench.answer(again[0], "\"B\"");
    CHECK(bench.answer(again[1], "\"C\"").ended);
    CHECK(bench.output() == R"(["A","B","C"])");
    CHECK_FALSE(bench.of(Type::redriven).applied);
}

TEST_CASE("run core: too long a run is timed out, too many steps end it", "[workflow][unit]") {
    CoreBench bench("  steps: [a]\n  timeout: 10s\n");
    bench.begin("0");
    bench.now += 10'000;
    CHECK(bench.of(Type::timed_out).ended);
    CHECK(bench.core.phase() == RunPhase::timed_out);
    RunLimits limits;
    limits.steps = 2;
    CoreBench many("  steps: [a, b, c]\n", limits);
    auto made = many.begin("0");
    made = many.answer(made.calls.at(0), "0");
    CHECK(many.answer(made.calls.at(0), "0").ended);
    CHECK(many.core.error_type() == kTooManySteps);
}

TEST_CASE("run core: long values stand outside, and a replay asks for them", "[workflow][unit]") {
    RunLimits limits;
    limits.outside_from = 64;
    limits.value_bytes = 1'000;
    CoreBench bench(R"(  startAt: a
  states:
    a: {type: Task, function: {name: a}, resultPath: $.r, next: b}
    b: {type: Task, function: {name: b}, inputPath: $.r.long, end: true}
)",
                    limits);
    auto made = bench.begin("{}");
    const std::string text(200, 'x');
    made = bench.answer(made.calls.at(0), "{\"long\":\"" + text + "\"}");
    REQUIRE(made.calls.size() == 1);
    CHECK(made.calls[0].input.outside());
    CHECK(bench.values.text(made.calls[0].input) == "\"" + text + "\"");
    CHECK(bench.core.may_block());
    auto again = bench.replayed();
    const auto outstanding = again.outstanding();
    REQUIRE(outstanding.calls.size() == 1);
    CHECK(outstanding.calls[0].input == made.calls[0].input);
    SECTION("too long is told") {
        CHECK(bench.answer(made.calls[0], "\"" + std::string(2'000, 'y') + "\"").ended);
        CHECK(bench.core.error_type() == kTooLarge);
    }
    SECTION("a lost one is noticed") {
        bench.values.values.clear();
        Event event;
        event.type = Type::redriven;
        RunCore lost(bench.spec, bench.values);
        Event begun;
        begun.limits = limits;
        begun.value.digest = "gone";
        begun.value.bytes = 100;
        CHECK_NOTHROW(lost.apply(begun));
        Event ended;
        ended.type = Type::answered;
        ended.step = 1;
        ended.attempt = 1;
        ended.value = Value("1");
        CHECK_THROWS_AS(lost.apply(ended), ValueLost);
    }
}
