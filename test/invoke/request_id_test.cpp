#include <set>

#include "hearth/invoke/invoker.hpp"
#include "support/catch.hpp"

using namespace hearth;

TEST_CASE("request id: a usable one is kept, anything else is replaced") {
    struct Row {
        const char* name;
        std::string value;
        bool kept;
    };
    const Row rows[] = {
        {"X-Request-Id", "abc-123", true},
        {"x-fission-request-id", "abc", true},
        {"X-Request-Id", std::string(192, 'a'), true},
        {"X-Request-Id", std::string(193, 'a'), false},
        {"X-Request-Id", "", false},
        {"X-Request-Id", "two words", false},
        {"X-Request-Id", "caf\xc3\xa9", false},
        {"X-Other", "abc", false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name, row.value);
        http::RequestHead head;
        head.headers.add(row.name, row.value);
        const auto id = invoke::request_id_of(head);
        if (row.kept)
            CHECK(id == row.value);
        else
            CHECK(id.size() == 36);
    }
}

TEST_CASE("request id: an unusable one gives way to the other header's") {
    http::RequestHead head;
    head.headers.add("X-Request-Id", "no good");
    head.headers.add("X-Fission-Request-ID", "good");
    CHECK(invoke::request_id_of(head) == "good");
}

TEST_CASE("request ids: version 4, and none comes twice") {
    invoke::RequestIds ids;
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto id = ids.next();
        CAPTURE(id);
        REQUIRE(id.size() == 36);
        for (const std::size_t at : {8u, 13u, 18u, 23u}) CHECK(id[at] == '-');
        CHECK(id.find_first_not_of("0123456789abcdef-") == std::string::npos);
        CHECK(id[14] == '4');
        CHECK(std::string("89ab").find(id[19]) != std::string::npos);
        CHECK(seen.insert(id).second);
    }
}

TEST_CASE("request ids: a given one is kept there too") {
    invoke::RequestIds ids;
    http::RequestHead head;
    head.headers.add("X-Request-Id", "mine");
    CHECK(invoke::request_id_of(head, ids) == "mine");
    head.headers.clear();
    CHECK(invoke::request_id_of(head, ids).size() == 36);
}
