#include "gateway/edge.hpp"

#include <string>
#include <vector>

#include "gateway/cors.hpp"
#include "gateway/forwarded.hpp"
#include "support/catch.hpp"
#include "support/triggers.hpp"

using namespace hearth;
using namespace hearth::gateway;
using test::named;
using test::trigger;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

http::RequestHead head_of(const std::string& method, const std::string& target,
                          const Fields& fields = {}) {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    return head;
}

std::string get(const http::HeaderList& headers, std::string_view name) {
    return std::string(headers.find(name).value_or("-"));
}

RoutePtr route(const model::HttpTriggerSpec& spec) {
    auto made =
        make_route(1, named("r"), spec, [](std::string_view, std::string_view) { return nullptr; });
    REQUIRE(made);
    return *made;
}

model::CorsConfig cors(std::vector<std::string> origins, bool credentials = false) {
    model::CorsConfig config;
    config.allow_origins = std::move(origins);
    config.allow_credentials = credentials;
    return config;
}

RoutePtr cors_route(model::CorsConfig config, std::vector<std::string> methods = {"GET", "POST"}) {
    auto spec = trigger("/a", std::move(methods));
    spec.cors = std::move(config);
    return route(spec);
}

http::RequestHead preflight(const std::string& origin, const std::string& method,
                            const std::string& headers = "") {
    auto head =
        head_of("OPTIONS", "/a", {{"Origin", origin}, {"Access-Control-Request-Method", method}});
    if (!headers.empty()) head.headers.add("Access-Control-Request-Headers", headers);
    return head;
}

}  // namespace

