#include "hearth/model/document.hpp"

#include <boost/json.hpp>

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
namespace json = boost::json;

namespace {

json::value only_value(std::string_view text) {
    auto parsed = parse_documents(text, "f.yaml");
    INFO(text);
    for (const auto& fault : parsed.faults) UNSCOPED_INFO(to_string(fault));
    REQUIRE(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 1);
    return parsed.documents.front().value;
}

std::vector<std::string> faults_of(std::string_view text) {
    std::vector<std::string> out;
    for (const auto& fault : parse_documents(text, "f.yaml").faults)
        out.push_back(to_string(fault));
    return out;
}

}  // namespace

TEST_CASE("plain YAML scalars follow the 1.2 core schema") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"yes", "\"yes\""},
        {"off", "\"off\""},
        {"true", "true"},
        {"False", "false"},
        {"010", "10"},
        {"0o17", "15"},
        {"0x1F", "31"},
        {"-3", "-3"},
        {"+3", "3"},
        {"1.5", "1.5E0"},
        {".5", "5E-1"},
        {"1e3", "1E3"},
        {"~", "null"},
        {"", "null"},
        {"'5'", "\"5\""},
        {"\"true\"", "\"true\""},
        {"12:30", "\"12:30\""},
        {"1_000", "\"1_000\""},
        {"9223372036854775807", "9223372036854775807"},
        {"18446744073709551615", "18446744073709551615"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"0b11", "\"0b11\""},
        {"1.2.3", "\"1.2.3\""},
        {"e5", "\"e5\""},
        {"2026-01-01", "\"2026-01-01\""},
    }));
    CHECK(json::serialize(only_value("v: " + std::get<0>(row) + "\n").at("v")) == std::get<1>(row));
}

TEST_CASE("what YAML must not hold is refused with its place") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"a: 1\na: 2\n", "f.yaml:2:1: a: the key is there twice; remove one of them"},
        {"a:\n  b: 1\n  c: 2\n  b: 3\n",
         "f.yaml:4:3: a.b: the key is there twice; remove one of them"},
        {"a: &x 1\nb: 2\n", "f.yaml:1:4: a: anchors are refused; write the value out"},
        {"a: 1\nb: *x\n", "f.yaml:2:4: this is no YAML: the referenced anchor is not defined"},
        {"a: !!str 5\n",
         "f.yaml:1:4: a: tags such as tag:yaml.org,2002:str are refused; remove it"},
        {"a: !secret x\n", "f.yaml:1:4: a: tags such as !secret are refused; remove it"},
        {"a: .inf\n", "f.yaml:1:4: a: the number is not finite; write it in quotes if it is text"},
        {"a: [1, .nan]\n",
         "f.yaml:1:8: a[1]: the number is not finite; write it in quotes if it is text"},
        {"a: 18446744073709551616\n",
         "f.yaml:1:4: a: the number does not fit in 64 bits; write it in quotes if it is text"},
        {"a: -9223372036854775809\n",
         "f.yaml:1:4: a: the number does not fit in 64 bits; write it in quotes if it is text"},
        {"a: 1e999\n", "f.yaml:1:4: a: the number is too large; write it in quotes if it is text"},
        {"[a]: 1\n", "f.yaml:1:1: a map or list as a key is refused; keys are text"},
        {"a: 1\n b: 2\n", "f.yaml:2:3: this is no YAML: illegal map value"},
        {"a: [1, 2\n", "f.yaml:2:1: this is no YAML: end of sequence flow not found"},
        {"--- [1]\n[2]\n",
         "f.yaml:2:1: unexpected text behind the document; is the indentation right?"},
        {"a: \x01\n", "f.yaml:1:4: a byte that is not UTF-8 text"},
        {"a: \xff\n", "f.yaml:1:4: a byte that is not UTF-8 text"},
        {"{\"a\": 1, \"a\": 2}", "f.yaml:1:10: a: the key is there twice; remove one of them"},
        {"{\"a\": 1e999}",
         "f.yaml:1:12: a: the number is too large; write it in quotes if it is text"},
    }));
    const auto faults = faults_of(std::get<0>(row));
    INFO(std::get<0>(row));
    REQUIRE_FALSE(faults.empty());
    CHECK(faults.front() == std::get<1>(row));
}

