#include "hearth/gateway/gateway.hpp"

#include <sodium.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "hearth/base/ids.hpp"
#include "hearth/http/client.hpp"
#include "support/catalog_writes.hpp"
#include "support/catch.hpp"
#include "support/fake_executor.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using model::Kind;

namespace {

/// Answers every call with what it was asked to do, as JSON.
class EchoInvoker final : public invoke::Invoker {
 public:
    Task<invoke::CallReport> serve(http::Exchange& exchange, const invoke::Call& call) override {
        invoke::CallReport report;
        auto body = co_await exchange.read_body_all(call.max_body);
        boost::json::object seen;
        seen["function"] = test::FakeExecutor::name_of(call.function);
        seen["target"] = call.target;
        seen["requestId"] = call.request_id;
        seen["method"] = exchange.request().method;
        seen["serverTiming"] = call.server_timing;
        seen["deadlineMs"] = call.deadline ? std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 call.deadline->at() - exchange.received_at())
                                                 .count()
                                           : -1;
        auto& headers = seen["headers"].emplace_object();
        for (std::size_t i = 0; i < call.request_headers->size(); ++i) {
            const auto field = call.request_headers->at(i);
            headers[field.name] = field.value;
        }
        seen["body"] = body ? *body : "error: " + body.error().message;
        http::ResponseHead head;
        head.status = body ? 200 : 413;
        if (call.response_headers != nullptr) {
            for (std::size_t i = 0; i < call.response_headers->size(); ++i) {
                head.headers.add(call.response_headers->at(i).name,
                                 call.response_headers->at(i).value);
            }
        }
        report.status = head.status;
        auto text = boost::json::serialize(seen);
        auto sent = co_await exchange.respond(std::move(head), std::move(text));
        if (!sent) report.component = "client";
        co_return report;
    }
    Task<invoke::CallAnswer> call(invoke::DetachedCall) override {
        throw std::logic_error("the gateway makes no call of its own");
    }
};

struct Answer {
    int status = 0;
    http::HeaderList headers;
    std::string body;
    std::string header(std::string_view name) const {
        return std::string(headers.find(name).value_or("-"));
    }
    boost::json::object seen() const { return boost::json::parse(body).as_object(); }
    /// What the function would have been sent under that name.
    std::string sent(std::string_view name) const {
        const auto object = seen();
        const auto& fields = object.at("headers").as_object();
        const auto* value = fields.if_contains(name);
        return value == nullptr ? "-" : std::string(value->as_string());
    }
};

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A gateway on a real listener, in front of a fake executor and invoker.
class Daemon {
 public:
    explicit Daemon(gateway::GatewayOptions options = {}) {
        gateway_ =
            gateway::Gateway::make(std::move(options), *catalog, executor, invoker_, log_, metrics);
        gateway_->start();
        http::ServerOptions server;
        server.name = "gateway";
        server.listen.host = "127.0.0.1";
        auto started = http::Server::start(
            shards_, std::move(server), [this](http::Exchange& e) { return gateway_->handle(e); },
            log_, metrics);
        REQUIRE(started);
        server_ = std::move(*started);
    }
    ~Daemon() {
        server_->stop(Deadline::after(5s));
        server_.reset();
        gateway_.reset();
        shards_.stop();
    }

    gateway::Gateway& gateway() { return *gateway_; }

    void route(const std::string& name, const std::string& spec) {
        test::put(*catalog, Kind::http_trigger, name,
                  "{\"functionref\":{\"name\":\"hello\"}," + spec + "}");
    }

    Answer call(const std::string& target, const std::string& method = "GET",
                const Fields& fields = {}, const std::string& body = "",
                const std::string& host = "example.com") const {
        http::ClientRequest request;
        request.method = method;
        request.target = target;
        request.host = host;
        request.body = body;
        for (const auto& [name, value] : fields) request.headers.add(name, value);
        auto response =
            http::fetch_blocking(server_->endpoint(), std::move(request), Deadline::after(10s));
        if (!response) throw std::runtime_error(response.error().message);
        Answer answer;
        answer.status = response->status;
        answer.headers = std::move(response->headers);
        answer.body = std::move(response->body);
        return answer;
    }

    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    test::FakeExecutor executor;
    telemetry::Registry metrics;

