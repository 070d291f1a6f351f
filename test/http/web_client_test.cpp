#include "hearth/http/web_client.hpp"

#include "support/catch.hpp"
#include "support/run_task.hpp"
#include "support/web_server.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using http::WebAddress;
using http::WebClient;
using http::WebClientOptions;
using test::WebServer;

class Kept final : public http::BodySink {
 public:
    Task<Result<void>> write(std::string_view bytes) override {
        text.append(bytes);
        co_return Result<void>();
    }
    std::string text;
};

struct World {
    explicit World(WebClientOptions options = trusting()) : pool(2, 16) {
        client = WebClient::make(std::move(options), pool).value();
    }
    /// Trusts the test server and lets it be on loopback; names ending in ".test" are there too.
    static WebClientOptions trusting() {
        WebClientOptions options;
        options.private_addresses = true;
        options.ca_pem = WebServer::ca_pem();
        options.resolve = [](const std::string& host) -> Result<std::vector<std::string>> {
            if (host.ends_with(".test")) return std::vector<std::string>{"127.0.0.1"};
            return Error(Errc::unavailable, "no such name");
        };
        return options;
    }
    Result<http::WebResponse> get(const std::string& url, std::uint64_t limit = 1 << 20,
                                  std::chrono::milliseconds time = 10s) {
        auto address = WebAddress::parse(url).value();
        return test::run_task(client->get(std::move(address), sink, limit, Deadline::after(time)));
    }
    aio::BlockingPool pool;
    std::unique_ptr<WebClient> client;
    Kept sink;
};

TEST_CASE("web client: bodies over TLS and in plain text", "[http]") {
    for (const auto kind : {WebServer::Kind::tls, WebServer::Kind::plain}) {
        const std::string large(300'000, 'x');
        WebServer server(kind, [&](const std::string& head) {
            return head.starts_with("GET /chunked ")
                       ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
                       : WebServer::ok(large);
        });
        World world;
        const auto response = world.get(server.url("/file?a=b"));
        REQUIRE(response);
        CHECK(response->status == 200);
        CHECK(response->bytes == large.size());
        CHECK(world.sink.text == large);
        const auto head = server.heads().front();
        CHECK(head.starts_with("GET /file?a=b HTTP/1.1\r\n"));
        CHECK(head.find("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n") !=
              std::string::npos);
        CHECK(head.find("Authorization") == std::string::npos);
        world.sink.text.clear();
        REQUIRE(world.get(server.url("/chunked")));
        CHECK(world.sink.text == "ab");
    }
}

TEST_CASE("web client: certificates are verified", "[http]") {
    WebServer server(WebServer::Kind::tls, [](const std::string&) { return WebServer::ok("x"); });
    SECTION("named and trusted") {
        World world;
        CHECK(world.get(server.url("/", "kube.test")));
    }
    SECTION("another name") {
        World world;
        const auto response = world.get(server.url("/", "stranger.test"));
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::unavailable);
        CHECK(response.error().message.find("does not name stranger.test") != std::string::npos);
    }
    SECTION("an unknown authority") {
        auto options = World::trusting();
        options.ca_pem.clear();
        World world(std::move(options));
        const auto response = world.get(server.url("/", "kube.test"));
        REQUIRE_FALSE(response);
        CHECK(response.error().message.find("is not accepted: self") != std::string::npos);
    }
    CHECK(server.heads().size() == (server.heads().empty() ? 0u : 1u));
}

TEST_CASE("web client: authorities that are none are refused", "[http]") {
    aio::BlockingPool pool(1, 4);
    WebClientOptions options;
    options.ca_pem = "no certificate";
    const auto made = WebClient::make(std::move(options), pool);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::invalid_argument);
}

TEST_CASE("web client: what is not public is not connected to", "[http]") {
    WebServer server(WebServer::Kind::plain, [](const std::string&) { return WebServer::ok("x"); });
    auto options = World::trusting();
    options.private_addresses = false;
    std::atomic<int> looked_up{0};
    options.resolve = [&](const std::string& host) -> Result<std::vector<std::string>> {
        ++looked_up;
        if (host == "mapped.test") return std::vector<std::string>{"::ffff:127.0.0.1"};
        if (host == "metadata.test") return std::vector<std::string>{"169.254.169.254"};
        if (host == "two.test") return std::vector<std::string>{"10.0.0.1", "127.0.0.1"};
        if (host == "none.test") return std::vector<std::string>{};
        return std::vector<std::string>{"127.0.0.1"};
    };
    World world(std::move(options));
    // Decimal, octal and hexadecimal forms are names to this client: the resolver's answer counts.
    for (const std::string host :
         {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "localhost.",
          "2130706433", "0177.0.0.1", "0x7f000001", "127.1", "%31%32%37.0.0.1", "mapped.test",
          "metadata.test", "two.test", "0.0.0.0", "169.254.169.254", "[fd00:ec2::254]"}) {
        INFO(host);
        const auto response = world.get(server.url("/", host));
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::forbidden);
        CHECK(response.error().message.find("not an address of the public internet") !=
              std::string::npos);
    }
    CHECK(world.get(server.url("/", "none.test")).error().code == Errc::unavailable);
    CHECK(looked_up > 0);
    CHECK(server.connections() == 0);
}

