#include "api/sessions.hpp"

#include <set>

#include "api/api_fixture.hpp"
#include "support/catch.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::ApiFixture;
using Headers = std::vector<std::pair<std::string, std::string>>;

class FixedClock final : public base::Clock {
 public:
    base::SteadyTime now() const override { return base::SteadyTime(); }
    base::WallTime wall() const override { return time; }
    base::WallTime time = base::WallTime(1'000'000s);
};

/// A browser that has logged in, and the ways its requests may look.
class Browser {
 public:
    Browser(ApiFixture& f, const std::string& who) : f_(f) {
        opened_ = f.send("POST", "/api/v1/session", "", who);
        const auto cookie = opened_.header("Set-Cookie");
        cookie_ = cookie.substr(0, cookie.find(';'));
        csrf_ = opened_.text("/csrf");
    }
    const Answer& opened() const { return opened_; }
    Answer send(const std::string& method, const std::string& target, Headers headers = {},
                const std::string& body = "") {
        headers.emplace_back("Cookie", "theme=dark; " + cookie_);
        return f_.send(method, target, body, "", headers);
    }
    /// A write as the page makes it, with one header changed or, if its value is empty, left out.
    Answer write(const std::string& name = "", const std::string& value = "") {
        Headers sent;
        const Headers usual = {{"Origin", "http://localhost"},
                               {"Sec-Fetch-Site", "same-origin"},
                               {"X-Hearth-Csrf", csrf_}};
        for (const auto& header : usual) {
            if (header.first != name) sent.push_back(header);
        }
        if (!value.empty()) sent.emplace_back(name, value);
        return send(
            "POST", "/api/v1/namespaces/a/configmaps?dryRun=true", sent,
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: a}\ndata: {k: v}\n");
    }
    const std::string& csrf() const { return csrf_; }

 private:
    ApiFixture& f_;
    Answer opened_;
    std::string cookie_, csrf_;
};

TEST_CASE("a token opens a session of its role behind a cookie no script can read", "[api]") {
    ApiFixture f;
    Browser browser(f, "deploy-a");
    CHECK(browser.opened().status == 201);
    const auto cookie = browser.opened().header("Set-Cookie");
    CHECK(cookie.starts_with("__Host-hearth="));
    for (const char* part :
         {"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"})
        CHECK(cookie.find(part) != std::string::npos);
    CHECK(cookie.find("Domain") == std::string::npos);
    CHECK(cookie.find(ApiFixture::token("deploy-a")) == std::string::npos);
    const auto who = browser.send("GET", "/api/v1/session");
    CHECK(who.status == 200);
    CHECK(who.text("/role") == "deploy");
    CHECK(who.text("/namespace") == "a");
    CHECK(who.text("/csrf") == browser.csrf());
    CHECK(browser.send("GET", "/api/v1/apitokens").status == 403);
    CHECK(f.send("POST", "/api/v1/session", "", "nobody").status == 401);
    CHECK(f.send("POST", "/api/v1/session", "", "").status == 401);
}

TEST_CASE("a write by cookie needs the session's secret and this server's origin", "[api]") {
    ApiFixture f;
    Browser browser(f, "deploy-a");
    CHECK(browser.write().status == 200);
    CHECK(browser.write("X-Hearth-Csrf").status == 403);
    CHECK(browser.write("X-Hearth-Csrf", std::string(64, '0')).status == 403);
    CHECK(browser.write("X-Hearth-Csrf", browser.csrf() + "0").status == 403);
    CHECK(browser.write("X-Hearth-Csrf", Browser(f, "deploy-a").csrf()).status == 403);
    CHECK(browser.write("Origin").status == 403);
    for (const char* origin : {"null", "http://evil.example", "http://localhost:1", "localhost"})
        CHECK(browser.write("Origin", origin).status == 403);
    CHECK(browser.write("Sec-Fetch-Site", "same-site").status == 403);
    CHECK(browser.write("Sec-Fetch-Site", "cross-site").status == 403);
    CHECK(browser.write("Sec-Fetch-Site", "none").status == 403);
    CHECK(browser.write("Sec-Fetch-Site").status == 200);
}