 private:
    telemetry::Logger log_{telemetry::Level::error, telemetry::Logger::Format::text};
    aio::Shards shards_{2};
    EchoInvoker invoker_;
    std::unique_ptr<gateway::Gateway> gateway_;
    std::unique_ptr<http::Server> server_;
};

std::string hmac_hex(const std::string& key, const std::string& body) {
    crypto_auth_hmacsha256_state state;
    std::array<unsigned char, crypto_auth_hmacsha256_BYTES> out;
    crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()),
                                key.size());
    crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(body.data()),
                                  body.size());
    crypto_auth_hmacsha256_final(&state, out.data());
    return base::to_hex(out);
}

std::string secret_of(const std::string& value) {
    return "{\"data\":{\"key\":\"" + base::base64_encode(value) + "\"}}";
}

}  // namespace

TEST_CASE("gateway: a route leads to its function, with the path and headers Fission gives it") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("exact", R"("relativeurl":"/hello")");
    daemon.route("prefix", R"("prefix":"/p","methods":["GET","POST"])");
    daemon.route("users", R"("relativeurl":"/users/{id}/posts/{post}")");

    const auto exact = daemon.call("/hello?x=1", "GET", {{"X-Request-Id", "my-id"}});
    CHECK(exact.status == 200);
    CHECK(exact.seen().at("function") == "default/hello");
    CHECK(exact.seen().at("target") == "/?x=1");
    CHECK(exact.seen().at("requestId") == "my-id");
    CHECK(exact.sent("X-Fission-Full-Url") == "/hello?x=1");

    const auto prefix = daemon.call("/p/x/y?q=%20", "POST", {}, "the body");
    CHECK(prefix.seen().at("target") == "/x/y?q=%20");
    CHECK(prefix.seen().at("body") == "the body");

    const auto users = daemon.call("/users/J%C3%BCrgen/posts/a%20b");
    CHECK(users.seen().at("target") == "/");
    CHECK(users.sent("X-Fission-Params-id") == "J\xC3\xBCrgen");
    CHECK(users.sent("X-Fission-Params-post") == "a b");
    CHECK(daemon.call("/users/a%0D%0AX-Evil:1/posts/1").sent("X-Fission-Params-id") ==
          "a%0D%0AX-Evil:1");

    CHECK(daemon.call("/%68ello").status == 200);
    CHECK(daemon.call("/hello", "HEAD").status == 200);
}

TEST_CASE("gateway: routes are there, changed and gone when their write has returned") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    CHECK(daemon.call("/a").status == 404);
    daemon.route("a", R"("relativeurl":"/a")");
    CHECK(daemon.call("/a").status == 200);
    CHECK(daemon.gateway().routes() == 1);
    CHECK(daemon.gateway().match("EXAMPLE.com:80", "GET", "/%61") == "default/a");
    CHECK_FALSE(daemon.gateway().match("example.com", "POST", "/a"));
    CHECK_FALSE(daemon.gateway().match("example.com", "GET", "/a/../b"));
    daemon.route("a", R"("relativeurl":"/b")");
    CHECK(daemon.call("/a").status == 404);
    CHECK(daemon.call("/b").status == 200);
    test::remove(*daemon.catalog, Kind::http_trigger, "a");
    CHECK(daemon.call("/b").status == 404);
    CHECK(daemon.gateway().routes() == 0);
}

TEST_CASE("gateway: a function may come after its route, and its slot is looked up once") {
    Daemon daemon;
    daemon.route("a", R"("relativeurl":"/a")");
    const auto missing = daemon.call("/a");
    CHECK(missing.status == 404);
    CHECK(missing.body.find(
              "HTTPTrigger default/a calls function default/hello, which does not exist") !=
          std::string::npos);
    daemon.executor.add("default", "hello");
    CHECK(daemon.call("/a").status == 200);
    const auto before = daemon.executor.lookups();
    for (int i = 0; i < 20; ++i) CHECK(daemon.call("/a").status == 200);
    // Once per shard at most: the connections of this test may meet the other one.
    CHECK(daemon.executor.lookups() - before <= 1);
}

