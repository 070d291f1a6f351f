#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::ApiFixture;
using test::hello;

namespace {

std::string map_named(const std::string& name) {
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n";
}

telemetry::LogEntry entry(const std::string& message, const std::string& request_id = "") {
    telemetry::LogEntry made;
    made.time = std::chrono::system_clock::now();
    made.message = message;
    made.request_id = request_id;
    return made;
}

}  // namespace

TEST_CASE("watch: replays from a revision, then goes on", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(map_named("one")).status == 200);
    const auto since = api.catalog->revision();
    REQUIRE(api.apply(map_named("two")).status == 200);
    std::vector<std::string> seen;
    const auto status = api.stream(
        "/api/v1/watch?since=" + std::to_string(since) + "&kinds=configmaps",
        [&](const boost::json::value& line) {
            const std::string type = line.at("type").as_string().c_str();
            if (type == "bookmark") return true;
            seen.push_back(type + " " +
                           line.at("object").at("metadata").at("name").as_string().c_str());
            if (seen.size() == 1) {
                REQUIRE(api.apply(map_named("three")).status == 200);
                REQUIRE(api.send("POST", "/api/v1/namespaces/default/secrets",
                                 "metadata: {name: s}\nstringData: {k: v}\n")
                            .status == 201);
                REQUIRE(api.send("DELETE", "/api/v1/namespaces/default/configmaps/one").status ==
                        200);
            }
            return seen.size() < 3;
        });
    CHECK(status == 200);
    CHECK(seen == std::vector<std::string>{"added two", "added three", "removed one"});
}

TEST_CASE("watch: begins now without since, hides values, says 410 for the unknown past",
          "[api][integration]") {
    ApiFixture api;
    std::string secret;
    api.stream("/api/v1/watch?namespace=a", [&](const boost::json::value& line) {
        if (line.at("type") == "bookmark") {
            REQUIRE(api.send("POST", "/api/v1/namespaces/b/secrets",
                             "metadata: {name: s}\nstringData: {k: v}\n")
                        .status == 201);
            REQUIRE(api.send("POST", "/api/v1/namespaces/a/secrets",
                             "metadata: {name: t}\nstringData: {k: v}\n")
                        .status == 201);
            return true;
        }
        secret = boost::json::serialize(line.at("object"));
        return false;
    });
    CHECK(secret.find("\"name\":\"t\"") != std::string::npos);
    CHECK(secret.find("\"k\":null") != std::string::npos);
    const auto gone = api.get("/api/v1/watch?since=99999");
    CHECK(gone.status == 410);
    CHECK(gone.text("/detail").find("list again") != std::string::npos);
    CHECK(api.get("/api/v1/watch?kinds=nonsense").status == 400);
}

TEST_CASE("watch: ends with a bookmark on drain", "[api][integration]") {
    ApiFixture api;
    int lines = 0;
    const auto status = api.stream("/api/v1/watch", [&](const boost::json::value& line) {
        CHECK(line.at("type") == "bookmark");
        if (++lines == 1) api.api->begin_drain();
        return true;
    });
    CHECK(status == 200);
    CHECK(lines == 2);
}

TEST_CASE("logs: limits, request ids, functions that are gone", "[api][integration]") {
    ApiFixture api;
    const std::string path = "/api/v1/namespaces/default/functions/hello/logs";
    CHECK(api.get(path).status == 404);
    api.function_log->append("default", "hello", entry("first", "r1"));
    api.function_log->append("default", "hello", entry("second", "r2"));
    const auto all = api.get(path);
    CHECK(all.status == 200);
    CHECK(all.header("Content-Type") == "application/x-ndjson");
    CHECK(all.body.find("\"message\":\"first\"") < all.body.find("\"message\":\"second\""));
    CHECK(api.get(path + "?requestId=r2").body.find("first") == std::string::npos);
    CHECK(api.get(path + "?limit=1").body.find("first") == std::string::npos);
    CHECK(api.get(path + "?since=1h").body.find("first") != std::string::npos);
    CHECK(api.get(path + "?since=yesterday").status == 400);
    CHECK(api.get(path + "?limit=0").status == 400);
}

TEST_CASE("logs: follow goes on and repeats nothing", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello()).status == 200);
    api.function_log->append("default", "hello", entry("zero"));
    std::vector<std::string> seen;
    api.stream("/api/v1/namespaces/default/functions/hello/logs?follow=true",
               [&](const boost::json::value& line) {
                   seen.emplace_back(line.at("message").as_string().c_str());
                   if (seen.size() < 4)
                       api.function_log->append("default", "hello",
                                                entry("line " + std::to_string(seen.size())));
                   return seen.size() < 4;
               });
    CHECK(seen == std::vector<std::string>{"zero", "line 1", "line 2", "line 3"});
}

TEST_CASE("call: passes method, path and query on", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello()).status == 200);
    const std::string path = "/api/v1/namespaces/default/functions/hello/call";
    CHECK(api.get(path, "call-all").body == "GET default/hello /");
    CHECK(api.send("POST", path + "/a/b?x=1&y", "body", "call-all").body ==
          "POST default/hello /a/b?x=1&y");
    CHECK(api.send("DELETE", "/fission-function/hello", "", "call-all").body ==
          "DELETE default/hello /");
    CHECK(api.send("GET", "/fission-function/default/hello", "", "call-all").body ==
          "GET default/hello /");
    CHECK(api.get("/api/v1/namespaces/default/functions/none/call", "call-all").status == 404);
    CHECK(api.get(path, "view-all").status == 403);
}

TEST_CASE("describe: one view of a function", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello()).status == 200);
    telemetry::LogEntry error = entry("Traceback", "r9");
    error.stream = telemetry::LogEntry::Stream::err;
    api.function_log->append("default", "hello", error);
    const auto view = api.get("/api/v1/namespaces/default/functions/hello/describe");
    CHECK(view.status == 200);
    CHECK(view.text("/function/status/conditions/0/status") == "True");
    CHECK(view.text("/environment/metadata/name") == "py");
    CHECK(view.text("/package/metadata/name") == "hello-pkg");
    CHECK(view.text("/urls/0") == "http://127.0.0.1:8888/hello");
    CHECK(view.text("/recentErrors/0/message") == "Traceback");
    CHECK(api.get("/api/v1/namespaces/default/functions/none/describe").status == 404);
}
