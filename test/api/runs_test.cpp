#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using hearth::test::ApiFixture;

namespace {

const std::string kRuns = "/api/v1/namespaces/a/workflowruns";

}  // namespace

TEST_CASE("api: runs are started by callers, shown to viewers, ended by deployers", "[api]") {
    ApiFixture f;
    CHECK(f.send("POST", kRuns, R"({"workflowRef":"w"})", "view-a").status == 403);
    CHECK(f.send("POST", kRuns, R"({"workflowRef":"w"})", "call-b").status == 403);
    for (const char* wrong :
         {"[]", "{}", R"({"workflowRef":1})", R"({"workflowRef":"w","inptu":1})",
          R"({"kind":"Function","spec":{"workflowRef":"w"}})"}) {
        INFO(wrong);
        CHECK(f.send("POST", kRuns, wrong, "call-a").status == 400);
    }
    CHECK(f.send("POST", kRuns, R"({"workflowRef":"gone"})", "call-a").status == 404);
    const auto made = f.send("POST", kRuns, R"({"workflowRef":"w","input":{"n":[1]}})", "call-a",
                             {{"Idempotency-Key", "k"}});
    REQUIRE(made.status == 201);
    CHECK(made.text("/kind") == "WorkflowRun");
    CHECK(made.text("/status/phase") == "Running");
    CHECK(made.text("/status/activeStates/0") == "ask");
    CHECK(made.json().at("spec").at("input").at("n").at(0) == 1);
    const auto id = made.text("/metadata/name");
    CHECK(f.send("POST", kRuns,
                 R"({"apiVersion":"hearth/v1","kind":"WorkflowRun","spec":{"workflowRef":"w"}})",
                 "call-a", {{"Idempotency-Key", "k"}})
              .status == 200);
    const auto one = kRuns + "/" + id;
    auto shown = f.send("GET", one, "", "view-a");
    CHECK(shown.status == 200);
    CHECK(shown.text("/status/steps/0/token") == "token");
    CHECK(shown.text("/status/steps/0/attempts/0/errorType") == "Odd");
    CHECK_FALSE(shown.json().at("status").at("steps").at(0).as_object().contains("input"));
    shown = f.send("GET", one + "?io=true", "", "view-a");
    CHECK(shown.json().at("status").at("steps").at(0).at("input").at(0) == 1);
    CHECK(f.send("GET", "/api/v1/namespaces/b/workflowruns/" + id, "", "view-b").status == 404);
    CHECK(f.send("GET", one + "?wait=x", "", "view-a").status == 400);
    CHECK(f.send("POST", one + "/cancel", "", "call-a").status == 403);
    CHECK(f.send("DELETE", one, "", "deploy-a").status == 409);
    CHECK(f.send("POST", one + "/cancel", "", "deploy-a").text("/status/phase") == "Cancelled");
    CHECK(f.send("POST", one + "/cancel", "", "deploy-a").status == 409);
    CHECK(f.send("POST", one + "/redrive", "", "view-a").status == 403);
    CHECK(f.send("POST", one + "/redrive", "", "deploy-a").status == 202);
    CHECK(f.send("POST", one + "/callbacks/odd", "{}", "call-a").status == 404);
    CHECK(f.send("POST", one + "/callbacks/token", R"({"outptu":1})", "call-a").status == 400);
    const auto back = f.send("POST", one + "/callbacks/token", R"({"output":[true]})", "call-a");
    CHECK(back.text("/status/output") == "done");
    CHECK(f.runs.called_back.output == "[true]");
    CHECK(f.send("DELETE", one, "", "deploy-a").status == 200);
    CHECK(f.send("GET", one, "", "view-a").status == 404);
}

TEST_CASE("api: runs are listed by pages, workflow and phase", "[api]") {
    ApiFixture f;
    const auto first = f.runs.add("a", "w"), second = f.runs.add("a", "v");
    f.runs.add("b", "w");
    auto list = f.send("GET", kRuns + "?limit=1", "", "view-a");
    REQUIRE(list.array("/items").size() == 1);
    CHECK(list.text("/items/0/metadata/name") == second);
    list =
        f.send("GET", kRuns + "?limit=1&continue=" + list.text("/metadata/continue"), "", "view-a");
    CHECK(list.text("/items/0/metadata/name") == first);
    list = f.send("GET", kRuns + "?workflow=w&phase=Running", "", "view-a");
    CHECK(list.array("/items").size() == 1);
    CHECK(list.text("/metadata/continue") == "");
    CHECK(f.send("GET", kRuns + "?phase=Odd", "", "view-a").status == 400);
    CHECK(f.send("GET", kRuns, "", "view-b").status == 403);
}
