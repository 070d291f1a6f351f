#include "api/admin_page.hpp"

#include <regex>

#include "api/api_fixture.hpp"
#include "hearth/base/ids.hpp"
#include "support/catch.hpp"

namespace hearth {
namespace {

using test::ApiFixture;

std::string etag_of(const std::string& body) {
    return "\"" + base::sha256_hex(body).substr(0, 16) + "\"";
}

TEST_CASE("the admin page is served with all that it names, to everyone", "[api]") {
    ApiFixture f;
    for (const char* from : {"/", "/admin"}) {
        const auto moved = f.get(from, "");
        CHECK(moved.status == 302);
        CHECK(moved.header("Location") == "/admin/");
    }
    const auto page = f.get("/admin/", "");
    REQUIRE(page.status == 200);
    CHECK(page.header("Content-Type") == "text/html; charset=utf-8");
    CHECK(page.header("Cache-Control") == "no-cache");
    CHECK(page.header("X-Content-Type-Options") == "nosniff");
    const std::regex reference("(?:src|href)=\"([^\"]*)\"");
    int found = 0;
    for (std::sregex_iterator at(page.body.begin(), page.body.end(), reference), end; at != end;
         ++at) {
        const auto file = f.get("/admin/" + (*at)[1].str(), "");
        INFO((*at)[1].str());
        CHECK(file.status == 200);
        CHECK(file.header("Cache-Control") == "public, max-age=31536000, immutable");
        ++found;
    }
    CHECK(found == 3);
    CHECK(f.get("/admin/nothing.js", "").status == 404);
    CHECK(f.send("POST", "/admin/", "x: 1", "").status == 405);
}

TEST_CASE("the admin page may run nothing inline, reach nobody else and be framed nowhere",
          "[api]") {
    ApiFixture f;
    const auto page = f.get("/admin/", "");
    const auto policy = page.header("Content-Security-Policy");
    for (const char* part : {"default-src 'none'", "script-src 'self'", "connect-src 'self'",
                             "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"})
        CHECK(policy.find(part) != std::string::npos);
    CHECK(policy.find("unsafe") == std::string::npos);
    CHECK(policy.find('*') == std::string::npos);
    CHECK(page.body.find("<style") == std::string::npos);
    CHECK(page.body.find("></script>") != std::string::npos);
    CHECK(page.body.find(" on") == std::string::npos);
    CHECK(page.body.find("://") == std::string::npos);
}

TEST_CASE("each file comes packed to those who take it, and is not sent again when it is known",
          "[api]") {
    ApiFixture f;
    std::size_t packed = 0;
    for (const auto& file : api::admin_files()) {
        INFO(file.name);
        const std::string path =
            "/admin/" + std::string(file.name == "index.html" ? "" : file.name);
        const auto plain = f.send("GET", path, "", "", {{"Accept-Encoding", "identity"}});
        CHECK(plain.header("Content-Encoding").empty());
        CHECK(plain.header("Vary") == "Accept-Encoding");
        CHECK(plain.body.size() == file.bytes);
        CHECK(plain.header("ETag") == etag_of(plain.body));
        const auto small = f.send("GET", path, "", "", {{"Accept-Encoding", "br;q=1, gzip;q=0.8"}});
        CHECK(small.header("Content-Encoding") == "gzip");
        CHECK(small.body == file.gzip);
        const auto refused =
            f.send("GET", path, "", "", {{"Accept-Encoding", "gzip;q=0, *;q=0.0"}});
        CHECK(refused.header("Content-Encoding").empty());
        const auto known =
            f.send("GET", path, "", "", {{"If-None-Match", "W/\"x\", " + plain.header("ETag")}});
        CHECK(known.status == 304);
        CHECK(known.body.empty());
        packed += file.gzip.size();
    }
    CHECK(packed <= 300'000);
}

}  // namespace
}  // namespace hearth
