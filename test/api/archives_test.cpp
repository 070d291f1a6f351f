#include <set>

#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::ApiFixture;
using test::hello;

namespace {

std::string zipped(const std::string& text) {
    return artifact::pack_files({{"main.py", text}}).value();
}

std::string package_of(const std::string& digest) {
    return "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: p}\nspec:\n  environment: "
           "{name: py}\n"
           "  deployment: {type: url, url: \"archive://" +
           digest + "\"}\n";
}

const std::vector<std::pair<std::string, std::string>> kBytes = {
    {"Content-Type", "application/octet-stream"}};

}  // namespace

TEST_CASE("archives: upload, look, download, use, collect", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello()).status == 200);
    const auto bytes = zipped("x = 1");
    const auto digest = base::sha256_hex(bytes);
    const auto wrong = api.send("POST", "/api/v1/archives?digest=" + std::string(64, '1'), bytes,
                                "deploy-all", kBytes);
    CHECK(wrong.status == 422);
    CHECK(api.send("HEAD", "/api/v1/archives/" + digest).status == 404);
    const auto up =
        api.send("POST", "/api/v1/archives?digest=" + digest, bytes, "deploy-all", kBytes);
    INFO(up.body);
    REQUIRE(up.status == 201);
    CHECK(up.text("/digest") == digest);
    CHECK(up.text("/bytes") == std::to_string(bytes.size()));
    const auto head = api.send("HEAD", "/api/v1/archives/" + digest);
    CHECK(head.status == 200);
    CHECK(head.header("Content-Length") == std::to_string(bytes.size()));
    CHECK(api.get("/api/v1/archives/" + digest).body == bytes);
    CHECK(api.get("/api/v1/archives").array("/items").size() == 2);

    const auto applied = api.apply(package_of(digest));
    INFO(applied.body);
    REQUIRE(applied.status == 200);
    CHECK(api.get("/api/v1/namespaces/default/packages/p").text("/spec/size") ==
          std::to_string(bytes.size()));
    const auto used = api.send("DELETE", "/api/v1/archives/" + digest);
    CHECK(used.status == 409);
    CHECK(used.text("/detail").find("Package default/p") != std::string::npos);
    CHECK(api.send("POST", "/api/v1/archives/collect").text("/removed") == "0");

    REQUIRE(api.send("DELETE", "/api/v1/namespaces/default/packages/p").status == 200);
    CHECK(test::run_task(api.api->collect_archives()).value() == 0);
    CHECK(api.send("POST", "/api/v1/archives/collect?minAge=1h").text("/removed") == "0");
    CHECK(api.send("DELETE", "/api/v1/archives/" + digest).text("/removed") == "1");
    CHECK(api.send("DELETE", "/api/v1/archives/" + digest).status == 404);
    CHECK(api.get("/api/v1/archives").array("/items").size() == 1);
}

TEST_CASE("archives: refused ones say why", "[api][integration]") {
    ApiFixture api;
    CHECK(api.send("POST", "/api/v1/archives?digest=xyz", "abc", "deploy-all", kBytes).status ==
          400);
    CHECK(api.send("POST", "/api/v1/archives", "", "deploy-all", kBytes).status == 400);
    CHECK(api.send("POST", "/api/v1/archives", std::string(2u << 20, 'x'), "deploy-all", kBytes)
              .status == 413);
    CHECK(api.get("/api/v1/archives/short").status == 400);

    // A zip that is broken past its signature is told when it is applied, not at the first call.
    std::string broken = zipped("x = 1");
    broken.resize(broken.size() / 2);
    REQUIRE(api.send("POST", "/api/v1/archives", broken, "deploy-all", kBytes).status == 201);
    REQUIRE(api.apply(hello()).status == 200);
    const auto before = api.catalog->revision();
    const auto answer = api.apply(package_of(base::sha256_hex(broken)));
    CHECK(answer.status == 422);
    CHECK(answer.text("/errors/0/path") == "spec.deployment");
    CHECK(api.catalog->revision() == before);
}

TEST_CASE("archives: a namespace's token reads those of its packages only", "[api][integration]") {
    ApiFixture api;
    REQUIRE(api.apply(hello(), "?namespace=b").status == 200);
    const auto digest =
        api.get("/api/v1/namespaces/b/packages/hello-pkg").text("/spec/deployment/checksum/sum");
    CHECK(api.get("/api/v1/archives/" + digest, "view-b").status == 200);
    CHECK(api.get("/api/v1/archives/" + digest, "view-a").status == 404);
    CHECK(api.get("/api/v1/archives", "view-a").array("/items").empty());
    CHECK(api.get("/api/v1/archives", "view-b").array("/items").size() == 1);
}

TEST_CASE("openapi: every operation with its answers, no dangling reference",
          "[api][integration]") {
    ApiFixture api;
    const auto document = api.get("/api/v1/openapi.json", "");
    REQUIRE(document.status == 200);
    CHECK(document.text("/openapi") == "3.1.0");
    const auto value = document.json();
    std::set<std::string> ids;
    for (const auto& path : value.at("paths").as_object()) {
        for (const auto& operation : path.value().as_object()) {
            const auto& made = operation.value().as_object();
            INFO(operation.key() << " " << path.key());
            CHECK(ids.insert(made.at("operationId").as_string().c_str()).second);
            CHECK(made.at("responses").as_object().contains("default"));
            if (!made.contains("security")) CHECK(made.at("responses").as_object().contains("401"));
        }
    }
    CHECK(ids.size() > 60);
    for (auto at = document.body.find("\"$ref\":\"#"); at != std::string::npos;
         at = document.body.find("\"$ref\":\"#", at + 1)) {
        const auto start = at + 9;
        const auto pointer = document.body.substr(start, document.body.find('"', start) - start);
        boost::json::error_code failed;
        INFO(pointer);
        CHECK(value.find_pointer(pointer, failed) != nullptr);
    }
}