TEST_CASE("gateway: what no route takes is refused with what was looked up") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("a", R"("relativeurl":"/a","methods":["GET","PUT"])");
    const auto missing = daemon.call("/nope", "GET", {{"X-Request-Id", "r-7"}});
    CHECK(missing.status == 404);
    CHECK(missing.header("Content-Type") == "application/problem+json");
    CHECK(missing.header("X-Request-Id") == "r-7");
    CHECK(missing.seen().at("requestId") == "r-7");
    CHECK(missing.seen().at("component") == "gateway");
    CHECK(missing.body.find("No route for GET http://example.com/nope") != std::string::npos);

    const auto method = daemon.call("/a", "POST");
    CHECK(method.status == 405);
    CHECK(method.header("Allow") == "GET, HEAD, PUT");
    CHECK(daemon.call("/a", "OPTIONS").status == 405);
}

TEST_CASE("gateway: internal paths lead nowhere in any spelling") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("a", R"("relativeurl":"/a")");
    for (const std::string path : {"/fission-function/hello",
                                   "//fission-function/hello",
                                   "/./fission-function/hello",
                                   "/%66ission-function/hello",
                                   "/fission-function;x/hello",
                                   "/FISSION-FUNCTION/hello",
                                   "/a/../fission-function/hello",
                                   "/%2e/fission-function/hello",
                                   "/a/%2E%2E/fission-function/hello",
                                   "/fission-function%2Fhello",
                                   "/fission-function%5Chello",
                                   "/fission-function/default/hello",
                                   "/fission-function/hello%00",
                                   "/a/",
                                   "/a;x",
                                   "//a",
                                   "/a%2F",
                                   "/a/.",
                                   "/v2/specialize",
                                   "/specialize",
                                   "/api/v1/functions"}) {
        INFO(path);
        const auto answer = daemon.call(path);
        CHECK((answer.status == 404 || answer.status == 400));
    }
}

TEST_CASE("gateway: health paths answer until a route takes them") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    CHECK(daemon.call("/router-healthz").body == "ok\n");
    CHECK(daemon.call("/readyz").status == 200);
    CHECK(daemon.call("/readyz", "POST").status == 404);
    CHECK(daemon.call("/").status == 404);
    daemon.gateway().begin_drain();
    const auto draining = daemon.call("/readyz");
    CHECK(draining.status == 503);
    CHECK(draining.seen().at("detail") == "The daemon is stopping");
    CHECK(daemon.call("/router-healthz").status == 200);
    daemon.route("root", R"("relativeurl":"/")");
    CHECK(daemon.call("/").status == 200);
    daemon.route("ready", R"("relativeurl":"/readyz")");
    CHECK(daemon.call("/readyz").seen().at("function") == "default/hello");
}

TEST_CASE("gateway: an API key is asked for at the edge and follows its Secret") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("a", R"("relativeurl":"/a","auth":{"apiKeySecret":"keys"})");
    CHECK(daemon.call("/a", "GET", {{"X-API-Key", "k1"}}).status == 503);
    test::put(*daemon.catalog, Kind::secret, "keys", secret_of("k1"));
    const auto without = daemon.call("/a");
    CHECK(without.status == 401);
    CHECK(without.header("WWW-Authenticate") == "Bearer realm=\"default/a\"");
    CHECK(daemon.call("/a", "GET", {{"X-API-Key", "k1"}}).status == 200);
    CHECK(daemon.call("/a", "GET", {{"Authorization", "Bearer k1"}}).status == 200);
    CHECK(daemon.call("/a", "GET", {{"X-API-Key", "k2"}}).status == 401);
    test::put(*daemon.catalog, Kind::secret, "keys", secret_of("k2"));
    CHECK(daemon.call("/a", "GET", {{"X-API-Key", "k1"}}).status == 401);
    CHECK(daemon.call("/a", "GET", {{"X-API-Key", "k2"}}).status == 200);
}