TEST_CASE("web client: a name is looked up once, and what was checked is connected to", "[http]") {
    // The second answer of a resolver that rebinds would be another address.
    WebServer server(WebServer::Kind::plain, [](const std::string&) { return WebServer::ok("x"); });
    auto options = World::trusting();
    std::atomic<int> looked_up{0};
    options.resolve = [&](const std::string&) -> Result<std::vector<std::string>> {
        return std::vector<std::string>{++looked_up == 1 ? "127.0.0.1" : "192.0.2.1"};
    };
    World world(std::move(options));
    CHECK(world.get(server.url("/", "rebind.test")));
    CHECK(looked_up == 1);
}

TEST_CASE("web client: redirects", "[http]") {
    std::string own;
    WebServer other(WebServer::Kind::plain, [](const std::string&) { return WebServer::ok("y"); });
    WebServer server(WebServer::Kind::tls, [&](const std::string& head) {
        const auto path = head.substr(4, head.find(' ', 4) - 4);
        if (path.starts_with("/loop")) return WebServer::redirect(path + "x");
        if (path == "/five") return WebServer::redirect("/four", 301);
        if (path == "/four") return WebServer::redirect("/three", 303);
        if (path == "/three") return WebServer::redirect("two", 307);
        if (path == "/two") return WebServer::redirect("//127.0.0.1:" + own + "/one", 308);
        if (path == "/one") return WebServer::redirect("/end");
        if (path == "/down") return WebServer::redirect(other.url("/"));
        if (path == "/away") return WebServer::redirect("https://metadata.test/");
        if (path == "/odd") return WebServer::redirect("file:///etc/passwd");
        if (path == "/nowhere") return std::string("HTTP/1.1 302 Found\r\n\r\n");
        return WebServer::ok("end");
    });
    own = std::to_string(server.port());
    World world;
    SECTION("five are followed") {
        const auto response = world.get(server.url("/five"));
        REQUIRE(response);
        CHECK(world.sink.text == "end");
        CHECK(response->address.target == "/end");
    }
    SECTION("a sixth is not") {
        const auto response = world.get(server.url("/loop"));
        REQUIRE_FALSE(response);
        CHECK(response.error().message.find("after 5 redirects") != std::string::npos);
        CHECK(server.heads().size() == 6);
    }
    SECTION("from https to http is refused") {
        const auto response = world.get(server.url("/down"));
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::forbidden);
        CHECK(other.connections() == 0);
    }
    SECTION("without or with a wrong place") {
        CHECK_FALSE(world.get(server.url("/nowhere")));
        CHECK_FALSE(world.get(server.url("/odd")));
    }
}

TEST_CASE("web client: each redirect's address is checked anew", "[http]") {
    WebServer target(WebServer::Kind::plain, [](const std::string&) { return WebServer::ok("x"); });
    WebServer server(WebServer::Kind::plain, [&](const std::string&) {
        return WebServer::redirect(target.url("/", "inside.test"));
    });
    auto options = World::trusting();
    std::vector<std::string> asked;
    options.resolve = [&](const std::string& host) -> Result<std::vector<std::string>> {
        asked.push_back(host);
        if (host == "inside.test") return Error(Errc::forbidden, "asked for " + host);
        return std::vector<std::string>{"127.0.0.1"};
    };
    World world(std::move(options));
    const auto response = world.get(server.url("/", "outside.test"));
    REQUIRE_FALSE(response);
    CHECK(asked == std::vector<std::string>{"outside.test", "inside.test"});
    CHECK(target.connections() == 0);
}

TEST_CASE("web client: bounds of size and time", "[http]") {
    SECTION("announced as too large") {
        WebServer server(WebServer::Kind::plain,
                         [](const std::string&) { return WebServer::ok(std::string(2000, 'x')); });
        World world;
        const auto response = world.get(server.url("/"), 1000);
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::too_large);
        CHECK(world.sink.text.empty());
    }
    SECTION("turns out too large") {
        WebServer server(WebServer::Kind::plain, [](const std::string&) {
            return "HTTP/1.1 200 OK\r\n\r\n" + std::string(200'000, 'x');
        });
        World world;
        const auto response = world.get(server.url("/"), 100'000);
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::too_large);
        CHECK(world.sink.text.size() <= 100'000);
    }
    SECTION("too late") {
        WebServer server(WebServer::Kind::plain, [](const std::string&) { return std::string(); });
        World world;
        const auto response = world.get(server.url("/"), 1000, 200ms);
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::deadline_exceeded);
    }
    SECTION("silent for too long") {
        WebServer server(WebServer::Kind::tls, [](const std::string&) { return std::string(); });
        auto options = World::trusting();
        options.silence_timeout = 200ms;
        World world(std::move(options));
        const auto response = world.get(server.url("/"));
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::unavailable);
        CHECK(response.error().message.find("silent for too long") != std::string::npos);
    }
}

TEST_CASE("web client: answers that are no file", "[http]") {
    struct Row {
        const char* answer;
        const char* says;
    };
    const std::vector<Row> rows = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret", "answered 404 Not Found"},
        {"HTTP/1.1 500 Internal Server Error\r\n\r\n", "answered 500"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "it closed the connection"},
        {"no http at all\r\n\r\n", "cannot read from"},
    };
    for (const auto& row : rows) {
        INFO(row.answer);
        WebServer server(WebServer::Kind::plain, [&](const std::string&) { return row.answer; });
        World world;
        const auto response = world.get(server.url("/"));
        REQUIRE_FALSE(response);
        CHECK(response.error().message.find(row.says) != std::string::npos);
        CHECK(response.error().message.find("secret") == std::string::npos);
    }
}

}  // namespace
}  // namespace hearth
