#include "hearth/workflow/workflows.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "support/catalog_writes.hpp"
#include "support/catch.hpp"
#include "support/run_task.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using catalog::RunPhase;

namespace {

/// Answers by what the test says.
class ScriptedCaller final : public workflow::StepCaller {
 public:
    Task<invoke::CallAnswer> call(std::string, std::string function,
                                  invoke::DetachedCall call) override {
        const int at_once = ++running;
        int seen = most.load();
        while (seen < at_once && !most.compare_exchange_weak(seen, at_once)) {
        }
        invoke::CallAnswer answer;
        while (held.load() && function == "slow") {
            const auto until = Deadline::after(2ms);
            if (co_await aio::sleep_until(until)) continue;
            answer.error.emplace(Errc::cancelled, "cancelled");
            --running;
            co_return answer;
        }
        --running;
        std::lock_guard lock(mutex);
        keys[function].push_back(std::string(call.headers.find("Idempotency-Key").value_or("")));
        tokens[function] = call.headers.find("X-Hearth-Workflow-Token").value_or("");
        auto& left = failures[function];
        answer.status = left > 0 ? 500 : 200;
        if (left > 0) --left;
        answer.body = bodies.contains(function) ? bodies[function] : call.body;
        co_return answer;
    }
    std::size_t calls(const std::string& function) {
        std::lock_guard lock(mutex);
        return keys[function].size();
    }

    std::atomic<int> running{0}, most{0};
    std::atomic<bool> held{false};
    std::mutex mutex;
    std::map<std::string, int> failures;
    std::map<std::string, std::string> bodies, tokens;
    std::map<std::string, std::vector<std::string>> keys;
};

struct EngineBench {
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    aio::Shards shards{2};
    aio::BlockingPool pool{2, 256};
    base::SystemClock clock;
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    std::unique_ptr<catalog::RunJournal> journal = catalog::make_memory_run_journal();
    ScriptedCaller caller;
    workflow::WorkflowOptions options;
    std::unique_ptr<workflow::Workflows> engine;

    EngineBench() { restart(); }
    ~EngineBench() { engine.reset(); }

