#include "build/build_log.hpp"

#include <fstream>
#include <iterator>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using build::BuildLog;

namespace {

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

TEST_CASE("build log: is read line by line while it grows, and kept", "[build][unit]") {
    test::TempDir folder;
    const auto file = folder.path() / "ns" / "p.log";
    auto log = std::make_shared<BuildLog>(file, 64 * 1024);
    int woken = 0;
    auto handle = log->subscribe([&woken] { ++woken; });
    log->add("before the start");
    REQUIRE(log->open().has_value());
    log->add("one");
    const auto first = log->read(0);
    CHECK(first.text == "before the start\none\n");
    CHECK_FALSE(first.ended);
    CHECK(log->read(first.next).text.empty());
    log->add("two");
    const auto second = log->read(first.next);
    CHECK(second.text == "two\n");
    CHECK(text_of(file) == "before the start\none\ntwo\n");
    CHECK(woken == 3);
    handle.reset();
    log->end();
    CHECK(woken == 3);
    CHECK(log->read(second.next).ended);
    CHECK(log->tail(8) == "one\ntwo\n");
    CHECK(log->tail(5) == "two\n");
}

TEST_CASE("build log: past its bound the middle is left out", "[build][unit]") {
    test::TempDir folder;
    const auto file = folder.path() / "p.log";
    auto log = std::make_shared<BuildLog>(file, 2000);
    REQUIRE(log->open().has_value());
    for (int i = 0; i < 1000; ++i) log->add("line " + std::to_string(i));
    const auto piece = log->read(0);
    CHECK(piece.text.find("bytes left out]\n") != std::string::npos);
    log->end();
    const auto text = text_of(file);
    CHECK(text.size() < 2100);
    CHECK(text.starts_with("line 0\nline 1\n"));
    CHECK(text.ends_with("line 998\nline 999\n"));
    CHECK(text.find(" bytes left out]\n") != std::string::npos);
}

TEST_CASE("build log: its tail is valid UTF-8", "[build][unit]") {
    CHECK(build::valid_utf8("grün ✓") == "grün ✓");
    CHECK(build::valid_utf8("a\xff"
                            "b") ==
          "a\xef\xbf\xbd"
          "b");
    CHECK(build::valid_utf8("\xe2\x9c") == "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(build::valid_utf8("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");
}