TEST_CASE("gateway: a signed body is checked and still reaches the function whole") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    test::put(*daemon.catalog, Kind::secret, "hook", secret_of("s3cret"));
    daemon.route(
        "hook",
        R"("relativeurl":"/hook","methods":["POST"],"auth":{"hmac":{"secret":"hook","key":"key"}})");
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{5}, std::size_t{200'000}, std::size_t{1} << 20}) {
        INFO(size);
        const std::string body(size, 'x');
        const auto good = daemon.call(
            "/hook", "POST", {{"X-Hub-Signature-256", "sha256=" + hmac_hex("s3cret", body)}}, body);
        CHECK(good.status == 200);
        CHECK(good.seen().at("body").as_string() == std::string_view(body));
    }
    CHECK(daemon
              .call("/hook", "POST", {{"X-Hub-Signature-256", "sha256=" + hmac_hex("other", "b")}},
                    "b")
              .status == 401);
    CHECK(daemon.call("/hook", "POST", {}, "b").status == 401);
    const std::string large((1u << 20) + 1, 'x');
    CHECK(daemon
              .call("/hook", "POST",
                    {{"X-Hub-Signature-256", "sha256=" + hmac_hex("s3cret", large)}}, large)
              .status == 413);
}

TEST_CASE("gateway: cross-origin questions are answered at the edge, denied by default") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("open",
                 R"("relativeurl":"/open","methods":["GET","POST"],"auth":{"apiKeySecret":"keys"},
                           "corsConfig":{"allowOrigins":["https://a.example"],"allowHeaders":["X-API-Key"]})");
    daemon.route("closed", R"("relativeurl":"/closed")");
    const auto ask = [&](const std::string& path, const std::string& origin) {
        return daemon.call(path, "OPTIONS",
                           {{"Origin", origin},
                            {"Access-Control-Request-Method", "POST"},
                            {"Access-Control-Request-Headers", "x-api-key"}});
    };
    const auto yes = ask("/open", "https://a.example");
    CHECK(yes.status == 204);
    CHECK(yes.header("Access-Control-Allow-Origin") == "https://a.example");
    const auto no = ask("/open", "https://b.example");
    CHECK(no.status == 403);
    CHECK(no.header("Access-Control-Allow-Origin") == "-");
    CHECK(no.body.find("HTTPTrigger default/open: the origin https://b.example") !=
          std::string::npos);
    CHECK(ask("/closed", "https://a.example").status == 405);
    const auto plain = daemon.call("/open", "OPTIONS");
    CHECK(plain.status == 204);
    CHECK(plain.header("Allow") == "GET, HEAD, OPTIONS, POST");

    // A page must be able to read why it was turned away.
    const auto refused = daemon.call("/open", "GET", {{"Origin", "https://a.example"}});
    CHECK(refused.status == 503);
    CHECK(refused.header("Access-Control-Allow-Origin") == "https://a.example");
    test::put(*daemon.catalog, Kind::secret, "keys", secret_of("k"));
    const auto allowed =
        daemon.call("/open", "GET", {{"Origin", "https://a.example"}, {"X-API-Key", "k"}});
    CHECK(allowed.status == 200);
    CHECK(allowed.header("Access-Control-Allow-Origin") == "https://a.example");
    CHECK(allowed.header("Vary") == "Origin");
    CHECK(daemon.call("/closed", "GET", {{"Origin", "https://a.example"}})
              .header("Access-Control-Allow-Origin") == "-");
}

