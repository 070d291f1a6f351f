#include <boost/json.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "hearth/model/kinds.hpp"
#include "support/catch.hpp"

using namespace hearth::model;
namespace json = boost::json;

namespace {

std::string read_file(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

/// Every object of a schema refuses unknown keys and knows what it requires.
void walk(const json::value& schema, const std::string& path) {
    INFO(path);
    const auto& object = schema.as_object();
    if (const auto* properties = object.if_contains("properties")) {
        CHECK(object.at("additionalProperties") == json::value(false));
        if (const auto* required = object.if_contains("required")) {
            for (const auto& name : required->as_array())
                CHECK(properties->as_object().contains(name.as_string()));
        }
        for (const auto& member : properties->as_object()) {
            CHECK(member.value().as_object().contains("description"));
            walk(member.value(), path + "." + std::string(member.key()));
        }
    }
    if (const auto* items = object.if_contains("items")) walk(*items, path + "[]");
}

}  // namespace

TEST_CASE("schemas describe the tables") {
    for (const Kind kind : kAllKinds) {
        const json::object whole = schema(kind);
        walk(whole, std::string(table(kind).name));
        CHECK(whole.at("properties").at("kind").at("const") ==
              json::value(json::string(table(kind).name)));
    }
    const json::object function = schema(Kind::function);
    const auto& spec = function.at("properties").at("spec");
    CHECK_FALSE(spec.as_object().contains("required"));
    CHECK(spec.at("properties").at("podspec").at("type") == json::value({"object", "null"}));
    CHECK(
        json::serialize(spec.at("properties").at("functionTimeout")) ==
        R"({"type":["integer","null"],"minimum":1,"maximum":604800,"description":"Seconds a call may take.","default":60})");
    CHECK(json::serialize(spec.at("properties").at("secrets").at("items").at("required")) ==
          R"(["name"])");
    CHECK(spec.at("properties")
              .at("InvokeStrategy")
              .at("properties")
              .at("StrategyType")
              .at("default") == json::value("execution"));
}

TEST_CASE("every row has a sentence of documentation and a parent") {
    for (const Kind kind : kAllKinds) {
        for (const FieldRow& row : table(kind).fields) {
            INFO(row.path);
            CHECK(row.doc.ends_with('.'));
            CHECK(row.doc.size() > 5);
        }
    }
}

TEST_CASE("config/resources.md is what the tables say") {
    const char* path = "config/resources.md";
    if (std::getenv("HEARTH_UPDATE_GOLDEN"))
        std::ofstream(path, std::ios::binary) << reference_markdown();
    INFO("run from the root of the checkout; HEARTH_UPDATE_GOLDEN=1 writes the file anew");
    CHECK(read_file(path) == reference_markdown());
}
