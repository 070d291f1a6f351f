#include "api/api_fixture.hpp"
#include "api/content.hpp"
#include "api/diff.hpp"
#include "api/parameters.hpp"
#include "api/plan.hpp"
#include "api/references.hpp"
#include "api/route_index.hpp"
#include "api/selector.hpp"
#include "api/write_gate.hpp"
#include "hearth/base/time_text.hpp"
#include "support/catch.hpp"

using namespace hearth;

namespace {

catalog::RecordPtr route(const std::string& name, const std::string& path) {
    auto record = std::make_shared<catalog::Record>();
    record->kind = model::Kind::http_trigger;
    record->metadata.name = name;
    record->spec_text = R"({"relativeurl":")" + path + R"("})";
    return record;
}

std::vector<std::string> candidates(const api::RouteIndex& index, const std::string& path) {
    model::Resource trigger;
    trigger.kind = model::Kind::http_trigger;
    trigger.metadata.name = "new";
    trigger.spec["relativeurl"] = path;
    std::vector<std::string> names;
    for (const auto& record : index.candidates(trigger)) names.push_back(record->metadata.name);
    return names;
}

api::Intent intent_of(const std::string& documents) {
    api::Reading reading;
    reading.body = documents;
    auto incoming = api::read_documents(reading);
    REQUIRE(incoming.syntax.empty());
    REQUIRE(incoming.faults.empty());
    api::Intent intent;
    intent.wanted = std::move(incoming.wanted);
    return intent;
}

Task<std::string> gate_order(api::WriteGate& gate) {
    using Mode = api::WriteGate::Mode;
    std::string seen;
    auto first = co_await gate.enter(Mode::shared, Deadline::never());
    auto second = co_await gate.enter(Mode::shared, Deadline::never());
    seen += first && second ? "shared beside shared; " : "refused; ";
    const auto soon = Deadline::after(std::chrono::milliseconds(1));
    auto blocked = co_await gate.enter(Mode::exclusive, soon);
    seen += blocked ? "entered; " : "exclusive waits; ";
    {
        const auto gone_first = std::move(*first);
        const auto gone_second = std::move(*second);
    }
    auto alone = co_await gate.enter(Mode::exclusive, Deadline::never());
    auto beside = co_await gate.enter(Mode::shared, Deadline::after(std::chrono::milliseconds(1)));
    seen += alone && !beside ? "exclusive alone; " : "not alone; ";
    { const auto gone = std::move(*alone); }
    auto again = co_await gate.enter(Mode::shared, Deadline::never());
    seen += again ? "free" : "stuck";
    co_return seen;
}

}  // namespace

TEST_CASE("route index: gives all that may conflict and not much more", "[api][unit]") {
    const api::RouteIndex index({route("a", "/users/{id}"), route("b", "/users/me"),
                                 route("c", "/users"), route("d", "/{x}/me"),
                                 route("e", "/other/{id}"), route("f", "/users/me/")});
    CHECK(candidates(index, "/users/me") == std::vector<std::string>{"b", "f", "a", "d"});
    CHECK(candidates(index, "/users/{name}") == std::vector<std::string>{"a", "b", "d", "f"});
    CHECK(candidates(index, "/nothing").empty());
}

TEST_CASE("label selector", "[api][unit]") {
    const std::map<std::string, std::string> labels = {{"tier", "web"}, {"x/y", "1"}};
    struct Row {
        const char* text;
        bool matches;
    };
    const auto row =
        GENERATE(Row{"", true}, Row{"tier=web", true}, Row{"tier==web", true},
                 Row{"tier!=web", false}, Row{"none!=web", true}, Row{"tier", true},
                 Row{"none", false}, Row{"!none", true}, Row{"!tier", false},
                 Row{"tier=web, x/y=1", true}, Row{"tier=web,x/y=2", false}, Row{"none=", false});
    INFO(row.text);
    const auto selector = api::LabelSelector::parse(row.text);
    REQUIRE(selector);
    CHECK(selector->matches(labels) == row.matches);
    for (const char* wrong : {"=x", "a b", "a=b=c", "a in (b)", "!"})
        CHECK(!api::LabelSelector::parse(wrong));
}

