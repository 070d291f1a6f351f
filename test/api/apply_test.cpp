#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::ApiFixture;
using test::hello;

TEST_CASE("apply: creates, leaves unchanged, configures with a diff", "[api][integration]") {
    ApiFixture api;
    const auto created = api.apply(hello(), "?file=hello.yaml");
    INFO(created.body);
    REQUIRE(created.status == 200);
    CHECK(created.array("/results").size() == 4);
    CHECK(created.text("/results/0/action") == "created");
    CHECK(created.text("/results/3/kind") == "HTTPTrigger");
    CHECK(created.text("/urls/0") == "http://127.0.0.1:8888/hello");

    const auto revision = api.catalog->revision();
    const auto again = api.apply(hello());
    for (const auto& result : again.array("/results")) CHECK(result.at("action") == "unchanged");
    CHECK(api.catalog->revision() == revision);

    const auto changed = api.apply(hello("hello", "def main(): return 2"));
    CHECK(changed.text("/results/1/action") == "configured");
    CHECK(changed.text("/results/2/action") == "unchanged");
    bool url = false;
    for (const auto& entry : changed.array("/results/1/diff")) {
        url = url ||
              (entry.at("path") == "spec.deployment.url" && entry.at("from") != entry.at("to"));
    }
    CHECK(url);
}

TEST_CASE("apply: a package's files become an archive that is unpacked already",
          "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello()).status == 200);
    const auto package = api.get("/api/v1/namespaces/default/packages/hello-pkg");
    const auto digest = package.text("/spec/deployment/checksum/sum");
    CHECK(package.text("/spec/deployment/type") == "url");
    CHECK(package.text("/spec/deployment/url") == "archive://" + digest);
    CHECK(package.text("/status/buildstatus") == "none");
    CHECK(package.text("/status/archive/unpacked") == "true");
    CHECK(package.json().at("spec").at("size").to_number<int>() > 0);
    const auto files = api.get("/api/v1/namespaces/default/packages/hello-pkg/files");
    CHECK(files.text("/files/main.py") == "def main(): return 1");
    CHECK(files.text("/truncated") == "false");
}

TEST_CASE("apply: all or nothing", "[api][integration]") {
    ApiFixture api;
    const auto before = api.catalog->revision();
    SECTION("one document with a fault keeps the others out") {
        const auto answer =
            api.apply(hello() +
                          "---\napiVersion: hearth/v1\nkind: Function\nmetadata: {name: bad}\n"
                          "spec: {enviroment: {name: py}}\n",
                      "?file=all.yaml");
        CHECK(answer.status == 422);
        CHECK(answer.body.find("environment") != std::string::npos);
        CHECK(answer.text("/errors/0/file") == "all.yaml");
        CHECK(answer.text("/errors/0/line") != "0");
    }
    SECTION("a reference to nothing") {
        const auto answer = api.apply(
            "apiVersion: hearth/v1\nkind: HTTPTrigger\nmetadata: {name: r}\n"
            "spec: {relativeurl: /r, functionref: {type: name, name: nobody}}\n");
        CHECK(answer.status == 422);
        CHECK(answer.text("/errors/0/path") == "spec.functionref.name");
        CHECK(answer.text("/errors/0/message").find("there is no Function default/nobody") == 0);
    }
    SECTION("a dry run writes nothing and answers the same") {
        const auto answer = api.apply(hello(), "?dryRun=true");
        CHECK(answer.status == 200);
        CHECK(answer.text("/results/0/action") == "created");
        CHECK(answer.text("/dryRun") == "true");
    }
    SECTION("a misspelt dryRun is refused instead of being a write") {
        const auto answer = api.apply(hello(), "?dryrun=true");
        CHECK(answer.status == 400);
        CHECK(answer.text("/detail").find("did you mean dryRun?") != std::string::npos);
    }
    CHECK(api.catalog->revision() == before);
}

TEST_CASE("apply: routes that conflict are 409 and name each other", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello("one")).status == 200);
    const auto answer = api.apply(hello("two"));
    CHECK(answer.status == 409);
    CHECK(answer.text("/detail") ==
          "HTTPTrigger default/two conflicts with default/one: same path");
    CHECK(api.get("/api/v1/namespaces/default/functions/two").status == 404);
    CHECK(api.apply(hello("two", "x = 1", "/two")).status == 200);
}

