#include <filesystem>
#include <fstream>

#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::ApiFixture;
using test::hello;

namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";

std::string config_map(const std::string& name, const std::string& value) {
    return "metadata: {name: " + name + "}\ndata: {k: " + value + "}\n";
}

}  // namespace

TEST_CASE("objects: create, read, replace, patch, delete", "[api][integration]") {
    ApiFixture api;
    const auto created = api.send("POST", kMaps, config_map("c", "one"));
    INFO(created.body);
    REQUIRE(created.status == 201);
    CHECK(created.header("Location") == kMaps + "/c");
    const auto tag = created.header("ETag");
    CHECK(tag == "\"" + created.text("/metadata/resourceVersion") + "\"");
    CHECK(api.send("POST", kMaps, config_map("c", "two")).status == 409);

    CHECK(api.send("GET", kMaps + "/c", "", "admin-all", {{"If-None-Match", tag}}).status == 304);
    CHECK(api.send("HEAD", kMaps + "/c").status == 200);

    CHECK(
        api.send("PUT", kMaps + "/c", config_map("c", "two"), "admin-all", {{"If-Match", "\"1\""}})
            .status == 412);
    const auto put =
        api.send("PUT", kMaps + "/c", config_map("c", "two"), "admin-all", {{"If-Match", tag}});
    REQUIRE(put.status == 200);
    CHECK(put.text("/data/k") == "two");
    CHECK(api.send("PUT", kMaps + "/c", config_map("c", "x"), "admin-all", {{"If-None-Match", "*"}})
              .status == 412);
    const auto stale = api.send("PUT", kMaps + "/c",
                                "metadata: {name: c, resourceVersion: '1'}\ndata: {k: three}\n");
    CHECK(stale.status == 409);
    CHECK(stale.text("/errors/0/path") == "metadata.resourceVersion");
    CHECK(api.send("PUT", kMaps + "/new", config_map("new", "x")).status == 201);

    const auto patched = api.send("PATCH", kMaps + "/c", R"({"data": {"k": null, "l": "3"}})",
                                  "admin-all", {{"Content-Type", "application/merge-patch+json"}});
    REQUIRE(patched.status == 200);
    CHECK(patched.text("/data/l") == "3");
    CHECK(patched.text("/data/k") == "(absent)");
    CHECK(api.send("PATCH", kMaps + "/none", "{}").status == 404);
    CHECK(api.send("PATCH", kMaps + "/c", "[1]").status == 400);
    CHECK(api.send("PATCH", kMaps + "/c", R"({"kind": "Secret"})").status == 422);

    CHECK(api.send("DELETE", kMaps + "/c", "", "admin-all", {{"If-Match", tag}}).status == 412);
    CHECK(api.send("DELETE", kMaps + "/c?dryRun=true").status == 200);
    CHECK(api.get(kMaps + "/c").status == 200);
    CHECK(api.send("DELETE", kMaps + "/c").text("/deleted/0/name") == "c");
    CHECK(api.send("DELETE", kMaps + "/c").status == 404);
}

TEST_CASE("objects: the path and the body must agree", "[api][integration]") {
    ApiFixture api;
    CHECK(api.send("PUT", kMaps + "/c", config_map("d", "x")).text("/errors/0/path") ==
          "metadata.name");
    CHECK(api.send("POST", kMaps, "metadata: {name: c, namespace: a}\ndata: {}\n")
              .text("/errors/0/path") == "metadata.namespace");
    CHECK(api.send("POST", kMaps, hello()).status == 400);
    CHECK(
        api.send("POST", "/api/v1/namespaces/Not_A_Name/configmaps", config_map("c", "x")).status ==
        400);
}

