#include "support/catch.hpp"

#include <set>

#include "hearth/base/clock.hpp"
#include "hearth/base/error.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/quantity.hpp"
#include "hearth/base/result.hpp"
#include "hearth/base/version.hpp"

using namespace hearth;
using namespace hearth::base;

TEST_CASE("base: sizes with units", "[base][unit]") {
    struct Row {
        const char* text;
        std::uint64_t bytes;
    };
    const Row rows[] = {
        {"0", 0},        {"1048576", 1048576}, {"64Mi", 67108864},    {"1G", 1000000000},
        {"1.5Ki", 1536}, {"2k", 2000},         {"1Ti", 1099511627776}};
    for (const Row& row : rows) {
        INFO(row.text);
        const auto parsed = parse_bytes(row.text);
        REQUIRE(parsed);
        CHECK(*parsed == row.bytes);
    }
    for (const char* text :
         {"", "Mi", "-1", "1 Mi", "64mi", "1e30", "0x10", "nan", "64MiB", "99999999999Ti"}) {
        INFO(text);
        const auto parsed = parse_bytes(text);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code == Errc::invalid_argument);
        CHECK(parsed.error().message.find("64Mi") != std::string::npos);
    }
}

TEST_CASE("base: CPU quantities", "[base][unit]") {
    CHECK(*parse_millicores("250m") == 250);
    CHECK(*parse_millicores("1") == 1000);
    CHECK(*parse_millicores("0.5") == 500);
    for (const char* text : {"", "m", "-1", "1c", "1e12"})
        CHECK(parse_millicores(text).has_error());
}

TEST_CASE("base: durations need a unit", "[base][unit]") {
    CHECK(*parse_duration_ms("250ms") == 250);
    CHECK(*parse_duration_ms("5s") == 5000);
    CHECK(*parse_duration_ms("1h30m") == 5'400'000);
    CHECK(*parse_duration_ms("1.5s") == 1500);
    for (const char* text : {"", "5", "s", "5x", "-5s", "5s5", "1d"}) {
        INFO(text);
        CHECK(parse_duration_ms(text).has_error());
    }
}

TEST_CASE("base: identifiers", "[base][unit]") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = new_uuid();
        REQUIRE(id.size() == 36);
        CHECK(id[14] == '4');
        CHECK(std::string("89ab").find(id[19]) != std::string::npos);
        CHECK(seen.insert(id).second);
    }
    CHECK(random_hex(5).size() == 10);
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("base: base64 is strict and goes both ways", "[base][unit]") {
    std::string out;
    for (const std::string& data : {std::string(), std::string("f"), std::string("fo"),
                                    std::string("foo"), std::string("\0\xff\x10", 3)}) {
        REQUIRE(base64_decode(base64_encode(data), out));
        CHECK(out == data);
    }
    for (const char* text : {"Zg", "Zg=", "Zg==\n", "Z===", "Zm9v ", "Zm=v", "Zm9*"}) {
        INFO(text);
        CHECK_FALSE(base64_decode(text, out));
    }
}

TEST_CASE("base: an unchecked error is a bug with its message", "[base][unit]") {
    const Result<int> failed = Error(Errc::not_found, "no such thing");
    CHECK_THROWS_WITH(failed.value(), Catch::Contains("not_found: no such thing"));
}

TEST_CASE("base: errno becomes a kind", "[base][unit]") {
    CHECK(from_errno(ENOSPC, "write").code == Errc::no_space);
    CHECK(from_errno(ENOENT, "open").code == Errc::not_found);
    CHECK(from_errno(EIO, "read").code == Errc::io);
    CHECK(from_errno(EIO, "read").message.find("read: ") == 0);
}

TEST_CASE("base: RFC 3339 in UTC with milliseconds", "[base][unit]") {
    CHECK(to_rfc3339(WallTime(std::chrono::milliseconds(1'769'860'800'042))) ==
          "2026-01-31T12:00:00.042Z");
    CHECK_FALSE(version().empty());
}