TEST_CASE("RFC 3339 times", "[api][unit]") {
    using std::chrono::system_clock;
    struct Row {
        const char* text;
        std::int64_t ms;
    };
    const auto row =
        GENERATE(Row{"1970-01-01T00:00:01Z", 1000}, Row{"1970-01-01T00:00:00.250Z", 250},
                 Row{"1970-01-01T02:00:00+02:00", 0}, Row{"1969-12-31t23:30:00-00:30", 0},
                 Row{"2000-02-29T00:00:00Z", 951'782'400'000});
    const auto time = base::parse_rfc3339(row.text);
    INFO(row.text);
    REQUIRE(time);
    CHECK(std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count() ==
          row.ms);
    for (const char* wrong :
         {"", "2001-02-29T00:00:00Z", "2000-01-01", "2000-01-01T00:00:00", "2000-01-01T24:00:00Z",
          "2000-01-01T00:00:00.Z", "2000-01-01T00:00:00Zx", "2000-01-01T00:00:00+2:00"}) {
        INFO(wrong);
        CHECK(!base::parse_rfc3339(wrong));
    }
}

TEST_CASE("merge patch: the examples of RFC 7396", "[api][unit]") {
    struct Row {
        const char *target, *patch, *result;
    };
    const auto row =
        GENERATE(Row{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
                 Row{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
                 Row{R"({"a":"b"})", R"({"a":null})", R"({})"},
                 Row{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
                 Row{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
                 Row{R"({"a":"foo"})", "null", "null"},
                 Row{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
                 Row{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"});
    auto target = boost::json::parse(row.target);
    api::merge_patch(target, boost::json::parse(row.patch));
    CHECK(target == boost::json::parse(row.result));
}

TEST_CASE("Accept", "[api][unit]") {
    CHECK(api::accepts("", "application/json"));
    CHECK(api::accepts("application/*", "application/json"));
    CHECK(api::accepts("text/html, application/json;q=0.1", "application/json"));
    CHECK(api::accepts("application/problem+json", "application/json"));
    CHECK(!api::accepts("application/json;q=0", "application/json"));
    CHECK(!api::accepts("text/html", "application/json"));
}

TEST_CASE("references: everything a function and a route name", "[api][unit]") {
    const auto intent = intent_of(R"(
apiVersion: hearth/v1
kind: Function
metadata: {name: f}
spec:
  environment: {name: py}
  package: {packageref: {name: p}}
  secrets: [{name: s1}]
  configmaps: [{name: c1}]
  env:
    - {name: A, valueFrom: {secretKeyRef: {name: s2, key: k, optional: true}}}
    - {name: B, valueFrom: {configMapKeyRef: {name: c2, key: k}}}
  envFrom: [{secretRef: {name: s3}}]
---
apiVersion: hearth/v1
kind: HTTPTrigger
metadata: {name: r}
spec: {relativeurl: /r, functionref: {name: f}, auth: {apiKeySecret: keys}}
)");
    std::string text;
    for (const auto& wanted : intent.wanted) {
        for (const auto& reference : api::references(wanted.resource)) {
            text += reference.path + "=" + reference.name + (reference.optional ? "? " : " ");
        }
    }
    CHECK(
        text ==
        "spec.environment.name=py spec.package.packageref.name=p spec.secrets[0].name=s1 "
        "spec.configmaps[0].name=c1 "
        "spec.env[0].valueFrom.secretKeyRef.name=s2? spec.env[1].valueFrom.configMapKeyRef.name=c2 "
        "spec.envFrom[0].secretRef.name=s3 spec.functionref.name=f spec.auth.apiKeySecret=keys ");
}

TEST_CASE("plan: writes what others name first, warns, and loads what changed", "[api][unit]") {
    const auto catalog = catalog::make_memory_catalog();
    auto intent = intent_of(
        "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\n"
        "spec: {environment: {name: py}, package: {packageref: {name: p}}}\n---\n"
        "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: p}\n"
        "spec: {environment: {name: js}, deployment: {files: {a.py: x}}}\n---\n"
        "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: py}\nspec: {runtime: {image: "
        "i}}\n---\n"
        "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: js}\nspec: {runtime: {image: "
        "i}}\n");
    api::Surroundings around;
    around.environment_trouble = [](const model::Resource& environment) {
        return environment.metadata.name == "js" ? std::string("node is missing") : std::string();
    };
    const auto plan = api::plan_write(*catalog, intent, around);
    REQUIRE(!plan.refusal);
    std::string order;
    for (const auto& mutation : plan.mutations) order += mutation.resource.metadata.name + " ";
    CHECK(order == "py js p f ");
    CHECK(plan.steps.front().warnings ==
          std::vector<std::string>{
              "the package p is for the environment js, the function runs in py"});
    CHECK(plan.steps.back().warnings == std::vector<std::string>{"node is missing"});
    const auto to_load = api::functions_to_load(plan);
    REQUIRE(to_load.size() == 1);
    CHECK(api::to_string(to_load.front()) == "Function default/f");
    CHECK(!plan.exclusive());
    CHECK(catalog->revision() == 0);
}

TEST_CASE("write gate: shared together, exclusive alone, time-outs leave no trace", "[api][unit]") {
    api::WriteGate gate;
    CHECK(test::run_task(gate_order(gate)) ==
          "shared beside shared; exclusive waits; exclusive alone; free");
}

TEST_CASE("parameters: typed, known, once", "[api][unit]") {
    api::Operation operation;
    operation.parameters = {{"dryRun", "query", "boolean", "", ""},
                            {"limit", "query", "integer", "", ""}};
    CHECK(!api::check_parameters(operation, "dryRun=true&limit=5").has_error());
    struct Row {
        const char *query, *text;
    };
    const auto row =
        GENERATE(Row{"dryRun=yes", "dryRun must be true or false"}, Row{"dryRun=", "true or false"},
                 Row{"limit=-1", "whole number"}, Row{"limit=99999999999999999999", "whole number"},
                 Row{"limit=1&limit=2", "twice"}, Row{"dry_run=true", "did you mean dryRun?"},
                 Row{"zzz", "known: dryRun, limit"}, Row{"dryRun=%zz", ""});
    const auto checked = api::check_parameters(operation, row.query);
    INFO(row.query);
    REQUIRE(checked.has_error());
    CHECK(checked.error().message.find(row.text) != std::string::npos);
}