TEST_CASE("a read by cookie is for the page, and a function is not run by a link", "[api]") {
    ApiFixture f;
    REQUIRE(f.apply(test::hello(), "?namespace=a").status == 200);
    Browser browser(f, "deploy-a");
    const std::string list = "/api/v1/functions",
                      call = "/api/v1/namespaces/a/functions/hello/call";
    CHECK(browser.send("GET", list).status == 200);
    CHECK(browser.send("GET", list, {{"Sec-Fetch-Site", "same-origin"}}).status == 200);
    CHECK(browser.send("GET", list, {{"Sec-Fetch-Site", "none"}}).status == 200);
    CHECK(browser.send("GET", list, {{"Sec-Fetch-Site", "same-site"}}).status == 403);
    CHECK(browser.send("GET", call).status == 403);
    CHECK(browser.send("GET", "/fission-function/a/hello").status == 403);
    CHECK(browser.send("GET", call, {{"X-Hearth-Csrf", browser.csrf()}}).status == 200);
}

TEST_CASE("an Authorization header goes before the cookie", "[api]") {
    ApiFixture f;
    Browser browser(f, "admin-all");
    const auto as = [&](const std::string& token) {
        return browser.send("GET", "/api/v1/identity", {{"Authorization", "Bearer " + token}});
    };
    CHECK(as(ApiFixture::token("view-b")).text("/role") == "view");
    CHECK(as("wrong").status == 401);
}

TEST_CASE("a session ends by logout and with its token", "[api]") {
    ApiFixture f;
    Browser first(f, "view-a"), second(f, "view-a");
    const auto out = first.send("DELETE", "/api/v1/session",
                                {{"Origin", "http://localhost"}, {"X-Hearth-Csrf", first.csrf()}});
    CHECK(out.status == 200);
    CHECK(out.header("Set-Cookie").find("Max-Age=0") != std::string::npos);
    CHECK(first.send("GET", "/api/v1/session").status == 401);
    CHECK(second.send("GET", "/api/v1/session").status == 200);
    REQUIRE(f.send("DELETE", "/api/v1/namespaces/a/apitokens/view-a").status == 200);
    const auto ended = second.send("GET", "/api/v1/session");
    CHECK(ended.status == 401);
    CHECK(ended.text("/detail").find("deleted or has expired") != std::string::npos);
}

TEST_CASE("without tokens nobody needs a session", "[api]") {
    ApiFixture f(false);
    const auto who = f.send("GET", "/api/v1/session", "", "");
    CHECK(who.status == 200);
    CHECK(who.text("/role") == "admin");
    CHECK(who.text("/csrf") == "(absent)");
    CHECK(f.send("POST", "/api/v1/session", "", "").status == 400);
}

TEST_CASE("sessions expire, and a token's oldest makes room", "[api]") {
    FixedClock clock;
    api::Sessions sessions(clock);
    const auto first = sessions.open("digest");
    REQUIRE(first);
    CHECK(sessions.find(first->id)->token_digest == "digest");
    CHECK_FALSE(sessions.find(first->id + "0"));
    CHECK_FALSE(sessions.find(""));
    std::set<std::string> ids = {first->id, first->session.csrf};
    for (std::size_t i = 1; i < api::Sessions::kMostOfToken; ++i) {
        clock.time += 1s;
        const auto more = sessions.open("digest");
        ids.insert(more->id);
        ids.insert(more->session.csrf);
    }
    CHECK(ids.size() == 2 * api::Sessions::kMostOfToken);
    CHECK(sessions.find(first->id));
    const auto last = sessions.open("digest");
    CHECK_FALSE(sessions.find(first->id));
    CHECK(sessions.size() == api::Sessions::kMostOfToken);
    clock.time += api::Sessions::kLifetime;
    CHECK_FALSE(sessions.find(last->id));
    CHECK(sessions.open("other"));
    CHECK(sessions.size() == 1);
}

TEST_CASE("sessions of many tokens are bounded", "[api]") {
    FixedClock clock;
    api::Sessions sessions(clock);
    for (std::size_t i = 0; i < api::Sessions::kMost; ++i)
        REQUIRE(sessions.open(std::to_string(i)));
    CHECK_FALSE(sessions.open("one too many"));
    clock.time += api::Sessions::kLifetime;
    CHECK(sessions.open("one too many"));
}

}  // namespace
}  // namespace hearth