TEST_CASE("cors: a preflight is told what it asked for") {
    auto config = cors({"https://a.example"});
    config.allow_headers = {"X-Token"};
    config.max_age = std::chrono::seconds(600);
    http::HeaderList out;
    CHECK_FALSE(answer_preflight(
        *cors_route(config), preflight("https://a.example", "POST", "content-type, x-token"), out));
    CHECK(get(out, "Access-Control-Allow-Origin") == "https://a.example");
    CHECK(get(out, "Access-Control-Allow-Methods") == "POST");
    CHECK(get(out, "Access-Control-Allow-Headers") == "content-type, x-token");
    CHECK(get(out, "Access-Control-Max-Age") == "600");
    CHECK(get(out, "Access-Control-Allow-Credentials") == "-");
    CHECK(get(out, "Vary") ==
          "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
}

TEST_CASE("cors: what the route does not allow is refused by name") {
    struct Row {
        model::CorsConfig config;
        http::RequestHead head;
        const char* refusal;
    };
    auto with_methods = cors({"https://a.example"});
    with_methods.allow_methods = {"GET"};
    auto any_header_with_credentials = cors({"https://a.example"}, true);
    any_header_with_credentials.allow_headers = {"*"};
    const std::vector<Row> rows = {
        {cors({}), preflight("https://a.example", "GET"),
         "the origin https://a.example is not in corsConfig.allowOrigins"},
        {cors({"https://a.example"}), preflight("https://a.example.evil", "GET"),
         "the origin https://a.example.evil is not in corsConfig.allowOrigins"},
        {cors({"https://a.example"}), preflight("null", "GET"),
         "the origin null is not in corsConfig.allowOrigins"},
        {cors({"*"}, true), preflight("https://a.example", "GET"),
         "the origin https://a.example is not in corsConfig.allowOrigins"},
        {cors({"*"}, true), preflight("*", "GET"),
         "the origin * is not in corsConfig.allowOrigins"},
        {cors({"https://a.example"}), preflight("https://a.example", "DELETE"),
         "the method DELETE is not allowed by the route's corsConfig"},
        {with_methods, preflight("https://a.example", "POST"),
         "the method POST is not allowed by the route's corsConfig"},
        {cors({"https://a.example"}), preflight("https://a.example", "GET", "accept,x-secret"),
         "the request header x-secret is not in corsConfig.allowHeaders"},
        {any_header_with_credentials, preflight("https://a.example", "GET", "x-any"),
         "the request header x-any is not in corsConfig.allowHeaders"},
    };
    for (const auto& row : rows) {
        INFO(row.refusal);
        http::HeaderList out;
        CHECK(answer_preflight(*cors_route(row.config), row.head, out).value_or("allowed") ==
              row.refusal);
        CHECK(get(out, "Access-Control-Allow-Origin") == "-");
    }
}

TEST_CASE("cors: wildcards work without credentials only") {
    auto config = cors({"*"});
    config.allow_headers = {"*"};
    config.allow_methods = {"*"};
    http::HeaderList out;
    CHECK_FALSE(answer_preflight(*cors_route(config),
                                 preflight("https://any.example", "DELETE", "x-any"), out));
    CHECK(get(out, "Access-Control-Allow-Origin") == "*");

    http::HeaderList answer;
    add_cors_headers(cors({"*"}), head_of("GET", "/a", {{"Origin", "https://any.example"}}),
                     answer);
    CHECK(get(answer, "Access-Control-Allow-Origin") == "*");
    CHECK(get(answer, "Vary") == "-");

    http::HeaderList with_credentials;
    add_cors_headers(cors({"*"}, true), head_of("GET", "/a", {{"Origin", "https://any.example"}}),
                     with_credentials);
    CHECK(get(with_credentials, "Access-Control-Allow-Origin") == "-");
}

TEST_CASE("cors: ordinary answers name the allowed origin and vary by it") {
    auto config = cors({"https://a.example", "https://b.example"}, true);
    config.expose_headers = {"X-One", "X-Two"};
    http::HeaderList allowed;
    add_cors_headers(config, head_of("GET", "/a", {{"Origin", "https://b.example"}}), allowed);
    CHECK(get(allowed, "Access-Control-Allow-Origin") == "https://b.example");
    CHECK(get(allowed, "Access-Control-Allow-Credentials") == "true");
    CHECK(get(allowed, "Access-Control-Expose-Headers") == "X-One, X-Two");
    CHECK(get(allowed, "Vary") == "Origin");

    for (const Fields& fields : std::vector<Fields>{{}, {{"Origin", "https://c.example"}}}) {
        http::HeaderList other;
        add_cors_headers(config, head_of("GET", "/a", fields), other);
        CHECK(get(other, "Access-Control-Allow-Origin") == "-");
        // A cache must not give this answer to an origin that is allowed.
        CHECK(get(other, "Vary") == "Origin");
    }
}

TEST_CASE("forwarded: ranges of trusted proxies") {
    TrustedProxies proxies;
    for (const std::string range :
         {"10.1.0.0/16", "192.0.2.7", "fd00::/8", "203.0.113.128/25", "0.0.0.0/32"}) {
        CHECK(proxies.add(range));
    }
    for (const std::string bad : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::/129", "x",
                                  "10.0.0.0/8x", "10.0.0.0/-1"}) {
        INFO(bad);
        CHECK_FALSE(proxies.add(bad));
    }
    for (const std::string inside :
         {"10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "fd12::1", "203.0.113.200", ""}) {
        INFO(inside);
        CHECK(proxies.contains(inside));
    }
    for (const std::string outside :
         {"10.2.0.0", "192.0.2.8", "fe00::1", "203.0.113.127", "::1", "nonsense", "::a01:203"}) {
        INFO(outside);
        CHECK_FALSE(proxies.contains(outside));
    }
    CHECK_FALSE(TrustedProxies().contains("127.0.0.1"));
}

TEST_CASE("forwarded: an untrusted peer's word is replaced, a trusted one's continued") {
    const auto head = head_of("GET", "/",
                              {{"Host", "shop.example:8080"},
                               {"X-Forwarded-For", "1.1.1.1"},
                               {"x-forwarded-for", "2.2.2.2"},
                               {"X-Forwarded-Host", "public.example"},
                               {"X-Forwarded-Proto", "https"},
                               {"Forwarded", "for=1.1.1.1;proto=https"}});
    std::string scratch;
    http::HeaderList anew;
    add_forwarding_headers(head, "198.51.100.9", false, anew, scratch);
    CHECK(get(anew, "X-Forwarded-For") == "198.51.100.9");
    CHECK(get(anew, "X-Forwarded-Host") == "shop.example:8080");
    CHECK(get(anew, "X-Forwarded-Proto") == "http");
    CHECK(get(anew, "Forwarded") == "for=198.51.100.9;host=\"shop.example:8080\";proto=http");
    CHECK(anew.size() == 4);

    http::HeaderList continued;
    add_forwarding_headers(head, "fd00::5", true, continued, scratch);
    CHECK(get(continued, "X-Forwarded-For") == "1.1.1.1, 2.2.2.2, fd00::5");
    CHECK(get(continued, "X-Forwarded-Host") == "public.example");
    CHECK(get(continued, "X-Forwarded-Proto") == "https");
    CHECK(get(continued, "Forwarded") ==
          "for=1.1.1.1;proto=https, for=\"[fd00::5]\";host=\"shop.example:8080\";proto=http");

    http::HeaderList by_socket;
    add_forwarding_headers(head_of("GET", "/", {{"Host", "a"}}), "", true, by_socket, scratch);
    CHECK(get(by_socket, "X-Forwarded-For") == "-");
    CHECK(get(by_socket, "Forwarded") == "for=unknown;host=a;proto=http");
}

TEST_CASE("forwarded: other claims of an untrusted peer are overruled") {
    const auto head = head_of("GET", "/",
                              {{"Host", "a"},
                               {"X-Forwarded-Port", "443"},
                               {"x-forwarded-prefix", "/admin"},
                               {"X-Forwarded-Prefix", "/twice"},
                               {"X-Real-IP", "1.1.1.1"},
                               {"X-Other", "kept"}});
    std::string scratch;
    http::HeaderList untrusted;
    add_forwarding_headers(head, "198.51.100.9", false, untrusted, scratch);
    CHECK(get(untrusted, "X-Forwarded-Port") == "");
    CHECK(get(untrusted, "X-Forwarded-Prefix") == "");
    CHECK(untrusted.count("X-Forwarded-Prefix") == 1);
    CHECK(get(untrusted, "X-Real-IP") == "198.51.100.9");
    CHECK_FALSE(untrusted.has("X-Other"));

    http::HeaderList trusted;
    add_forwarding_headers(head, "198.51.100.9", true, trusted, scratch);
    CHECK_FALSE(trusted.has("X-Forwarded-Port"));
    CHECK_FALSE(trusted.has("X-Real-IP"));
}

TEST_CASE("edge: parameters reach the function decoded unless no header can carry them") {
    struct Row {
        const char* segment;
        const char* value;
    };
    const auto r = route(trigger("/u/{id}"));
    for (const auto& row : std::vector<Row>{{"7", "7"},
                                            {"a%20b", "a b"},
                                            {"a+b", "a+b"},
                                            {"%C3%A9", "\xC3\xA9"},
                                            {"%0D%0AX-Evil:1", "%0D%0AX-Evil:1"},
                                            {"a%0ab", "a%0ab"},
                                            {"a%01b", "a%01b"},
                                            {"a%7Fb", "a%7Fb"}}) {
        INFO(row.segment);
        http::HeaderList out;
        std::string scratch;
        const auto path = std::string("/u/") + row.segment;
        add_route_headers(*r, path, "q=1", out, scratch);
        CHECK(get(out, "X-Fission-Params-id") == row.value);
        CHECK(get(out, "X-Fission-Full-Url") == path + "?q=1");
        CHECK(out.size() == 2);
    }
}

TEST_CASE("edge: the function's target keeps the query") {
    const auto prefix = route(trigger("/p*"));
    CHECK(function_target(*prefix, "/p/x", head_of("GET", "/p/x?a=1&b=%20")) == "/x?a=1&b=%20");
    CHECK(function_target(*prefix, "/p", head_of("GET", "/p?a")) == "/?a");
    CHECK(function_target(*route(trigger("/e")), "/e", head_of("GET", "/e")) == "/");
}

TEST_CASE("edge: only paths without anything to decode are taken as they are") {
    for (const std::string plain : {"/", "/a", "/a/b.c", "/A-b_c~d/9", "//", "/a.b/"}) {
        INFO(plain);
        CHECK(is_plain_path(plain));
    }
    for (const std::string other :
         {"", "a", "/%61", "/..", "/.", "/a/./b", "/.well-known", "/a b", "/a;b", "/\\", "*"}) {
        INFO(other);
        CHECK_FALSE(is_plain_path(other));
    }
}

TEST_CASE("edge: refusals say what was looked up") {
    const auto head = head_of("PUT", "/x/y?q", {{"Host", "h.example"}});
    const auto missing = no_route(head, "/x/y", "id-1");
    CHECK(missing.head.status == 404);
    CHECK(get(missing.head.headers, "Content-Type") == "application/problem+json");
    CHECK(
        missing.body.find(
            "No route for PUT http://h.example/x/y. `hearth get httptriggers` lists the routes") !=
        std::string::npos);
    CHECK(missing.body.find("\"requestId\":\"id-1\"") != std::string::npos);
    CHECK(missing.body.find("\"component\":\"gateway\"") != std::string::npos);

    const auto method = no_method(head, "/x/y", static_cast<Methods>(kGet | kHead), "id-1");
    CHECK(method.head.status == 405);
    CHECK(get(method.head.headers, "Allow") == "GET, HEAD");

    const auto hostile =
        no_route(head_of("GET", "/", {{"Host", "\"<script>"}}), "/" + std::string(1000, 'a'), "id");
    CHECK(hostile.body.find("\\\"<script>") != std::string::npos);
    CHECK(hostile.body.size() < 700);
}
