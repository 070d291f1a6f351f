#include "gateway/edge_auth.hpp"

#include <sodium.h>

#include <string>

#include "hearth/base/ids.hpp"
#include "support/catalog_writes.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::gateway;
using model::Kind;

namespace {

http::RequestHead with(const std::string& name, const std::string& value) {
    http::RequestHead head;
    if (!name.empty()) head.headers.add(name, value);
    return head;
}

std::string secret_spec(const std::string& key, const std::string& value) {
    return "{\"data\":{\"" + key + "\":\"" + base::base64_encode(value) + "\"}}";
}

std::string failure(const Result<void>& result) {
    return result ? "ok" : result.error().message;
}

}  // namespace

TEST_CASE("auth: a key is accepted when it is one of the values, and only then") {
    REQUIRE(sodium_init() >= 0);
    const EdgeKeys keys(
        {{"a", "first-key"}, {"b", "second-key\n"}, {"c", "third\r\n"}, {"d", ""}, {"e", "\n"}});
    for (const std::string good : {"first-key", "second-key", "third"}) CHECK(keys.accepts(good));
    for (const std::string bad :
         {"", "first-key ", "FIRST-KEY", "first-ke", "second-key\n", "a", "first-keysecond-key"}) {
        INFO(bad);
        CHECK_FALSE(keys.accepts(bad));
    }
    CHECK_FALSE(EdgeKeys({}).accepts(""));
}

TEST_CASE("auth: signatures are HMAC-SHA256 in hex") {
    REQUIRE(sodium_init() >= 0);
    // RFC 4231, test case 2.
    const EdgeKeys keys({{"k", "Jefe"}, {"other", "x"}, {"empty", ""}});
    const std::string body = "what do ya want for nothing?";
    const std::string good = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    CHECK(keys.signed_by("k", {body}, good));
    CHECK(keys.signed_by("k", {body},
                         "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"));
    CHECK_FALSE(keys.signed_by("k", {body, " "}, good));
    CHECK_FALSE(keys.signed_by("other", {body}, good));
    CHECK_FALSE(keys.signed_by("missing", {body}, good));
    CHECK_FALSE(keys.signed_by("empty", {body}, good));
    for (const std::string& bad :
         {std::string(), good.substr(1), good + "0", good + good, "zz" + good.substr(2),
          std::string(64, '0'), good.substr(0, 62) + ": "}) {
        INFO(bad);
        CHECK_FALSE(keys.signed_by("k", {body}, bad));
    }
}

TEST_CASE("auth: where a key may stand") {
    CHECK(presented_key(with("x-api-key", "k")) == "k");
    CHECK(presented_key(with("Authorization", "Bearer k")) == "k");
    CHECK(presented_key(with("Authorization", "bearer  k")) == "k");
    CHECK_FALSE(presented_key(with("Authorization", "Basic k")));
    CHECK_FALSE(presented_key(with("Authorization", "Bearer")));
    CHECK_FALSE(presented_key(with("", "")));
}

TEST_CASE("auth: checks follow the secret through creation, change and removal") {
    REQUIRE(sodium_init() >= 0);
    const auto catalog = catalog::make_memory_catalog();
    EdgeSecret secret("default", "keys");
    CHECK(failure(check_api_key(secret, *catalog, with("X-API-Key", "k1"))) ==
          "The route asks for credentials from Secret default/keys, which does not exist");
    CHECK(check_api_key(secret, *catalog, with("X-API-Key", "k1")).error().code ==
          Errc::unavailable);

    const auto follow = catalog->subscribe([&](const std::vector<catalog::Change>& changes) {
        for (const auto& change : changes) {
            const bool removed = change.type == catalog::Change::Type::removed;
            secret.update(removed ? nullptr : change.record, change.revision);
        }
    });
    test::put(*catalog, Kind::secret, "keys", secret_spec("a", "k1"));
    CHECK(check_api_key(secret, *catalog, with("X-API-Key", "k1")));
    CHECK(failure(check_api_key(secret, *catalog, with("X-API-Key", "k2"))) ==
          "The API key is not one this route accepts");
    CHECK(failure(check_api_key(secret, *catalog, with("", ""))) ==
          "This route needs an API key: send X-API-Key: KEY or Authorization: Bearer KEY");

    const auto old = catalog->find(Kind::secret, "default", "keys");
    test::put(*catalog, Kind::secret, "keys", secret_spec("a", "k2"));
    CHECK(check_api_key(secret, *catalog, with("X-API-Key", "k2")));
    CHECK_FALSE(check_api_key(secret, *catalog, with("X-API-Key", "k1")));
    // A reader that was slow must not bring the old keys back.
    secret.update(old, old->metadata.revision);
    CHECK_FALSE(check_api_key(secret, *catalog, with("X-API-Key", "k1")));

    test::remove(*catalog, Kind::secret, "keys");
    CHECK(check_api_key(secret, *catalog, with("X-API-Key", "k2")).error().code ==
          Errc::unavailable);
}

TEST_CASE("auth: a signature's absence, prefix and key are named in the refusal") {
    REQUIRE(sodium_init() >= 0);
    const auto catalog = catalog::make_memory_catalog();
    test::put(*catalog, Kind::secret, "hook", secret_spec("k", "Jefe"));
    const std::string body = "what do ya want for nothing?";
    const std::string good = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    EdgeAuth auth;
    auth.hmac_keys = std::make_shared<EdgeSecret>("default", "hook");
    auth.hmac.emplace();
    auth.hmac->secret = "hook";
    auth.hmac->key = "k";
    const auto check = [&](const http::RequestHead& head) {
        return failure(check_signature(auth, *catalog, head, body, {}));
    };
    CHECK(check(with("X-Hub-Signature-256", "sha256=" + good)) == "ok");
    CHECK(check(with("X-Hub-Signature-256", good)) ==
          "The signature in X-Hub-Signature-256 does not fit the body");
    CHECK(check(with("", "")) ==
          "This route needs a signed body: send X-Hub-Signature-256: sha256=HMAC-SHA256");
    auth.hmac->prefix = "";
    CHECK(check(with("X-Hub-Signature-256", good)) == "ok");
    auth.hmac->key = "nope";
    CHECK(check(with("X-Hub-Signature-256", good)) ==
          "The route's signing key is \"nope\" of Secret default/hook, which holds no such value");
}
