#include <boost/json/parse.hpp>

#include <memory>
#include <string>
#include <vector>

#include "hearth/gateway/gateway.hpp"
#include "support/catch.hpp"
#include "support/triggers.hpp"

using namespace hearth;
using test::named;
using test::trigger;

namespace {

catalog::RecordPtr record(const std::string& name, const std::string& spec) {
    auto made = std::make_shared<catalog::Record>();
    made->kind = model::Kind::http_trigger;
    made->metadata = named(name, "shop");
    made->spec_text = spec;
    return made;
}

std::string spec_json(const std::string& route, const std::string& more = "") {
    return "{" + route + ",\"functionref\":{\"name\":\"f\"}" + more + "}";
}

}  // namespace

TEST_CASE("conflicts: the same host, shape and a common method") {
    struct Row {
        model::HttpTriggerSpec mine;
        std::string other;
        bool conflict;
    };
    const std::vector<Row> rows = {
        {trigger("/a"), spec_json(R"("relativeurl":"/a")"), true},
        {trigger("/a"), spec_json(R"("relativeurl":"/b")"), false},
        {trigger("/a"), spec_json(R"("relativeurl":"/a/")"), false},
        {trigger("/a", {"POST"}), spec_json(R"("relativeurl":"/a")"), false},
        {trigger("/a", {"POST", "GET"}), spec_json(R"("relativeurl":"/a","methods":["PUT","GET"])"),
         true},
        {trigger("/a", {"HEAD"}), spec_json(R"("relativeurl":"/a","methods":["GET"])"), false},
        {trigger("/a/{x}"), spec_json(R"("relativeurl":"/a/{y}")"), true},
        {trigger("/a/{x}"), spec_json(R"("relativeurl":"/a/b")"), false},
        {trigger("/{x}/b"), spec_json(R"("relativeurl":"/a/{y}")"), false},
        {trigger("/a*"), spec_json(R"("relativeurl":"/a")"), false},
        {trigger("/a*"), spec_json(R"("prefix":"/a")"), true},
        {trigger("/a*"), spec_json(R"("prefix":"/a/")"), true},
        {trigger("/*"), spec_json(R"("prefix":"/")"), true},
        {trigger("/a", {}, "h.example"), spec_json(R"("relativeurl":"/a")"), false},
        {trigger("/a", {}, "H.example"),
         spec_json(R"("relativeurl":"/a")", R"(,"host":"h.example")"), true},
        {trigger("/a-b"), spec_json(R"("relativeurl":"/a%2Db")"), true},
        {trigger("/a%2Db/{x}"), spec_json(R"("relativeurl":"/a-b/{y}")"), true},
        {trigger("/{x}/shop/items/{y}"), spec_json(R"("relativeurl":"/{a}/shop/items/{b}")"), true},
        {trigger("/{x}/shop/items/{y}"), spec_json(R"("relativeurl":"/{a}/sh%6Fp/items/{b}")"),
         true},
        {trigger("/shop"), spec_json(R"("relativeurl":"\u002fshop")"), true},
        {trigger("/{x}"), spec_json(R"("relativeurl":"/{y}")"), true},
        {trigger("/"), spec_json(R"("relativeurl":"/")"), true},
    };
    for (const auto& row : rows) {
        INFO(row.mine.path << row.mine.prefix.value_or("") << " against " << row.other);
        const auto found =
            gateway::route_conflicts(named("mine"), row.mine, {record("theirs", row.other)});
        CHECK(found.size() == (row.conflict ? 1u : 0u));
    }
}

TEST_CASE("conflicts: the reason names the other trigger and what both take") {
    const auto found = gateway::route_conflicts(
        named("mine"), trigger("/p*", {"GET", "POST"}, "h.example"),
        {record("theirs",
                spec_json(R"("prefix":"/p","methods":["POST"])", R"(,"host":"h.example")"))});
    REQUIRE(found.size() == 1);
    CHECK(found[0].with == "shop/theirs");
    CHECK(found[0].reason ==
          "HTTPTrigger shop/theirs already takes POST prefix /p of host h.example; choose another "
          "path or method, or "
          "delete it");
}

TEST_CASE(
    "conflicts: a trigger does not conflict with itself, with other kinds or with what cannot be "
    "read") {
    auto other_kind =
        std::make_shared<catalog::Record>(*record("theirs", spec_json(R"("relativeurl":"/a")")));
    other_kind->kind = model::Kind::function;
    CHECK(gateway::route_conflicts(named("mine", "shop"), trigger("/a"),
                                   {record("mine", spec_json(R"("relativeurl":"/a")")), other_kind})
              .empty());
    CHECK(gateway::route_conflicts(named("mine"), trigger("no-slash"),
                                   {record("theirs", spec_json(R"("relativeurl":"/a")"))})
              .empty());
}