    void restart() {
        engine.reset();
        engine = workflow::Workflows::make(options, *catalog, *journal, caller, shards, pool, clock,
                                           log, metrics);
        engine->start();
    }
    void put(const std::string& name, const std::string& spec) {
        model::Resource resource;
        resource.kind = model::Kind::workflow;
        resource.metadata.name = name;
        resource.spec = boost::json::parse(spec).as_object();
        catalog::Mutation mutation;
        mutation.resource = std::move(resource);
        std::vector<catalog::Mutation> all;
        all.push_back(std::move(mutation));
        REQUIRE(test::run_task(catalog->write(std::move(all))));
    }
    Result<catalog::AcceptedRun> start(const std::string& name, const std::string& input = "1",
                                       const std::string& key = "") {
        catalog::RunStart start;
        start.ns = "default";
        start.workflow = name;
        start.input = input;
        start.origin = "API";
        start.idempotency_key = key;
        return test::run_task(engine->start_run(std::move(start)));
    }
    catalog::RunRow end(const std::string& id) {
        return test::run_task(engine->await_end(id, Deadline::after(20s))).value();
    }
    catalog::RunDetail detail(const std::string& id) {
        return test::run_task(engine->describe(id, true)).value();
    }
    template <class Condition>
    void until(Condition condition) {
        for (int i = 0; i < 2'000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
        REQUIRE(condition());
    }
};

constexpr auto kPipeline = R"({"steps":["a","b","c"]})";

}  // namespace

TEST_CASE("workflows: a run calls its steps and is described", "[workflow][integration]") {
    EngineBench bench;
    bench.put("w", kPipeline);
    bench.caller.bodies["b"] = "plain text";
    const auto run = bench.start("w", R"({"n":1})").value().row;
    CHECK(bench.end(run.id).phase == RunPhase::succeeded);
    const auto detail = bench.detail(run.id);
    CHECK(detail.input == R"({"n":1})");
    CHECK(detail.output == "\"plain text\"");
    REQUIRE(detail.steps.size() == 3);
    CHECK(detail.steps[1].state == "b");
    CHECK(detail.steps[1].status == "Succeeded");
    CHECK(detail.steps[1].input == R"({"n":1})");
    CHECK(detail.steps[1].output == "\"plain text\"");
    CHECK(bench.caller.keys["b"].front() == run.id + "/2");
    CHECK(bench.start("none").error().code == Errc::not_found);
    CHECK(bench.start("w", "{").error().code == Errc::invalid_argument);
    CHECK(bench.start("w", "\"" + std::string(300'000, 'x') + "\"").error().code ==
          Errc::too_large);
    const auto first = bench.start("w", "1", "key").value();
    const auto again = bench.start("w", "1", "key").value();
    CHECK(again.existing);
    CHECK(again.row.id == first.row.id);
}

TEST_CASE("workflows: after a restart a run goes on where it was", "[workflow][integration]") {
    EngineBench bench;
    bench.put("w", R"({"steps":["a","slow","c"]})");
    bench.caller.held = true;
    const auto run = bench.start("w").value().row;
    bench.until([&] { return bench.caller.running == 1; });
    bench.restart();
    bench.until([&] { return bench.caller.running == 1; });
    bench.caller.held = false;
    CHECK(bench.end(run.id).phase == RunPhase::succeeded);
    CHECK(bench.caller.calls("a") == 1);
    CHECK(bench.caller.calls("c") == 1);
    CHECK(bench.caller.keys["slow"] == std::vector<std::string>{run.id + "/2"});
}

TEST_CASE("workflows: retries, failure, redrive", "[workflow][integration]") {
    EngineBench bench;
    bench.put("w", R"({"steps":["a","b"],"defaultRetry":{"maxAttempts":2,"backoffBase":"1ms"}})");
    bench.caller.failures["b"] = 3;
    const auto run = bench.start("w").value().row;
    const auto failed = bench.end(run.id);
    CHECK(failed.phase == RunPhase::failed);
    CHECK(failed.error_type == "Fission.FunctionError");
    CHECK(bench.caller.calls("b") == 2);
    REQUIRE(test::run_task(bench.engine->redrive(run.id)));
    CHECK(bench.end(run.id).phase == RunPhase::succeeded);
    CHECK(bench.caller.calls("a") == 1);
    CHECK(bench.caller.calls("b") == 4);
    CHECK(bench.detail(run.id).steps[1].attempts.size() == 4);
    CHECK(test::run_task(bench.engine->redrive(run.id)).error().code == Errc::conflict);
    CHECK(test::run_task(bench.engine->redrive("nobody")).error().code == Errc::not_found);
}

TEST_CASE("workflows: cancel, and calls at once", "[workflow][integration]") {
    EngineBench bench;
    bench.options.calls = 3;
    bench.options.running = 1;
    bench.restart();
    bench.put("m", R"({"startAt":"m","states":{"m":{"type":"Map","maxConcurrency":50,"end":true,
        "branches":[{"startAt":"s","states":{"s":{"type":"Task","function":{"name":"slow"},"end":true}}}]}}})");
    bench.caller.held = true;
    const auto run = bench.start("m", "[1,2,3,4,5,6,7,8]").value().row;
    bench.until([&] { return bench.caller.running == 3; });
    CHECK(bench.start("m", "[]").error().code == Errc::exhausted);
    CHECK(test::run_task(bench.engine->remove(run.id)).error().code == Errc::conflict);
    REQUIRE(test::run_task(bench.engine->cancel(run.id)));
    CHECK(bench.end(run.id).phase == RunPhase::cancelled);
    CHECK(test::run_task(bench.engine->cancel(run.id)).error().code == Errc::conflict);
    bench.caller.held = false;
    REQUIRE(test::run_task(bench.engine->redrive(run.id)));
    CHECK(bench.end(run.id).phase == RunPhase::succeeded);
    CHECK(bench.detail(run.id).output == "[1,2,3,4,5,6,7,8]");
    CHECK(bench.caller.most == 3);
    REQUIRE(test::run_task(bench.engine->remove(run.id)));
    CHECK(test::run_task(bench.engine->describe(run.id, false)).error().code == Errc::not_found);
}

