#include "hearth/http/cookie.hpp"

#include "support/catch.hpp"
#include "support/forward_fixture.hpp"

namespace hearth {
namespace {

TEST_CASE("a cookie is found by its whole name", "[http]") {
    CHECK(http::cookie_value("a=1; __Host-hearth=xyz; b=2", http::kSessionCookie) == "xyz");
    CHECK(http::cookie_value("__Host-hearth=", http::kSessionCookie) == "");
    CHECK(http::cookie_value("__Host-hearth=1; __Host-hearth=2", http::kSessionCookie) == "1");
    CHECK_FALSE(http::cookie_value("x__Host-hearth=1; __Host-hearth2=2; __Host-hearth",
                                   http::kSessionCookie));
    CHECK_FALSE(http::cookie_value("", http::kSessionCookie));
}

TEST_CASE("a cookie is taken out and the others stay", "[http]") {
    CHECK(http::without_cookie("a=1; __Host-hearth=xyz; b=2", http::kSessionCookie) == "a=1; b=2");
    CHECK(http::without_cookie("__Host-hearth=1;__Host-hearth=2", http::kSessionCookie).empty());
    CHECK(http::without_cookie("a=\"x y\"", http::kSessionCookie) == "a=\"x y\"");
}

TEST_CASE("forward: a cookie is kept from the upstream where the plan says so", "[http]") {
    test::RawListener upstream;
    test::ForwardFixture f(upstream.endpoint());
    f.drop_cookie = http::kSessionCookie;
    test::RawClient client(f.endpoint());
    client.send(
        "GET / HTTP/1.1\r\nHost: front\r\ncookie: a=1; __Host-hearth=secret; b=2\r\n"
        "Cookie: __Host-hearth=secret\r\nX-Last: 1\r\n\r\n");
    auto instance = upstream.accept();
    const auto request = instance.read_until("X-Last: 1\r\n\r\n");
    CHECK(request.find("secret") == std::string::npos);
    CHECK(request.find("a=1; b=2\r\n") != std::string::npos);
    instance.send("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(client.read_response().find("204") != std::string::npos);
}

}  // namespace
}  // namespace hearth
