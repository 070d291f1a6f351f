#include <condition_variable>
#include <thread>

#include "api/api_fixture.hpp"
#include "hearth/http/web_turns.hpp"
#include "support/catch.hpp"
#include "support/web_server.hpp"

using namespace hearth;
using test::ApiFixture;
using test::hello;
using test::WebServer;

namespace {

std::string zipped(const std::string& text) {
    return artifact::pack_files({{"main.py", text}}).value();
}

ApiFixture::MakeWeb web(bool private_addresses = true) {
    return [private_addresses](aio::BlockingPool& pool) {
        http::WebClientOptions options;
        options.private_addresses = private_addresses;
        options.ca_pem = WebServer::ca_pem();
        return std::shared_ptr<http::WebClient>(
            http::WebClient::make(std::move(options), pool).value());
    };
}

std::string package_at(const std::string& url, const std::string& sum = "",
                       const std::string& name = "p") {
    return "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: " + name +
           "}\nspec:\n  environment: {name: py}\n  deployment:\n    type: url\n    url: \"" + url +
           "\"\n" + (sum.empty() ? "" : "    checksum: {type: sha256, sum: \"" + sum + "\"}\n");
}

constexpr auto kPackage = "/api/v1/namespaces/default/packages/p";

}  // namespace

TEST_CASE("fetch: a package from an address is stored by its digest", "[api][integration]") {
    const auto bytes = zipped("x = 1");
    const auto digest = base::sha256_hex(bytes);
    WebServer server(WebServer::Kind::tls,
                     [&](const std::string&) { return WebServer::ok(bytes); });
    ApiFixture api(true, web());
    REQUIRE(api.apply(hello()).status == 200);
    const auto documents = package_at(server.url("/code.zip?signature=s"), digest);
    const auto applied = api.apply(documents);
    INFO(applied.body);
    REQUIRE(applied.status == 200);
    const auto stored = api.get(kPackage);
    CHECK(stored.text("/spec/deployment/url") == "archive://" + digest);
    CHECK(stored.text("/spec/deployment/checksum/sum") == digest);
    CHECK(stored.text("/spec/size") == std::to_string(bytes.size()));
    CHECK(stored.body.find(server.url("/code.zip")) != std::string::npos);
    CHECK(stored.body.find("signature") == std::string::npos);
    CHECK(api.get("/api/v1/archives/" + digest).body == bytes);

    // The store has what the checksum names, so nothing is asked for a second time.
    const auto again = api.apply(documents);
    CHECK(again.text("/results/0/action") == "unchanged");
    CHECK(server.connections() == 1);
}

TEST_CASE("fetch: without a checksum the bytes decide what is new", "[api][integration]") {
    std::mutex mutex;
    std::string bytes = zipped("x = 1");
    WebServer server(WebServer::Kind::tls, [&](const std::string&) {
        std::lock_guard lock(mutex);
        return WebServer::ok(bytes);
    });
    ApiFixture api(true, web());
    REQUIRE(api.apply(hello()).status == 200);
    const auto documents = package_at(server.url("/code.zip"));
    const auto first = api.apply(documents);
    INFO(first.body);
    REQUIRE(first.status == 200);
    CHECK(first.text("/results/0/warnings/0").find(base::sha256_hex(bytes)) != std::string::npos);
    CHECK(api.apply(documents).text("/results/0/action") == "unchanged");
    {
        std::lock_guard lock(mutex);
        bytes = zipped("x = 2");
    }
    CHECK(api.apply(documents).text("/results/0/action") == "configured");
    CHECK(api.get(kPackage).text("/spec/deployment/url") == "archive://" + base::sha256_hex(bytes));
    CHECK(server.connections() == 3);
}

TEST_CASE("fetch: two packages of one address are fetched once, a source too",
          "[api][integration]") {
    const auto bytes = zipped("x = 1");
    WebServer server(WebServer::Kind::tls,
                     [&](const std::string&) { return WebServer::ok(bytes); });
    ApiFixture api(true, web());
    REQUIRE(api.apply(hello()).status == 200);
    auto source = package_at(server.url("/a"), "", "q");
    source.replace(source.find("deployment:"), 11, "source:");
    const auto applied = api.apply(package_at(server.url("/a")) + "---\n" + source);
    INFO(applied.body);
    REQUIRE(applied.status == 200);
    CHECK(server.connections() == 1);
    CHECK(api.get("/api/v1/namespaces/default/packages/q").text("/spec/source/url") ==
          "archive://" + base::sha256_hex(bytes));
}

