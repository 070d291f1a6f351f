#include "hearth/http/cloud_event.hpp"

#include <boost/json/parse.hpp>

#include "support/catch.hpp"

using namespace hearth;

namespace {

http::HeaderList headers_of(std::initializer_list<std::pair<std::string, std::string>> fields) {
    http::HeaderList headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    return headers;
}

http::HeaderList structured() {
    return headers_of({{"Content-Type", "application/cloudevents+json; charset=utf-8"}});
}

std::string fault(const http::HeaderList& headers, const std::string& body) {
    const auto event = http::read_cloud_event(headers, body);
    return event ? "" : event.error().message;
}

const std::string kWhole =
    R"({"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain",)";

}  // namespace

TEST_CASE("cloud event: binary mode, percent-encoded values", "[http][unit]") {
    const auto event =
        http::read_cloud_event(headers_of({{"CE-SpecVersion", "1.0"},
                                           {"ce-id", "a%20b"},
                                           {"ce-source", "/s"},
                                           {"ce-type", "t"},
                                           {"ce-note", "Euro%20%E2%82%AC%20%F0%9F%98%80"},
                                           {"Content-Type", "text/plain"}}),
                               "hi");
    REQUIRE(event);
    CHECK(event->attributes.at("id") == "a b");
    CHECK(event->attributes.at("note") == "Euro € 😀");
    CHECK(event->data == "hi");
    http::HeaderList back;
    http::set_binary_headers(*event, back);
    CHECK(back.find("ce-note") == "Euro%20%E2%82%AC%20%F0%9F%98%80");
    CHECK(back.find("Content-Type") == "text/plain");
    const auto body = boost::json::parse(http::structured_body(*event)).as_object();
    CHECK(body.at("note") == "Euro € 😀");
    CHECK(body.at("data") == "hi");
    CHECK(body.at("datacontenttype") == "text/plain");
}

TEST_CASE("cloud event: a value that was not encoded is taken as it stands", "[http][unit]") {
    const auto event = http::read_cloud_event(headers_of({{"ce-specversion", "1.0"},
                                                          {"ce-id", "50% off %zz"},
                                                          {"ce-source", "/s"},
                                                          {"ce-type", "t"}}),
                                              "");
    REQUIRE(event);
    CHECK(event->attributes.at("id") == "50% off %zz");
}

TEST_CASE("cloud event: structured mode and what its data is", "[http][unit]") {
    struct Row {
        std::string members, data, type;
    };
    for (const auto& [members, data, type] :
         {Row{R"("data":"hi"})", "hi", "text/plain"},
          Row{R"("data_base64":"AP8="})", std::string("\0\xff", 2), "text/plain"},
          Row{R"("datacontenttype":"application/json","data":{"a":1}})", R"({"a":1})",
              "application/json"},
          Row{R"("datacontenttype":"application/json","data":"hi"})", R"("hi")",
              "application/json"},
          Row{R"("datacontenttype":null,"data":[1]})", "[1]", "application/json"},
          Row{R"("n":5,"b":true})", "", "text/plain"}}) {
        INFO(members);
        auto text = kWhole + members;
        if (members.find("datacontenttype") != std::string::npos)
            text.replace(text.find(R"("datacontenttype":"text/plain",)"), 31, "");
        const auto event = http::read_cloud_event(structured(), text);
        REQUIRE(event);
        CHECK(event->data == data);
        CHECK(event->data_type == type);
        const auto again = http::read_cloud_event(structured(), http::structured_body(*event));
        REQUIRE(again);
        CHECK(again->data == event->data);
        CHECK(again->attributes == event->attributes);
    }
}

TEST_CASE("cloud event: what is none is told by attribute", "[http][unit]") {
    CHECK(fault({}, "") == "no CloudEvent: the attribute specversion is missing");
    CHECK(
        fault(
            headers_of(
                {{"ce-specversion", "0.3"}, {"ce-id", "1"}, {"ce-source", "s"}, {"ce-type", "t"}}),
            "") == "no CloudEvent: its specversion is \"0.3\"; 1.0 is understood");
    CHECK(fault(headers_of({{"ce-a-b", "x"}}), "").find("names no attribute") != std::string::npos);
    CHECK(fault(headers_of({{"ce-id", "1"}, {"ce-id", "2"}}), "").find("twice") !=
          std::string::npos);
    CHECK(fault(structured(), "[]") == "no CloudEvent: the body is no JSON object");
    CHECK(fault(structured(), kWhole + R"("A":1})").find("\"A\"") != std::string::npos);
    CHECK(fault(structured(), kWhole + R"("a":{}})").find("\"a\"") != std::string::npos);
    CHECK(fault(structured(), kWhole + R"("data":1,"data_base64":"AA=="})").find("exclude") !=
          std::string::npos);
    CHECK(fault(structured(), kWhole + R"("data_base64":"?"})").find("base64") !=
          std::string::npos);
    const auto batch = http::read_cloud_event(
        headers_of({{"Content-Type", "application/cloudevents-batch+json"}}), "[]");
    CHECK(batch.error().code == Errc::unsupported);
}