TEST_CASE("apply: prune removes what the set no longer holds", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello("one") + "---\n" +
                          hello("two", "x = 1", "/two").substr(hello().find("---") + 4),
                      "?set=shop")
                .status == 200);
    REQUIRE(api.apply(hello("other", "x = 1", "/other")).status == 200);
    CHECK(api.apply(hello("one"), "?prune=true").status == 400);
    const auto answer = api.apply(hello("one"), "?set=shop&prune=true");
    REQUIRE(answer.status == 200);
    std::vector<std::string> pruned;
    for (const auto& result : answer.array("/results")) {
        if (result.at("action") == "pruned")
            pruned.push_back(result.at("name").as_string().c_str());
    }
    CHECK(pruned == std::vector<std::string>{"two-pkg", "two", "two"});
    CHECK(api.get("/api/v1/namespaces/default/functions/two").status == 404);
    CHECK(api.get("/api/v1/namespaces/default/functions/other").status == 200);
    CHECK(api.get("/api/v1/namespaces/default/functions/one")
              .text("/metadata/labels/hearth.io~1set") == "shop");
}

TEST_CASE("apply: prune keeps what others still name", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello("one"), "?set=shop").status == 200);
    REQUIRE(api.apply(hello("two", "x = 1", "/two").substr(hello().find("---") + 4)).status == 200);
    const auto answer =
        api.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: v}\n",
                  "?set=shop&prune=true");
    CHECK(answer.status == 409);
    CHECK(answer.text("/detail").find("pruning would remove Environment default/py, which ") == 0);
    CHECK(api.get("/api/v1/namespaces/default/functions/one").status == 200);
}

TEST_CASE("apply: verify loads each changed function before anything is written",
          "[api][integration]") {
    ApiFixture api;
    const auto before = api.catalog->revision();
    api.executor.fail_next(Error(Errc::function_failed, "the code raised SyntaxError",
                                 "Traceback: SyntaxError", "function"));
    const auto failed = api.apply(hello(), "?verify=true");
    CHECK(failed.status == 422);
    CHECK(failed.text("/trace") == "Traceback: SyntaxError");
    CHECK(failed.text("/errors/0/message").find("Traceback: SyntaxError") != std::string::npos);
    CHECK(failed.text("/component") == "function");
    CHECK(api.catalog->revision() == before);

    api.executor.fail_next(Error(Errc::unavailable, "the environment default/py cannot start",
                                 "sh: no such file", "executor"));
    const auto dead = api.apply(hello(), "?verify=true");
    CHECK(dead.status == 422);
    CHECK(dead.text("/trace") == "sh: no such file");
    CHECK(dead.text("/component") == "executor");
    api.executor.fail_next(Error(Errc::exhausted, "too many instances", "", "executor"));
    CHECK(api.apply(hello(), "?verify=true").status == 429);
    CHECK(api.catalog->revision() == before);

    const auto good = api.apply(hello(), "?verify=true");
    REQUIRE(good.status == 200);
    const auto trials = api.executor.trials();
    REQUIRE(trials.size() == 4);
    const auto function = api.get("/api/v1/namespaces/default/functions/hello");
    CHECK(function.text("/metadata/uid") == trials.back().metadata.uid);
    CHECK(trials.back().metadata.generation == 1);

    REQUIRE(api.apply(hello("hello", "def main(): return 2"), "?verify=true").status == 200);
    CHECK(api.executor.trials().size() == 5);
    REQUIRE(api.apply(hello("hello", "def main(): return 2"), "?verify=true").status == 200);
    CHECK(api.executor.trials().size() == 5);
}

