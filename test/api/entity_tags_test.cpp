#include "api/entity_tags.hpp"
#include "api/api_fixture.hpp"
#include "support/catch.hpp"

using namespace hearth;
using api::Comparison;
using test::ApiFixture;

namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";

std::string map_document(const std::string& value) {
    return "metadata: {name: c}\ndata: {k: '" + value + "'}\n";
}

/// "*" or the revisions with blanks between them; "malformed".
std::string tags_of(std::string_view list, Comparison comparison) {
    const auto tags = api::parse_entity_tags(list, comparison);
    if (!tags) return "malformed";
    std::string text = tags->any ? "*" : "";
    for (const auto revision : tags->revisions)
        text += (text.empty() ? "" : " ") + std::to_string(revision);
    return text;
}

}  // namespace

TEST_CASE("entity tags: lists, *, weak ones", "[api][unit]") {
    struct Row {
        const char *list, *strong, *weak;
    };
    const Row rows[] = {
        {R"("12")", "12", "12"},
        {R"("1", "2","3")", "1 2 3", "1 2 3"},
        {R"(  ,"1" ,, "2",)", "1 2", "1 2"},
        {R"(W/"1", "2")", "2", "1 2"},
        {R"(W/"7")", "", "7"},
        {"*", "*", "*"},
        {" * ", "malformed", "malformed"},
        {R"("a,b", "4")", "4", "4"},
        {R"("012", "4x", "")", "", ""},
        {"", "malformed", "malformed"},
        {",", "malformed", "malformed"},
        {"12", "malformed", "malformed"},
        {R"("1)", "malformed", "malformed"},
        {R"("1" "2")", "malformed", "malformed"},
        {R"(w/"1")", "malformed", "malformed"},
        {R"("1", *)", "malformed", "malformed"},
    };
    for (const auto& row : rows) {
        INFO(row.list);
        CHECK(tags_of(row.list, Comparison::strong) == row.strong);
        CHECK(tags_of(row.list, Comparison::weak) == row.weak);
    }
}

TEST_CASE("objects: If-Match and If-None-Match as RFC 9110 has them", "[api][integration]") {
    ApiFixture api;
    const auto put = [&](const std::string& value, const char* field, const std::string& tags) {
        return api.send("PUT", kMaps + "/c", map_document(value), "admin-all", {{field, tags}});
    };
    CHECK(put("one", "If-Match", "*").status == 412);
    CHECK(put("one", "If-Match", "\"1\"").status == 412);
    CHECK(api.get(kMaps + "/c").status == 404);
    const auto made = put("one", "If-None-Match", "*");
    REQUIRE(made.status == 201);
    const auto tag = made.header("ETag");

    CHECK(put("two", "If-None-Match", "*").status == 412);
    CHECK(put("two", "If-None-Match", "\"1000000\", " + tag).status == 412);
    CHECK(put("two", "If-None-Match", "W/" + tag).status == 412);
    CHECK(put("two", "If-Match", "W/" + tag).status == 412);
    CHECK(put("two", "If-Match", "\"1000000\", \"x\"").status == 412);
    const auto malformed = put("two", "If-Match", "1000000");
    CHECK(malformed.status == 400);
    CHECK_THAT(malformed.text("/detail"), Catch::StartsWith("If-Match is neither * nor"));
    CHECK(api.get(kMaps + "/c").text("/data/k") == "one");

    CHECK(put("two", "If-Match", "\"1000000\", " + tag + ", W/\"4\"").status == 200);
    CHECK(put("three", "If-Match", "*").status == 200);
    const auto now = api.get(kMaps + "/c").header("ETag");
    const auto read = [&](const std::string& tags) {
        return api.send("GET", kMaps + "/c", "", "admin-all", {{"If-None-Match", tags}}).status;
    };
    CHECK(read("W/" + now) == 304);
    CHECK(read("\"1000000\"," + now) == 304);
    CHECK(read("*") == 304);
    CHECK(read(tag) == 200);

    const auto change = [&](const char* method, const std::string& tags) {
        const std::string body = method == std::string("PATCH") ? R"({"data":{"k":"four"}})" : "";
        return api.send(method, kMaps + "/c", body, "admin-all", {{"If-Match", tags}}).status;
    };
    CHECK(change("PATCH", tag + ", W/" + now) == 412);
    CHECK(change("PATCH", tag + ", " + now) == 200);
    CHECK(change("DELETE", now) == 412);
    CHECK(change("DELETE", "*") == 200);
    CHECK(change("DELETE", "*") == 404);
}
