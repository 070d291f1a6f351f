#include <boost/json/parse.hpp>

#include "hearth/http/endpoint.hpp"
#include "hearth/http/message.hpp"
#include "hearth/http/problem.hpp"
#include "support/catch.hpp"

namespace hearth {
namespace {

using http::Endpoint;
using http::HeaderList;

TEST_CASE("headers: order, case and replacement", "[http]") {
    HeaderList list;
    CHECK(list.add("A", "1"));
    CHECK(list.add("b", "2"));
    CHECK(list.add("a", "3"));
    CHECK(list.find("A") == std::string_view("1"));
    CHECK(list.count("a") == 2);
    CHECK(list.set("a", "4"));
    CHECK(list.count("A") == 1);
    CHECK(list.size() == 2);
    CHECK(list.at(0).name == "b");
    CHECK(list.at(1).value == "4");
    list.remove("B");
    CHECK_FALSE(list.has("b"));
    CHECK_FALSE(list.find("nothing"));
}

TEST_CASE("headers: a value of the same list may be added again", "[http]") {
    HeaderList list;
    list.add("X", std::string(100, 'v'));
    for (int i = 0; i < 50; ++i) REQUIRE(list.add("Y", list.at(0).value));
    CHECK(list.at(50).value == std::string(100, 'v'));
}

TEST_CASE("headers: nothing that would split a message gets in", "[http]") {
    HeaderList list;
    const std::vector<std::pair<std::string, std::string>> rows = {{"X", "a\r\nSet-Cookie: b"},
                                                                   {"X", "a\nb"},
                                                                   {"X", "a\rb"},
                                                                   {"X", std::string("a\0b", 3)},
                                                                   {"", "a"},
                                                                   {"X Y", "a"},
                                                                   {"X:", "a"},
                                                                   {"X\r\nY", "a"},
                                                                   {"\xc3\xa4", "a"},
                                                                   {"X\t", "a"},
                                                                   {std::string("\0", 1), "a"}};
    for (const auto& [name, value] : rows) {
        CHECK_FALSE(list.add(name, value));
        CHECK_FALSE(list.set(name, value));
    }
    CHECK(list.size() == 0);
    CHECK(list.add("X", "caf\xc3\xa9 \t ok"));
}

TEST_CASE("percent coding and query parameters", "[http]") {
    CHECK(*http::percent_decode("a%20b+c%2F", false) == "a b+c/");
    CHECK(*http::percent_decode("a+b", true) == "a b");
    for (const std::string bad : {"%", "%1", "a%", "%g1", "%1g"}) {
        INFO(bad);
        REQUIRE_FALSE(http::percent_decode(bad, false));
    }
    CHECK(http::percent_encode("a b/\xc3\xa4~") == "a%20b%2F%C3%A4~");
    CHECK(http::query_parameter("a=1&b=2&b=3", "b") == "2");
    CHECK(http::query_parameter("a=x+y%21", "a") == "x y!");
    CHECK(http::query_parameter("flag&a=", "flag") == "");
    CHECK(http::query_parameter("flag&a=", "a") == "");
    CHECK_FALSE(http::query_parameter("ab=1", "a"));
    CHECK_FALSE(http::query_parameter("", "a"));
}

TEST_CASE("endpoints: text forms", "[http]") {
    struct Row {
        std::string text, printed;
    };
    const std::vector<Row> rows = {{"127.0.0.1:80", "127.0.0.1:80"},
                                   {"tcp:localhost:0", "localhost:0"},
                                   {"[::1]:8080", "[::1]:8080"},
                                   {"unix:/run/x.sock", "unix:/run/x.sock"}};
    for (const auto& row : rows) {
        const auto parsed = Endpoint::parse(row.text);
        REQUIRE(parsed);
        CHECK(parsed->to_string() == row.printed);
        CHECK(*Endpoint::parse(parsed->to_string()) == *parsed);
    }
    const std::vector<std::string> wrong = {"",
                                            "host",
                                            ":80",
                                            "host:",
                                            "host:x",
                                            "h:70000",
                                            "::1:80",
                                            "[::1]80",
                                            "unix:",
                                            "unix:relative",
                                            "h:-1",
                                            "[::1",
                                            "unix:/" + std::string(200, 'a')};
    for (const auto& text : wrong) {
        INFO(text);
        const auto parsed = Endpoint::parse(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code == Errc::invalid_argument);
        CHECK(parsed.error().message.find("'" + text + "'") != std::string::npos);
    }
}

TEST_CASE("reason phrases", "[http]") {
    CHECK(http::reason_phrase(100) == "Continue");
    CHECK(http::reason_phrase(404) == "Not Found");
    CHECK(http::reason_phrase(511) == "Network Authentication Required");
    for (const int unknown : {0, 99, 299, 512, 999})
        CHECK(http::reason_phrase(unknown) == "Unknown");
}

TEST_CASE("problems: statuses and document", "[http]") {
    CHECK(http::status_of(Errc::exhausted) == 429);
    CHECK(http::status_of(Errc::function_failed) == 502);
    CHECK(http::status_of(Errc::no_space) == 507);
    const Error error(Errc::not_found, "no function named \"a\"", "", "gateway");
    boost::json::object extra;
    extra["errors"] = boost::json::array{"x"};
    const auto value = boost::json::parse(http::problem_body(404, error, "r-1", extra));
    CHECK(value.at("status").as_int64() == 404);
    CHECK(value.at("title").as_string() == "Not Found");
    CHECK(value.at("detail").as_string() == "no function named \"a\"");
    CHECK(value.at("code").as_string() == "not_found");
    CHECK(value.at("component").as_string() == "gateway");
    CHECK(value.at("requestId").as_string() == "r-1");
    CHECK(value.at("errors").as_array().size() == 1);
    CHECK(http::problem_head(503).headers.find("Retry-After") == std::string_view("1"));
    CHECK_FALSE(http::problem_head(404).headers.has("Retry-After"));
    CHECK(http::problem_head(404).headers.find("Content-Type") ==
          std::string_view("application/problem+json"));
}

}  // namespace
}  // namespace hearth