TEST_CASE("apply: documents that cannot be read", "[api][integration]") {
    ApiFixture api;
    struct Row {
        const char* name;
        std::string body;
        const char* type;
        int status;
        const char* text;
    };
    std::string bomb = "a: &a [x, x]\n";
    for (char c = 'b'; c < 'k'; ++c) {
        bomb += std::string(1, c) + ": &" + c + " [*" + std::string(1, static_cast<char>(c - 1)) +
                "]\n";
    }
    const std::string deep = std::string(40, '[') + std::string(40, ']');
    const auto row = GENERATE_COPY(
        Row{"alias bomb", bomb, "application/yaml", 400, "alias"},
        Row{"duplicate key", "kind: Function\nkind: Package\n", "application/yaml", 400, "kind"},
        Row{"JSON duplicate", R"({"kind": "Function", "kind": "Package"})", "application/json", 400,
            "kind"},
        Row{"YAML sent as JSON", "kind: Function\n", "application/json", 400,
            "Content-Type: application/yaml"},
        Row{"too deep", deep, "application/json", 400, "32"},
        Row{"empty", " \n", "application/yaml", 400, "empty"},
        Row{"form", "kind=Function", "application/x-www-form-urlencoded", 415,
            "Content-Type: application/yaml"},
        Row{"no document", "---\n---\n", "application/yaml", 400, "no document"},
        Row{"unknown kind", "apiVersion: hearth/v1\nkind: Functoin\nmetadata: {name: x}\n",
            "application/yaml", 422, "did you mean Function?"},
        Row{"wrong type",
            "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: x}\nspec: {runtime: "
            "{image: i}, poolsize: many}\n",
            "application/yaml", 422, "spec.poolsize"},
        Row{"archive spec", "apiVersion: fission.io/v1\nkind: ArchiveUploadSpec\nname: src\n",
            "application/yaml", 422, "hearth apply -f DIR"},
        Row{"token",
            "apiVersion: hearth/v1\nkind: ApiToken\nmetadata: {name: x}\nspec: {role: admin}\n",
            "application/yaml", 422, "apitokens"},
        Row{"address",
            "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: p}\nspec: {environment: {name: "
            "e}, deployment: "
            "{type: url, url: 'https://example.org/a.zip'}}\n",
            "application/yaml", 422, "fetches no archives from an address"},
        Row{"missing archive",
            "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: p}\nspec: {environment: {name: "
            "e}, deployment: "
            "{type: url, url: 'archive://" +
                std::string(64, 'a') + "'}}\n",
            "application/yaml", 422, "there is no archive aaaa"},
        Row{"too large", "x: " + std::string(2u << 20, 'y'), "application/yaml", 413, ""});
    INFO(row.name);
    const auto before = api.catalog->revision();
    const auto answer =
        api.send("POST", "/api/v1/apply", row.body, "admin-all", {{"Content-Type", row.type}});
    INFO(answer.body);
    CHECK(answer.status == row.status);
    CHECK(answer.body.find(row.text) != std::string::npos);
    CHECK(answer.header("Content-Type") == "application/problem+json");
    CHECK(!answer.header("X-Request-Id").empty());
    CHECK(api.catalog->revision() == before);
}

TEST_CASE("validate: answers all faults and writes nothing", "[api][integration]") {
    ApiFixture api;
    const auto before = api.catalog->revision();
    const auto good = api.send("POST", "/api/v1/validate", hello(), "view-all");
    CHECK(good.status == 200);
    CHECK(good.text("/valid") == "true");
    const auto bad = api.send("POST", "/api/v1/validate",
                              "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: x}\n"
                              "spec: {environment: {name: py}, package: {packageref: {name: p}}}\n",
                              "view-all");
    CHECK(bad.status == 200);
    CHECK(bad.text("/valid") == "false");
    CHECK(bad.array("/errors").size() == 2);
    CHECK(api.catalog->revision() == before);
}

TEST_CASE("apply: a Secret's values never show in a diff", "[api][integration]") {
    ApiFixture api;
    const std::string document =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: ";
    REQUIRE(api.apply(document + "topsecret}\n").status == 200);
    const auto answer = api.apply(document + "othersecret}\n");
    CHECK(answer.text("/results/0/action") == "configured");
    CHECK(answer.body.find(base::base64_encode("topsecret")) == std::string::npos);
    CHECK(answer.body.find(base::base64_encode("othersecret")) == std::string::npos);
    CHECK(answer.text("/results/0/diff/0/path") == "data.k");
}