TEST_CASE("objects: lists come in pages and by label", "[api][integration]") {
    ApiFixture api;
    std::string documents;
    for (int i = 0; i < 7; ++i) {
        documents += "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c" +
                     std::to_string(i) + ", labels: {odd: \"" + (i % 2 ? "yes" : "no") +
                     "\"}}\ndata: {}\n";
    }
    REQUIRE(api.apply(documents).status == 200);
    const auto first = api.get(kMaps + "?limit=5");
    CHECK(first.text("/kind") == "ConfigMapList");
    CHECK(first.array("/items").size() == 5);
    const auto next = first.text("/metadata/continue");
    REQUIRE(next == "default/c4");
    const auto second = api.get(kMaps + "?limit=5&continue=" + http::percent_encode(next));
    CHECK(second.array("/items").size() == 2);
    CHECK(second.text("/metadata/continue").empty());

    CHECK(api.get(kMaps + "?labelSelector=odd%3Dyes").array("/items").size() == 3);
    CHECK(api.get(kMaps + "?labelSelector=odd!%3Dyes").array("/items").size() == 4);
    CHECK(api.get(kMaps + "?labelSelector=odd%3Dyes&limit=2").text("/metadata/continue") ==
          "default/c3");
    CHECK(api.get(kMaps + "?labelSelector=!odd").array("/items").empty());
    CHECK(api.get(kMaps + "?labelSelector=a(b)").status == 400);
    CHECK(api.get(kMaps + "?limit=0").status == 400);
    CHECK(api.get(kMaps + "?limit=501").status == 400);
    CHECK(api.get(kMaps + "?continue=..%2F..").status == 400);
    CHECK(api.get("/api/v1/configmaps").array("/items").size() == 7);
}

TEST_CASE("objects: deleting a function takes its routes and its own packages along",
          "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello("one")).status == 200);
    const std::string one = "/api/v1/namespaces/default/functions/one";
    const auto refused = api.send("DELETE", one + "?cascade=false");
    CHECK(refused.status == 409);
    CHECK(refused.text("/detail").find("is named by HTTPTrigger default/one") != std::string::npos);

    const auto in_use = api.send("DELETE", "/api/v1/namespaces/default/environments/py");
    CHECK(in_use.status == 409);
    CHECK(in_use.text("/detail").find("Package default/one-pkg, Function default/one") !=
          std::string::npos);
    CHECK(api.send("DELETE", "/api/v1/namespaces/default/packages/one-pkg").status == 409);

    SECTION("a package two functions share stays") {
        REQUIRE(
            api.apply("apiVersion: hearth/v1\nkind: Function\nmetadata: {name: two}\n"
                      "spec: {environment: {name: py}, package: {packageref: {name: one-pkg}}}\n")
                .status == 200);
        CHECK(api.send("DELETE", one).array("/deleted").size() == 2);
        CHECK(api.get("/api/v1/namespaces/default/packages/one-pkg").status == 200);
    }
    SECTION("a step of a workflow stays") {
        const std::string workflow =
            "apiVersion: hearth/v1\nkind: Workflow\nmetadata: {name: w}\nspec: {steps: [one, ";
        const auto missing = api.apply(workflow + "gone]}\n");
        CHECK(missing.status == 422);
        CHECK(missing.text("/errors/0/path") == "spec.steps[1]");
        REQUIRE(api.apply(workflow + "one]}\n").status == 200);
        const auto step = api.send("DELETE", one);
        CHECK(step.status == 409);
        CHECK(step.text("/detail").find("is a step of Workflow default/w") != std::string::npos);
    }
    SECTION("its own goes, with the reason") {
        const auto deleted = api.send("DELETE", one);
        REQUIRE(deleted.array("/deleted").size() == 3);
        CHECK(deleted.text("/deleted/0/reason") == "it routes only to Function default/one");
        CHECK(deleted.text("/deleted/2/reason") == "only Function default/one used it");
        CHECK(api.send("DELETE", "/api/v1/namespaces/default/environments/py").status == 200);
    }
}

TEST_CASE("objects: Secrets show their keys, and their values to administrators who ask",
          "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.send("POST", "/api/v1/namespaces/a/secrets",
                     "metadata: {name: s}\nstringData: {k: v}\n", "deploy-a")
                .status == 201);
    const std::string path = "/api/v1/namespaces/a/secrets/s";
    CHECK(api.get(path, "deploy-a").text("/data/k") == "null");
    CHECK(api.get("/api/v1/secrets", "view-a").text("/items/0/data/k") == "null");
    CHECK(api.get(path + "?reveal=true", "deploy-a").status == 403);
    CHECK(api.get("/api/v1/secrets?reveal=true", "deploy-a").status == 403);
    CHECK(api.get(path + "?reveal=true", "admin-a").text("/data/k") == base::base64_encode("v"));
}

