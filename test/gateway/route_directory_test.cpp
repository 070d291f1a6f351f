#include "gateway/route_directory.hpp"

#include <string>

#include <fmt/format.h>

#include "support/catalog_writes.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::gateway;
using model::Kind;

namespace {

struct Fixture {
    telemetry::Logger log{telemetry::Level::error, telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    RouteDirectory directory{*catalog, log, metrics};

    void put_route(const std::string& name, const std::string& path, const std::string& more = "") {
        test::put(
            *catalog, Kind::http_trigger, name,
            fmt::format(R"({{"relativeurl":"{}","functionref":{{"name":"f"}}{}}})", path, more));
    }
    std::string matched(const std::string& path) {
        const auto snapshot = directory.snapshot();
        const auto match = snapshot.table.match("", kGet, path);
        return match.route == nullptr ? "-" : match.route->qualified;
    }
};

}  // namespace

TEST_CASE(
    "directory: what was there at start is served, and changes are as soon as their write "
    "returns") {
    Fixture f;
    f.put_route("a", "/a");
    f.put_route("b", "/b");
    f.directory.start();
    CHECK(f.matched("/a") == "default/a");
    CHECK(f.directory.snapshot().table.size() == 2);

    f.put_route("c", "/c");
    CHECK(f.matched("/c") == "default/c");
    f.put_route("a", "/moved");
    CHECK(f.matched("/a") == "-");
    CHECK(f.matched("/moved") == "default/a");
    test::remove(*f.catalog, Kind::http_trigger, "b");
    CHECK(f.matched("/b") == "-");
    CHECK(f.directory.snapshot().table.size() == 2);
    CHECK(f.metrics.text().find("hearth_gateway_routes 2\n") != std::string::npos);
}

TEST_CASE("directory: the generation moves with routes and functions") {
    Fixture f;
    f.directory.start();
    auto last = f.directory.generation();
    f.put_route("a", "/a");
    CHECK(f.directory.generation() > last);
    last = f.directory.generation();
    test::put(*f.catalog, Kind::function, "f",
              R"({"environment":{"name":"e"},"package":{"packageref":{"name":"p"}}})");
    CHECK(f.directory.generation() > last);
    CHECK(f.directory.snapshot().generation == f.directory.generation());
}

TEST_CASE("directory: a snapshot taken before a change does not see it") {
    Fixture f;
    f.directory.start();
    f.put_route("a", "/a");
    const auto before = f.directory.snapshot();
    test::remove(*f.catalog, Kind::http_trigger, "a");
    REQUIRE(before.table.match("", kGet, "/a").route != nullptr);
    CHECK(before.table.match("", kGet, "/a").route->qualified == "default/a");
    CHECK(f.matched("/a") == "-");
}

TEST_CASE("directory: routes keep their secret across its changes") {
    Fixture f;
    f.directory.start();
    f.put_route("a", "/a", R"(,"auth":{"apiKeySecret":"keys"})");
    f.put_route("b", "/b", R"(,"auth":{"apiKeySecret":"keys"})");
    const auto snapshot = f.directory.snapshot();
    const auto* a = snapshot.table.match("", kGet, "/a").route;
    const auto* b = snapshot.table.match("", kGet, "/b").route;
    REQUIRE((a != nullptr && a->auth != nullptr && b != nullptr && b->auth != nullptr));
    CHECK(a->auth->api_keys == b->auth->api_keys);
    CHECK(a->auth->api_keys->keys(*f.catalog) == nullptr);
    test::put(*f.catalog, Kind::secret, "keys", R"({"data":{"a":"azE="}})");
    const auto keys = a->auth->api_keys->keys(*f.catalog);
    REQUIRE(keys != nullptr);
    CHECK(keys->accepts("k1"));
}

TEST_CASE("directory: a trigger that cannot be served leaves the others alone") {
    Fixture f;
    f.put_route("bad", "no-slash");
    f.put_route("good", "/good");
    f.directory.start();
    CHECK(f.matched("/good") == "default/good");
    CHECK(f.directory.snapshot().table.size() == 1);
    // Mended, it comes in; broken again, the old route does not stay behind.
    f.put_route("bad", "/bad");
    CHECK(f.matched("/bad") == "default/bad");
    f.put_route("bad", "no-slash");
    CHECK(f.matched("/bad") == "-");
}
