#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using hearth::test::ApiFixture;

namespace {

const std::string kCalls = "/api/v1/namespaces/a/calls";

}  // namespace

TEST_CASE("api: calls are listed and shown to whoever may see their namespace") {
    ApiFixture f;
    const auto dead = f.desk.add("a");
    const auto waiting = f.desk.add("a", false);
    f.desk.add("b");
    auto list = f.send("GET", kCalls, "", "view-a").json();
    REQUIRE(list.at("items").as_array().size() == 2);
    CHECK(list.at("items").at(0).at("id").as_string() == waiting);
    CHECK(list.at("continue") == "");
    list = f.send("GET", kCalls + "?limit=1", "", "view-a").json();
    const std::string next(list.at("continue").as_string());
    list = f.send("GET", kCalls + "?limit=1&continue=" + next, "", "view-a").json();
    CHECK(list.at("items").at(0).at("id").as_string() == dead);
    list = f.send("GET", kCalls + "?state=failed&function=f", "", "view-a").json();
    CHECK(list.at("items").as_array().size() == 1);
    CHECK(f.send("GET", kCalls + "?state=odd", "", "view-a").status == 400);
    CHECK(f.send("GET", kCalls, "", "view-b").status == 403);
    const auto one = f.send("GET", kCalls + "/" + dead, "", "view-a").json();
    CHECK(one.at("state") == "failed");
    CHECK(one.at("reason") == "retriesExhausted");
    CHECK(one.at("request").at("body") == "hi");
    CHECK(one.at("result").at("bodyBase64") == "/w==");
    CHECK(one.at("history").at(0).at("status") == 500);
    CHECK(one.at("history").at(0).at("started") == "1970-01-01T00:00:02.000Z");
    CHECK(f.send("GET", "/api/v1/namespaces/b/calls/" + dead, "", "view-b").status == 404);
    CHECK(f.send("GET", kCalls + "/" + dead + "?wait=x", "", "view-a").status == 400);
}

TEST_CASE("api: dead letters are edited, redriven and purged by deployers") {
    ApiFixture f;
    const auto dead = f.desk.add("a");
    const auto one = kCalls + "/" + dead;
    const std::vector<std::pair<std::string, std::string>> json = {
        {"Content-Type", "application/json"}};
    CHECK(f.send("PATCH", one, R"({"body":"x"})", "view-a", json).status == 403);
    for (const char* wrong : {"[]", R"({"bodi":"x"})", R"({"target":"x"})", R"({"body":1})",
                              R"({"headers":{"a b":"c"}})", R"({"bodyBase64":"?"})"}) {
        INFO(wrong);
        CHECK(f.send("PATCH", one, wrong, "deploy-a", json).status == 400);
    }
    const auto edited = f.send("PATCH", one, R"({"body":"new","target":"/x","headers":{"A":"b"}})",
                               "deploy-a", json);
    REQUIRE(edited.status == 200);
    CHECK(edited.json().at("request").at("body") == "new");
    CHECK(edited.json().at("request").at("headers").at(0).at("name") == "A");
    CHECK(f.send("POST", one + "/redrive", "", "view-a").status == 403);
    CHECK(f.send("POST", one + "/redrive", "", "deploy-a").status == 202);
    CHECK(f.send("POST", one + "/redrive", "", "deploy-a").status == 409);
    CHECK(f.send("PATCH", one, R"({"body":"x"})", "deploy-a", json).status == 409);
    const auto cancelled = f.send("DELETE", one, "", "deploy-a");
    CHECK(cancelled.json().at("removed") == 0);
    CHECK(f.send("GET", one, "", "view-a").json().at("reason") == "cancelled");
    CHECK(f.send("DELETE", one, "", "deploy-a").json().at("removed") == 1);
    CHECK(f.send("GET", one, "", "view-a").status == 404);
    f.desk.add("a");
    f.desk.add("a");
    f.desk.add("b");
    CHECK(f.send("DELETE", kCalls + "?state=failed", "", "deploy-a").json().at("removed") == 2);
    CHECK(f.send("GET", "/api/v1/namespaces/b/calls", "", "view-b")
              .json()
              .at("items")
              .as_array()
              .size() == 1);
}