TEST_CASE("an alias is refused as well as its anchor") {
    const auto faults = faults_of("a: &x 1\nb: *x\n");
    REQUIRE(faults.size() == 2);
    CHECK(faults[1] == "f.yaml:2:4: b: aliases are refused; write the value out");
}

TEST_CASE("faults of all documents come at once") {
    const auto faults = faults_of("a: 1\na: 2\n---\nb: 1\nb: 2\n");
    CHECK(faults ==
          std::vector<std::string>{"f.yaml:2:1: a: the key is there twice; remove one of them",
                                   "f.yaml:5:1: b: the key is there twice; remove one of them"});
}

TEST_CASE("depth, size and number of documents are bounded") {
    std::string deep;
    deep.append(40, '[').append(40, ']');
    CHECK(faults_of("a: " + deep).front().find("nested deeper than 32 levels") !=
          std::string::npos);
    CHECK(faults_of(deep).front().find("nested deeper than 32 levels") != std::string::npos);
    CHECK(faults_of("{\"a\": " + deep + "}").front().find("deeper than 32") != std::string::npos);
    CHECK(parse_documents(std::string(2000, 'a'), "f", 1000).faults.front().message ==
          "the text has 2000 bytes; at most 1000 are read");
    std::string many;
    for (int i = 0; i < 1001; ++i) many += "---\na: 1\n";
    CHECK(faults_of(many) ==
          std::vector<std::string>{"f.yaml:2001:1: more than 1000 documents in one text"});
    std::string list = "[";
    for (int i = 0; i < 1001; ++i) list += i ? ",{}" : "{}";
    CHECK(faults_of(list + "]").size() == 1);
}

TEST_CASE("documents are counted and empty ones skipped") {
    auto parsed =
        parse_documents("# nothing\n---\n---\na: 1\n---\n# comment\n---\nb: 2\n...\n", "f");
    CHECK(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 2);
    CHECK(parsed.documents[1].value.at("b").as_int64() == 2);
    CHECK(parse_documents("", "f").documents.empty());
    CHECK(parse_documents("\xEF\xBB\xBF"
                          "a: 1\n",
                          "f")
              .documents.size() == 1);
}

TEST_CASE("places are those of keys and list items") {
    auto parsed = parse_documents(
        "metadata:\n  name: x\nspec:\n  list:\n    - a: 1\n    -   2\n  \"main.py\": t\n", "f");
    REQUIRE(parsed.documents.size() == 1);
    const auto& document = parsed.documents.front();
    const auto at = [&](std::string_view path) {
        const auto place = document.place(path);
        return std::to_string(place.line) + ":" + std::to_string(place.column);
    };
    CHECK(at("") == "1:1");
    CHECK(at("metadata.name") == "2:3");
    CHECK(at("spec.list[0].a") == "5:7");
    CHECK(at("spec.list[1]") == "6:9");
    CHECK(at("spec[\"main.py\"]") == "7:3");
    CHECK(at("spec.list[0].absent.deeper") == "5:7");
    CHECK(at("spec.absent") == "3:1");
}

TEST_CASE("JSON is read with its places and lists stand for their items") {
    auto parsed =
        parse_documents("[\n {\"kind\": \"A\"},\n {\"kind\": \"B\",\n  \"x\": [1]}\n]\n", "f");
    CHECK(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 2);
    CHECK(parsed.documents[1].place("x[0]").line == 4);
    CHECK(parsed.documents[1].place("kind").column == 3);
    auto listed =
        parse_documents("kind: FunctionList\nitems:\n- kind: A\n- kind: B\n  spec: {x: 1}\n", "f");
    REQUIRE(listed.documents.size() == 2);
    CHECK(listed.documents[1].place("spec.x").line == 5);
    CHECK(listed.documents[1].value.at("kind").as_string() == "B");
}