TEST_CASE("fetch: whoever applies a broken address is told, with its place", "[api][integration]") {
    const auto bytes = zipped("x = 1");
    const auto digest = base::sha256_hex(bytes);
    const std::string other(64, '1');
    WebServer server(WebServer::Kind::tls, [&](const std::string& head) {
        if (head.starts_with("GET /missing "))
            return std::string("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        if (head.starts_with("GET /empty ")) return WebServer::ok("");
        if (head.starts_with("GET /large ")) return WebServer::ok(std::string(2u << 20, 'x'));
        if (head.starts_with("GET /broken ")) return WebServer::ok(bytes.substr(0, 60));
        return WebServer::ok(bytes);
    });
    ApiFixture api(true, web());
    REQUIRE(api.apply(hello()).status == 200);
    const auto archives = api.get("/api/v1/archives").array("/items").size();
    struct Row {
        std::string path, sum, says, field;
    };
    const std::vector<Row> rows = {
        {"/missing", "", "answered 404 Not Found", "spec.deployment.url"},
        {"/empty", "", "sent no bytes", "spec.deployment.url"},
        {"/large", "", "more than the 1048576 bytes allowed", "spec.deployment.url"},
        {"/code.zip", other, digest + ", not " + other, "spec.deployment.checksum.sum"},
    };
    for (const auto& row : rows) {
        INFO(row.path);
        const auto refused = api.apply(package_at(server.url(row.path), row.sum));
        INFO(refused.body);
        CHECK(refused.status == 422);
        CHECK(refused.text("/errors/0/path") == row.field);
        CHECK(refused.text("/errors/0/line") != "0");
        CHECK(refused.text("/errors/0/message").find(row.says) != std::string::npos);
        CHECK(api.get(kPackage).status == 404);
        CHECK(api.get("/api/v1/archives").array("/items").size() == archives);
    }
    const auto broken = api.apply(package_at(server.url("/broken")));
    CHECK(broken.status == 422);
    CHECK(api.get(kPackage).status == 404);
    const auto both = api.apply(package_at(server.url("/missing")) + "---\n" +
                                package_at(server.url("/empty"), "", "q"));
    CHECK(both.array("/errors").size() == 2);
}

TEST_CASE("fetch: addresses that are refused unasked", "[api][integration]") {
    WebServer plain(WebServer::Kind::plain, [](const std::string&) { return WebServer::ok("x"); });
    ApiFixture api(true, web(false));
    REQUIRE(api.apply(hello()).status == 200);
    const auto inside = api.apply(package_at(plain.url("/x"), std::string(64, '1')));
    CHECK(inside.status == 422);
    CHECK(inside.body.find("packages.allowPrivateAddresses") != std::string::npos);
    const auto unchecked = api.apply(package_at("http://files.example.com/x"));
    CHECK(unchecked.status == 422);
    CHECK(unchecked.body.find("needs a checksum") != std::string::npos);
    const auto user = api.apply(package_at("https://me:secret@files.example.com/x"));
    CHECK(user.status == 422);
    CHECK(user.body.find("user name or password") != std::string::npos);
    CHECK(plain.connections() == 0);
}

TEST_CASE("fetch: only who may deploy makes the daemon fetch", "[api][integration]") {
    WebServer server(WebServer::Kind::tls, [](const std::string&) { return WebServer::ok("x"); });
    ApiFixture api(true, web());
    CHECK(api.apply(package_at(server.url("/x")), "", "view-all").status == 403);
    CHECK(api.apply(package_at(server.url("/x")), "?namespace=default", "deploy-a").status == 403);
    CHECK(server.connections() == 0);
}

TEST_CASE("fetch: packages of one request are fetched side by side, four at a time",
          "[api][integration]") {
    std::mutex mutex;
    std::condition_variable changed;
    int now = 0, most = 0, asked = 0;
    WebServer server(WebServer::Kind::tls, [&](const std::string& head) {
        std::unique_lock lock(mutex);
        most = std::max(most, ++now);
        ++asked;
        changed.notify_all();
        // Each answers once four are asked for, or the last two are.
        changed.wait_for(lock, std::chrono::seconds(20), [&] { return asked >= 4; });
        --now;
        const auto name = head.substr(head.find("/n") + 2, 1);
        return WebServer::ok(zipped("x = " + name));
    });
    ApiFixture api(true, web());
    REQUIRE(api.apply(hello()).status == 200);
    std::string documents;
    for (const char* name : {"1", "2", "3", "4", "5", "6"})
        documents +=
            package_at(server.url("/n" + std::string(name)), "", "p" + std::string(name)) + "---\n";
    const auto applied = api.apply(documents);
    INFO(applied.body);
    REQUIRE(applied.status == 200);
    CHECK(most == 4);
    CHECK(server.connections() == 6);
    for (const char* name : {"1", "6"})
        CHECK(api.get("/api/v1/namespaces/default/packages/p" + std::string(name))
                  .text("/spec/deployment/url") ==
              "archive://" + base::sha256_hex(zipped("x = " + std::string(name))));
}

TEST_CASE("fetch: turns bound what all requests fetch at once", "[api][integration]") {
    std::atomic<int> now{0}, most{0};
    WebServer server(WebServer::Kind::tls, [&](const std::string& head) {
        most = std::max(most.load(), ++now);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        --now;
        return WebServer::ok(zipped(head.substr(0, head.find(' ', 5))));
    });
    const auto turns = [](aio::BlockingPool& pool) { return http::take_turns(web()(pool), 2); };
    ApiFixture api(true, turns);
    REQUIRE(api.apply(hello()).status == 200);
    std::string documents;
    for (int i = 0; i < 6; ++i)
        documents +=
            package_at(server.url("/" + std::to_string(i)), "", "p" + std::to_string(i)) + "---\n";
    REQUIRE(api.apply(documents).status == 200);
    CHECK(server.connections() == 6);
    CHECK(most == 2);
}
