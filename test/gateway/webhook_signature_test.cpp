#include <sodium.h>

#include "gateway/edge_auth.hpp"
#include "hearth/base/ids.hpp"
#include "support/catalog_writes.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::gateway;
using namespace std::chrono_literals;
using Scheme = model::RouteAuth::Hmac::Scheme;

namespace {

struct Webhook {
    Webhook(const std::string& secret, Scheme scheme, std::string header, std::string prefix) {
        REQUIRE(sodium_init() >= 0);
        test::put(*catalog, model::Kind::secret, "hook",
                  R"({"data":{"k":")" + base::base64_encode(secret) + "\"}}");
        auth.hmac_keys = std::make_shared<EdgeSecret>("default", "hook");
        auth.hmac.emplace();
        auth.hmac->secret = "hook";
        auth.hmac->key = "k";
        auth.hmac->scheme = scheme;
        auth.hmac->header = std::move(header);
        auth.hmac->prefix = std::move(prefix);
    }
    std::string check(const std::string& body, std::int64_t now_s) const {
        const auto checked = check_signature(auth, *catalog, head, body,
                                             base::WallTime(std::chrono::seconds(now_s)));
        return checked ? "ok" : checked.error().message;
    }

    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    EdgeAuth auth;
    http::RequestHead head;
};

}  // namespace

TEST_CASE("webhook: the example of GitHub's documentation", "[gateway][unit]") {
    Webhook hook("It's a Secret to Everybody", Scheme::plain, "X-Hub-Signature-256", "sha256=");
    hook.head.headers.add(
        "X-Hub-Signature-256",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    CHECK(hook.check("Hello, World!", 0) == "ok");
    CHECK(hook.check("Hello, World", 0) ==
          "The signature in X-Hub-Signature-256 does not fit the body");
}

TEST_CASE("webhook: the example of Slack's documentation, and its replay window",
          "[gateway][unit]") {
    const std::string body =
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
        "G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-"
        "collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%"
        "2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
        "803a0bc887a14d10d2c447fce8b6703c";
    Webhook hook("8f742231b10e8888abcd99yyyzzz85a5", Scheme::slack, "X-Slack-Signature", "v0=");
    hook.head.headers.add("X-Slack-Signature",
                          "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    CHECK(hook.check(body, 1531420618) == "The signed time is missing or no number of seconds");
    hook.head.headers.add("X-Slack-Request-Timestamp", "1531420618");
    CHECK(hook.check(body, 1531420618) == "ok");
    CHECK(hook.check(body, 1531420618 + 300) == "ok");
    const auto replay =
        "The signed time is more than 300 s from now: a replay, or a clock that is wrong";
    CHECK(hook.check(body, 1531420618 + 301) == replay);
    CHECK(hook.check(body, 1531420618 - 301) == replay);
    hook.head.headers.set("X-Slack-Request-Timestamp", "1531420619");
    CHECK(hook.check(body, 1531420618) ==
          "The signature in X-Slack-Signature does not fit the body");
}

TEST_CASE("webhook: Stripe's header holds the time and signatures of which one fits",
          "[gateway][unit]") {
    const std::string good = "7656fc2882a7ca0a651666b36bf2f2f22ee204f54f608f227498a2419f2890b2";
    const std::string body = R"({"id":"evt_1"})";
    Webhook hook("whsec_test", Scheme::stripe, "Stripe-Signature", "v1=");
    struct Row {
        std::string header, answer;
    };
    const std::string misfit = "The signature in Stripe-Signature does not fit the body";
    const std::string untimed = "The signed time is missing or no number of seconds";
    for (const auto& [header, answer] :
         {Row{"t=1492774577,v1=" + good, "ok"},
          Row{"t=1492774577, v0=00, v1=" + std::string(64, '0') + ",v1=" + good, "ok"},
          Row{"t=1492774578,v1=" + good, misfit}, Row{"t=1492774577,v0=" + good, misfit},
          Row{"v1=" + good, untimed}, Row{"t=x,v1=" + good, untimed},
          Row{"t=-1,v1=" + good, untimed}, Row{"t=99999999999999999,v1=" + good, untimed},
          Row{"t=1492774577", misfit}, Row{"", untimed}}) {
        INFO(header);
        hook.head.headers.set("Stripe-Signature", header);
        CHECK(hook.check(body, 1492774600) == answer);
    }
    hook.head.headers.set("Stripe-Signature", "t=1492774577,v1=" + good);
    hook.auth.hmac->tolerance = 10s;
    CHECK(hook.check(body, 1492774588).starts_with("The signed time is more than 10 s from now"));
}
