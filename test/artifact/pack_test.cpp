#include <stdlib.h>
#include <time.h>

#include "artifact/archive_bytes.hpp"
#include "artifact/store_fixture.hpp"
#include "hearth/base/ids.hpp"

using namespace hearth;

namespace {

std::filesystem::path save(const test::TempDir& dir, const std::string& bytes) {
    const auto path = dir.path() / base::sha256_hex(bytes);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
}

}  // namespace

TEST_CASE("artifact: packed files have bytes of their contents alone", "[artifact][unit]") {
    const std::map<std::string, std::string> files = {
        {"main.py", "x = 1\n"}, {"lib/\xc3\xa4.py", ""}, {"./lib/b.py", "b\n"}};
    auto first = artifact::pack_files(files);
    REQUIRE(first.has_value());
    ::setenv("TZ", "Pacific/Kiritimati", 1);
    ::tzset();
    auto second = artifact::pack_files(files);
    ::unsetenv("TZ");
    ::tzset();
    REQUIRE(second.has_value());
    CHECK(*first == *second);
    // A digest that changes makes every function cold once after an upgrade: change it on purpose
    // only.
    CHECK(base::sha256_hex(*first) ==
          "05e0d6288fd6e794e4c74fd655d9908a1cf7cfda31c8faee2f3cdd3f345fc8a0");
}

TEST_CASE("artifact: packed files unpack and read back", "[artifact]") {
    test::ArchiveFixture fixture;
    const std::map<std::string, std::string> files = {{"main.py", "x = 1\n"},
                                                      {"lib/\xc3\xa4/b.py", "b\n"}};
    auto bytes = artifact::pack_files(files);
    REQUIRE(bytes.has_value());
    auto path = fixture.unpack(*bytes);
    REQUIRE(path.has_value());
    CHECK(test::slurp(*path / "main.py") == "x = 1\n");
    CHECK(test::slurp(*path / "lib/\xc3\xa4/b.py") == "b\n");
    auto read = artifact::read_files(fixture.folder() / base::sha256_hex(*bytes), 1000);
    REQUIRE(read.has_value());
    CHECK(*read == files);
}

TEST_CASE("artifact: files that cannot be packed are refused by name", "[artifact][unit]") {
    struct Row {
        std::map<std::string, std::string> files;
        std::string message;
    };
    const std::vector<Row> rows = {
        {{}, "the package has no files"},
        {{{"/etc/x", ""}}, "entry \"/etc/x\" has an absolute path"},
        {{{"a/../../x", ""}}, "would leave the package's folder"},
        {{{"a\\b", ""}}, "backslash"},
        {{{"", ""}}, "entry \"\" names no file"},
        {{{"a/", ""}}, "entry \"a/\" names no file"},
        {{{"a", ""}, {"./a", ""}}, "is there twice"},
        {{{"a", ""}, {"a/b", ""}}, "entry \"a\" is a file and a folder at once"},
        {{{"a", ""}, {"a-b", ""}, {"a/b", ""}}, "entry \"a\" is a file and a folder at once"},
        {{{std::string("a\0b", 3), ""}}, "control character"},
    };
    for (const Row& row : rows) {
        INFO(row.message);
        auto packed = artifact::pack_files(row.files);
        REQUIRE(packed.has_error());
        CHECK(packed.error().code == Errc::invalid_argument);
        CHECK_THAT(packed.error().message, Catch::Contains(row.message));
    }
}

TEST_CASE("artifact: showing code leaves out binary files and stops at the limit", "[artifact]") {
    test::TempDir dir;
    const auto archive = save(dir, test::tar({{"a.txt", "aaaa"},
                                              {"bin", std::string("\0\1", 2)},
                                              {"latin1", "\xe4"},
                                              {"large", std::string(100, 'l')},
                                              {"b.txt", "bbbb"}}));
    using Files = std::map<std::string, std::string>;
    auto files = artifact::read_files(archive, 50);
    REQUIRE(files.has_value());
    CHECK(*files == Files{{"a.txt", "aaaa"}, {"b.txt", "bbbb"}});
    CHECK(artifact::read_files(save(dir, "print(1)"), 50).value() == Files{{"user", "print(1)"}});
    CHECK(artifact::read_files(save(dir, "print(1)"), 5).value().empty());
    CHECK(artifact::read_files(save(dir, ""), 5).value().empty());
    CHECK(artifact::read_files(dir.path() / "none", 5).error().code == Errc::not_found);
    CHECK(artifact::read_files(save(dir, test::tar({{"../x", "x"}})), 5).error().code ==
          Errc::invalid_argument);
}