TEST_CASE("flow YAML that begins like JSON is YAML") {
    CHECK(only_value("{a: 1, b: [x, y]}").at("a").as_int64() == 1);
    CHECK(only_value("{\"a\": \"\\ud83d\\ude00\\/\"}").at("a").as_string() == "\xF0\x9F\x98\x80/");
    CHECK(parse_documents("{\"a\":1}\n---\n{\"b\":2}\n", "f").documents.size() == 2);
    CHECK(faults_of("{\"a\": 1,, }").front() == "f.yaml:1:9: unexpected character ',' in JSON");
}

TEST_CASE("every escape gives UTF-8") {
    const auto row = GENERATE(table<std::string, std::string>({
        {R"(\_)", "\xC2\xA0"},
        {R"(\N)", "\xC2\x85"},
        {R"(\L)", "\xE2\x80\xA8"},
        {R"(\P)", "\xE2\x80\xA9"},
        {R"(\xA0)", "\xC2\xA0"},
        {R"(\u00e9)", "\xC3\xA9"},
        {R"(\U0001F600)", "\xF0\x9F\x98\x80"},
        {R"(\_\_é\_)", "\xC2\xA0\xC2\xA0\xC3\xA9\xC2\xA0"},
        {R"(é\N)", "\xC3\xA9\xC2\x85"},
        {R"(\e)", "\x1B"},
    }));
    INFO(std::get<0>(row));
    const auto value =
        only_value("\"k" + std::get<0>(row) + "\": \"a" + std::get<0>(row) + "b\"\n");
    CHECK(value.as_object().begin()->key() == "k" + std::get<1>(row));
    CHECK(value.as_object().begin()->value() == json::value("a" + std::get<1>(row) + "b"));
    CHECK(parse_json(json::serialize(value)).value() == value);
}

TEST_CASE("parse_json is strict") {
    REQUIRE(parse_json("{\"a\": [1, 2.5, true, null, \"x\"]}"));
    const auto row = GENERATE(table<std::string, std::string>({
        {"{\"a\": 1} x", "line 1, column 10: there is text after the JSON value"},
        {"{\"a\": 1,\n \"a\": 2}",
         "line 2, column 2: a: the key is there twice; remove one of them"},
        {"{a: 1}", "line 1, column 2: unexpected character 'a' in JSON"},
        {"", "line 1, column 1: the JSON text ends too early"},
        {"NaN", "line 1, column 1: unexpected character 'N' in JSON"},
        {"01", "line 1, column 1: a JSON number does not begin with 0"},
        {"\"\\ud800\"", "line 1, column 2: half of a surrogate pair"},
        {"\"a\nb\"",
         "line 1, column 3: a control character in a JSON string; write it as an escape"},
        {"[1,]", "line 1, column 4: unexpected character ']' in JSON"},
        {"\"\xff\"", "line 1, column 2: a byte that is not UTF-8 text"},
    }));
    auto parsed = parse_json(std::get<0>(row));
    REQUIRE(parsed.has_error());
    CHECK(parsed.error().code == Errc::invalid_argument);
    CHECK(parsed.error().message == std::get<1>(row));
}

TEST_CASE("faults print what is known") {
    CHECK(to_string(Fault{"f", 1, 2, "a.b", "bad"}) == "f:1:2: a.b: bad");
    CHECK(to_string(Fault{"", 0, 0, "", "bad"}) == "bad");
    CHECK(to_string(Fault{"f", 3, 0, "", "bad"}) == "f:3: bad");
    CHECK(json::serialize(to_json(Fault{"f", 1, 2, "p", "m"})) ==
          R"({"file":"f","line":1,"column":2,"path":"p","message":"m"})");
}