TEST_CASE("workflows: callbacks, also after a restart", "[workflow][integration]") {
    EngineBench bench;
    bench.put("w", R"({"startAt":"ask","states":{"ask":{"type":"Task","callback":true,
        "function":{"name":"ask"},"end":true}}})");
    const auto run = bench.start("w").value().row;
    bench.until([&] { return bench.detail(run.id).steps.at(0).status == "Waiting"; });
    const auto token = bench.detail(run.id).steps[0].token;
    CHECK(token == bench.caller.tokens["ask"]);
    bench.restart();
    catalog::RunCallback callback;
    callback.output = R"({"approved":true})";
    CHECK(test::run_task(bench.engine->call_back(run.id, "guess", callback)).error().code ==
          Errc::not_found);
    bench.until([&] {
        return test::run_task(bench.engine->call_back(run.id, token, callback)).has_value() ||
               bench.end(run.id).phase == RunPhase::succeeded;
    });
    CHECK(bench.end(run.id).phase == RunPhase::succeeded);
    CHECK(bench.detail(run.id).output == callback.output);
    CHECK(bench.caller.calls("ask") == 1);
}

TEST_CASE("workflows: a sub-workflow with a long value, and one that fails",
          "[workflow][integration]") {
    EngineBench bench;
    bench.put("outer", R"({"startAt":"s","states":{"s":{"type":"Task",
        "function":{"type":"workflow","name":"inner"},"next":"b"},
        "b":{"type":"Task","function":{"name":"b"},"end":true}}})");
    bench.put("inner", R"({"steps":["a"]})");
    const auto text = "\"" + std::string(200'000, 'x') + "\"";
    bench.caller.bodies["a"] = text;
    SECTION("good") {
        const auto run = bench.start("outer").value().row;
        CHECK(bench.end(run.id).phase == RunPhase::succeeded);
        CHECK(bench.detail(run.id).output == text);
        const auto rows = test::run_task(bench.engine->list(catalog::RunQuery())).value();
        REQUIRE(rows.size() == 2);
        CHECK(rows[0].parent == run.id);
        CHECK(rows[0].depth == 1);
    }
    SECTION("bad, then redriven with its child") {
        bench.caller.failures["a"] = 1;
        const auto run = bench.start("outer").value().row;
        CHECK(bench.end(run.id).phase == RunPhase::failed);
        REQUIRE(test::run_task(bench.engine->redrive(run.id)));
        CHECK(bench.end(run.id).phase == RunPhase::succeeded);
        CHECK(test::run_task(bench.engine->list(catalog::RunQuery())).value().size() == 2);
    }
    SECTION("none of that name") {
        bench.put("inner2", R"({"startAt":"s","states":{"s":{"type":"Task",
            "function":{"type":"workflow","name":"gone"},"end":true}}})");
        const auto run = bench.start("inner2").value().row;
        CHECK(bench.end(run.id).error_type == "Fission.PermanentError");
    }
}

TEST_CASE("workflows: waits and the run's own timeout", "[workflow][integration]") {
    EngineBench bench;
    bench.put("w",
              R"({"startAt":"w","states":{"w":{"type":"Wait","duration":"30ms","end":true}}})");
    bench.put(
        "t",
        R"({"timeout":"50ms","startAt":"w","states":{"w":{"type":"Wait","duration":"1h","end":true}}})");
    const auto wait = bench.start("w", "7").value().row;
    const auto late = bench.start("t").value().row;
    CHECK(bench.end(wait.id).phase == RunPhase::succeeded);
    CHECK(bench.end(late.id).phase == RunPhase::timed_out);
}