TEST_CASE("tokens: made, used, listed without hash, deleted", "[api][integration]") {
    ApiFixture api;
    const std::string path = "/api/v1/namespaces/a/apitokens";
    const auto made = api.send("POST", path, "metadata: {name: ci}\nspec: {role: deploy}\n");
    INFO(made.body);
    REQUIRE(made.status == 201);
    const auto text = made.text("/token");
    CHECK(text.size() == 7 + 64);
    CHECK(made.text("/spec/sha256") == "(absent)");
    CHECK(made.header("Cache-Control") == "no-store");
    CHECK(api.get(path + "/ci").text("/token") == "(absent)");
    CHECK(api.get(path).body.find("sha256") == std::string::npos);

    const std::vector<std::pair<std::string, std::string>> with = {
        {"Authorization", "Bearer " + text}};
    CHECK(api.send("GET", "/api/v1/identity", "", "", with).text("/name") == "a/ci");
    CHECK(api.send("GET", "/api/v1/functions", "", "", with).status == 200);
    CHECK(api.send("POST", path, "metadata: {name: x}\nspec: {role: view}\n", "", with).status ==
          403);
    REQUIRE(api.send("DELETE", path + "/ci").status == 200);
    CHECK(api.send("GET", "/api/v1/functions", "", "", with).status == 401);

    CHECK(api.send("POST", path, "metadata: {name: x}\nspec: {role: admin, allNamespaces: true}\n",
                   "admin-a")
              .status == 403);
    CHECK(api.send("POST", path, "metadata: {name: x}\nspec: {role: admin}\n", "admin-a").status ==
          201);
    CHECK(
        api.send("POST", path,
                 "metadata: {name: y}\nspec: {role: view, sha256: " + std::string(64, 'a') + "}\n")
            .status == 422);
    CHECK(api.send("PUT", path + "/x", "metadata: {name: x}\nspec: {role: view}\n").status == 405);
}

TEST_CASE("tokens: unknown, expired, malformed and too many", "[api][integration]") {
    ApiFixture api;
    api.add_token("admin", "a", false, "2020-01-01T00:00:00Z");
    CHECK(api.get("/api/v1/functions", "").status == 401);
    CHECK(api.get("/api/v1/functions", "").header("WWW-Authenticate") == "Bearer realm=\"hearth\"");
    CHECK(api.get("/api/v1/functions", "admin-a-old").text("/detail").find("expired") !=
          std::string::npos);
    CHECK(api.send("GET", "/api/v1/functions", "", "", {{"Authorization", "Basic YTpi"}}).status ==
          401);
    int last = 0;
    for (int i = 0; i < 40; ++i) last = api.get("/api/v1/functions", "nobody").status;
    CHECK(last == 429);
    CHECK(api.get("/api/v1/functions", "view-a").status == 200);
}

TEST_CASE("ensure_admin_token: makes one in a private file, once", "[api][unit]") {
    test::TempDir dir;
    const auto file = dir.path() / "run" / "admin-token";
    const auto catalog = catalog::make_memory_catalog();
    REQUIRE(!test::run_task(api::ensure_admin_token(*catalog, file)).has_error());
    const auto read = [&] {
        std::ifstream in(file);
        std::string text;
        std::getline(in, text);
        return text;
    };
    const auto token = read();
    CHECK(token.size() == 7 + 64);
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    const auto record = catalog->find(model::Kind::api_token, "default", "admin");
    REQUIRE(record);
    CHECK(record->spec_text.find(base::sha256_hex(token)) != std::string::npos);
    CHECK(record->spec_text.find(token) == std::string::npos);
    REQUIRE(!test::run_task(api::ensure_admin_token(*catalog, file)).has_error());
    CHECK(read() == token);
    CHECK(catalog->count(model::Kind::api_token) == 1);
    std::filesystem::remove(file);
    REQUIRE(!test::run_task(api::ensure_admin_token(*catalog, file)).has_error());
    CHECK(read() != token);
    CHECK(catalog->count(model::Kind::api_token) == 2);
}