TEST_CASE("gateway: limits, time and Server-Timing of a route") {
    gateway::GatewayOptions options;
    options.max_body_bytes = 1000;
    Daemon daemon(options);
    daemon.executor.add("default", "hello");
    daemon.route("plain", R"("relativeurl":"/plain","methods":["POST"])");
    daemon.route(
        "own",
        R"("relativeurl":"/own","methods":["POST"],"maxBodySize":"2000","timeout":"1500ms","serverTiming":true)");
    CHECK(daemon.call("/plain", "POST", {}, std::string(1000, 'x')).status == 200);
    const auto large = daemon.call("/plain", "POST", {}, std::string(1001, 'x'));
    CHECK(large.status == 413);
    CHECK(large.body.find("larger than the 1000 bytes allowed here") != std::string::npos);
    CHECK(daemon.call("/own", "POST", {}, std::string(2000, 'x')).status == 200);
    CHECK(daemon.call("/own", "POST", {}, std::string(2001, 'x')).status == 413);

    CHECK(daemon.call("/own", "POST").seen().at("deadlineMs") == 1500);
    CHECK(daemon.call("/own", "POST").seen().at("serverTiming") == true);
    CHECK(daemon.call("/plain", "POST").seen().at("deadlineMs") == -1);
    CHECK(daemon.call("/plain", "POST").seen().at("serverTiming") == false);
    CHECK(daemon.call("/plain", "POST", {{"X-Hearth-Timing", "1"}}).seen().at("serverTiming") ==
          true);
}

TEST_CASE("gateway: the client's word about itself counts from trusted proxies only") {
    const Fields claims = {{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-Proto", "https"}};
    for (const bool trusted : {false, true}) {
        gateway::GatewayOptions options;
        if (trusted) options.trusted_proxies = {"127.0.0.0/8", "nonsense"};
        Daemon daemon(options);
        daemon.executor.add("default", "hello");
        daemon.route("a", R"("relativeurl":"/a")");
        const auto answer = daemon.call("/a", "GET", claims);
        CHECK(answer.sent("X-Forwarded-For") == (trusted ? "1.1.1.1, 127.0.0.1" : "127.0.0.1"));
        CHECK(answer.sent("X-Forwarded-Proto") == (trusted ? "https" : "http"));
        CHECK(answer.sent("X-Forwarded-Host") == "example.com");
    }
}

TEST_CASE("gateway: hosts choose between routes of one path") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.executor.add("default", "shop");
    daemon.route("any", R"("prefix":"/")");
    test::put(*daemon.catalog, Kind::http_trigger, "shop",
              R"({"host":"shop.example","prefix":"/","functionref":{"name":"shop"}})");
    CHECK(daemon.call("/x", "GET", {}, "", "SHOP.example:8888").seen().at("function") ==
          "default/shop");
    CHECK(daemon.call("/x", "GET", {}, "", "other.example").seen().at("function") ==
          "default/hello");
}

TEST_CASE("gateway: outcomes are counted under fixed labels") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("a", R"("relativeurl":"/a")");
    for (int i = 0; i < 3; ++i) daemon.call("/a");
    daemon.call("/nope");
    daemon.call("/a", "PUT");
    const auto text = daemon.metrics.text();
    for (const std::string line : {"hearth_gateway_requests_total{outcome=\"routed\"} 3\n",
                                   "hearth_gateway_requests_total{outcome=\"no_route\"} 1\n",
                                   "hearth_gateway_requests_total{outcome=\"no_method\"} 1\n",
                                   "hearth_gateway_routes 1\n"}) {
        INFO(line);
        CHECK(text.find(line) != std::string::npos);
    }
}

TEST_CASE("gateway: requests meet a whole table while routes come and go") {
    Daemon daemon;
    daemon.executor.add("default", "hello");
    daemon.route("stay", R"("relativeurl":"/stay")");
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0}, answered{0};
    std::vector<std::thread> callers;
    for (int t = 0; t < 3; ++t) {
        callers.emplace_back([&] {
            while (!done.load()) {
                if (daemon.call("/stay").status != 200) ++wrong;
                const auto status = daemon.call("/come/and/go").status;
                if (status != 200 && status != 404) ++wrong;
                ++answered;
            }
        });
    }
    for (int i = 0; i < 200 || answered.load() < 30; ++i) {
        daemon.route("guest", R"("prefix":"/come")");
        daemon.route(fmt::format("more-{}", i), fmt::format(R"("relativeurl":"/more/{}")", i));
        test::remove(*daemon.catalog, Kind::http_trigger, "guest");
    }
    done.store(true);
    for (auto& caller : callers) caller.join();
    CHECK(wrong.load() == 0);
    CHECK(daemon.call("/more/199").status == 200);
}
