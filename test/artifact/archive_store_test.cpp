#include <boost/asio/co_spawn.hpp>

#include "artifact/archive_bytes.hpp"
#include "artifact/store_fixture.hpp"
#include "hearth/base/ids.hpp"

using namespace hearth;
using test::compress;
using test::Compression;
using test::mode_of;
using test::slurp;
using test::tar;
using test::TarEntry;

namespace {

const std::vector<TarEntry> kProject = {
    {"./main.py", "import lib\n"},       {"lib/__init__.py", ""},
    {"lib/\xc3\xa4/deep.txt", "umlaut"}, {"bin/tool", "#!/bin/sh\n", '0', "", 06755},
    {"open", "x", '0', "", 0666},
};

void check_project(const std::filesystem::path& root) {
    CHECK(slurp(root / "main.py") == "import lib\n");
    CHECK(slurp(root / "lib/\xc3\xa4/deep.txt") == "umlaut");
    CHECK(std::filesystem::is_empty(root / "lib/__init__.py"));
    CHECK(mode_of(root) == 0555);
    CHECK(mode_of(root / "lib") == 0555);
    CHECK(mode_of(root / "main.py") == 0444);
    CHECK(mode_of(root / "open") == 0444);
    CHECK(mode_of(root / "bin/tool") == 0555);
}

Task<Result<artifact::ArchiveInfo>> upload(artifact::ArchiveStore& store, std::string bytes,
                                           std::size_t piece, std::string expected) {
    auto begun = co_await store.begin_upload();
    if (!begun) co_return begun.error();
    const auto& running = *begun;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const std::span<const char> part(bytes.data() + at, std::min(piece, bytes.size() - at));
        auto written = co_await running->write(part);
        if (written.has_error()) co_return written.error();
    }
    auto info = co_await running->finish(std::move(expected));
    co_return info;
}

Task<Result<void>> drop_upload(artifact::ArchiveStore& store) {
    auto begun = co_await store.begin_upload();
    if (!begun) co_return begun.error();
    const std::string bytes(1 << 20, 'x');
    auto written = co_await (*begun)->write(bytes);
    co_return written;
}

}  // namespace

TEST_CASE("artifact: every format unpacks to the same read-only tree", "[artifact]") {
    test::ArchiveFixture fixture;
    std::string bytes;
    SECTION("tar") {
        bytes = tar(kProject);
    }
    SECTION("tar.gz") {
        bytes = compress(tar(kProject), Compression::gzip);
    }
    SECTION("tar.zst") {
        bytes = compress(tar(kProject), Compression::zstd);
    }
    SECTION("zip") {
        std::vector<test::ZipEntry> entries;
        for (const TarEntry& each : kProject) {
            test::ZipEntry entry;
            entry.name = each.name;
            entry.data = each.data;
            entry.mode = 0100000 | each.mode;
            entry.flags = 0x800;
            entries.push_back(entry);
        }
        bytes = test::zip(entries);
    }
    auto info = fixture.put(bytes);
    REQUIRE(info.has_value());
    CHECK(info->digest == base::sha256_hex(bytes));
    CHECK(info->bytes == bytes.size());
    CHECK(fixture.store->unpacked_now(info->digest).empty());
    auto path = fixture.unpacked(info->digest);
    REQUIRE(path.has_value());
    CHECK(*path == fixture.folder() / "unpacked" / info->digest);
    check_project(*path);
    CHECK(fixture.store->unpacked_now(info->digest) == *path);
    CHECK(std::filesystem::is_empty(fixture.folder() / "tmp"));

    fixture.open();
    CHECK(fixture.store->unpacked_now(info->digest) == *path);
}

TEST_CASE("artifact: a package that is no archive is the file user", "[artifact]") {
    test::ArchiveFixture fixture;
    const std::string code = "def main():\n    return 'hi'\n";
    auto info = fixture.put(code);
    REQUIRE(info.has_value());
    auto path = fixture.unpacked(info->digest);
    REQUIRE(path.has_value());
    CHECK(*path == fixture.folder() / "unpacked" / info->digest / "user");
    CHECK(slurp(*path) == code);
    CHECK(mode_of(path->parent_path()) == 0555);
    fixture.open();
    CHECK(fixture.store->unpacked_now(info->digest) == *path);

    auto archive = fixture.unpack(tar({{"user", "a file of this name in an archive"}}));
    REQUIRE(archive.has_value());
    CHECK(archive->filename() != "user");

    auto empty = fixture.unpack("");
    REQUIRE(empty.has_error());
    CHECK(empty.error().message == "the package is empty");
}

TEST_CASE("artifact: what is not there is not found", "[artifact]") {
    test::ArchiveFixture fixture;
    const std::string missing(64, 'a');
    for (const std::string& digest :
         {missing, std::string("../../etc/passwd"), std::string(), std::string(64, 'A'),
          std::string("tmp"), std::string("unpacked")}) {
        INFO(digest);
        CHECK(test::run_lasting(fixture.store->info(digest)).error().code == Errc::not_found);
        CHECK(test::run_lasting(fixture.store->packed_path(digest)).error().code ==
              Errc::not_found);
        CHECK(fixture.unpacked(digest).error().code == Errc::not_found);
        CHECK(fixture.store->unpacked_now(digest).empty());
    }
}

TEST_CASE("artifact: an upload in pieces is what was sent", "[artifact]") {
    test::ArchiveFixture fixture;
    std::string bytes;
    for (int i = 0; i < 200'000; ++i) bytes += std::to_string(i);
    const std::string digest = base::sha256_hex(bytes);
    for (const std::size_t piece : {std::size_t{1009}, std::size_t{300'000}, bytes.size()}) {
        auto info = test::run_lasting(upload(*fixture.store, bytes, piece, digest));
        REQUIRE(info.has_value());
        CHECK(info->digest == digest);
        CHECK(info->bytes == bytes.size());
    }
    auto path = test::run_lasting(fixture.store->packed_path(digest));
    REQUIRE(path.has_value());
    CHECK(slurp(*path) == bytes);
    auto list = test::run_lasting(fixture.store->list());
    REQUIRE(list.has_value());
    CHECK(list->size() == 1);
    CHECK(std::filesystem::is_empty(fixture.folder() / "tmp"));
}

TEST_CASE("artifact: a digest that does not match refuses the upload", "[artifact]") {
    test::ArchiveFixture fixture;
    auto info = test::run_lasting(upload(*fixture.store, "data", 2, std::string(64, '0')));
    REQUIRE(info.has_error());
    CHECK(info.error().code == Errc::invalid_argument);
    CHECK_THAT(info.error().message, Catch::Contains(base::sha256_hex("data")));
    CHECK(test::run_lasting(fixture.store->list())->empty());
    fixture.pool.stop();
    CHECK(std::filesystem::is_empty(fixture.folder() / "tmp"));
}

TEST_CASE("artifact: a dropped or too large upload leaves nothing", "[artifact]") {
    artifact::ArchiveLimits limits;
    limits.packed_bytes = 2 << 20;
    test::ArchiveFixture fixture(limits);
    REQUIRE(test::run_lasting(drop_upload(*fixture.store)).has_value());
    const std::string bytes((2 << 20) + 1, 'x');
    auto large = test::run_lasting(upload(*fixture.store, bytes, 65536, ""));
    REQUIRE(large.has_error());
    CHECK(large.error().code == Errc::too_large);
    fixture.pool.stop();
    CHECK(std::filesystem::is_empty(fixture.folder() / "tmp"));
}

TEST_CASE("artifact: equal contents are one file, a damaged one is healed", "[artifact]") {
    test::ArchiveFixture fixture;
    auto first = fixture.put("same");
    auto second = fixture.put("same");
    REQUIRE(second.has_value());
    CHECK(second->digest == first->digest);
    CHECK(test::run_lasting(fixture.store->list())->size() == 1);

    const auto path = fixture.folder() / first->digest;
    std::ofstream(path) << "Same";
    auto damaged = fixture.unpacked(first->digest);
    REQUIRE(damaged.has_error());
    CHECK(damaged.error().code == Errc::io);
    CHECK_THAT(damaged.error().message, Catch::Contains("is damaged on disk"));
    REQUIRE(test::run_lasting(upload(*fixture.store, "same", 4, "")).has_value());
    REQUIRE(fixture.unpacked(first->digest).has_value());
}

TEST_CASE("artifact: many at once unpack a package once", "[artifact]") {
    test::ArchiveFixture fixture;
    std::vector<TarEntry> files;
    for (int i = 0; i < 500; ++i) files.push_back({"f" + std::to_string(i), "x"});
    auto info = fixture.put(tar(files));
    REQUIRE(info.has_value());
    auto& loop = test::lasting_loop();
    std::vector<std::string> paths;
    for (int i = 0; i < 50; ++i) {
        auto done = [&](std::exception_ptr, Result<std::filesystem::path> path) {
            if (path.has_value()) paths.push_back(path->string());
        };
        boost::asio::co_spawn(loop.get_executor(), fixture.store->unpacked(info->digest), done);
    }
    loop.run();
    CHECK(paths ==
          std::vector<std::string>(50, (fixture.folder() / "unpacked" / info->digest).string()));
    CHECK(std::filesystem::is_empty(fixture.folder() / "tmp"));
}

TEST_CASE("artifact: uploads at once do not mix", "[artifact]") {
    test::ArchiveFixture fixture;
    auto& loop = test::lasting_loop();
    std::set<std::string> expected;
    std::set<std::string> got;
    for (int i = 0; i < 24; ++i) {
        const std::string bytes(700'000, static_cast<char>('a' + i % 12));
        expected.insert(base::sha256_hex(bytes));
        auto done = [&](std::exception_ptr, Result<artifact::ArchiveInfo> info) {
            if (info.has_value()) got.insert(info->digest);
        };
        boost::asio::co_spawn(loop.get_executor(), upload(*fixture.store, bytes, 100'000, ""),
                              done);
    }
    loop.run();
    CHECK(got == expected);
    for (const std::string& digest : expected) {
        CHECK(base::sha256_hex(slurp(fixture.folder() / digest)) == digest);
    }
}

TEST_CASE("artifact: a full queue of blocking work is an answer, not a hang", "[artifact]") {
    test::ArchiveFixture fixture;
    auto info = fixture.put(tar({{"a", "x"}}));
    REQUIRE(info.has_value());
    fixture.pool.stop();
    auto path = fixture.unpacked(info->digest);
    REQUIRE(path.has_error());
    CHECK(path.error().code == Errc::unavailable);
    CHECK(fixture.unpacked(info->digest).error().code == Errc::unavailable);
}

TEST_CASE("artifact: what nothing names is collected with what was unpacked", "[artifact]") {
    test::ArchiveFixture fixture;
    auto kept = fixture.put(tar({{"d/kept", "x"}}));
    auto gone = fixture.put(tar({{"d/gone", "x"}}));
    auto plain = fixture.put("plain code");
    for (const auto& each : {*kept, *gone, *plain}) {
        REQUIRE(fixture.unpacked(each.digest).has_value());
    }
    auto young = test::run_lasting(fixture.store->collect({kept->digest}, 3600));
    REQUIRE(young.has_value());
    CHECK(young->empty());

    auto removed = test::run_lasting(fixture.store->collect({kept->digest}, -1));
    REQUIRE(removed.has_value());
    const std::set<std::string> digests(removed->begin(), removed->end());
    CHECK(digests == std::set<std::string>{gone->digest, plain->digest});
    CHECK(fixture.unpacked(gone->digest).error().code == Errc::not_found);
    CHECK(fixture.store->unpacked_now(plain->digest).empty());
    CHECK_FALSE(fixture.store->unpacked_now(kept->digest).empty());
    const std::string unpacked = "archives/unpacked/" + kept->digest;
    CHECK(fixture.tree() == std::set<std::string>{"archives", "archives/tmp", "archives/unpacked",
                                                  unpacked, unpacked + "/d", unpacked + "/d/kept"});
}

TEST_CASE("artifact: opening removes what an earlier run left", "[artifact]") {
    test::ArchiveFixture fixture;
    auto info = fixture.put(tar({{"d/a", "x"}}));
    REQUIRE(fixture.unpacked(info->digest).has_value());
    const auto stale = fixture.folder() / "tmp" / "stale";
    std::filesystem::create_directories(stale / "d");
    std::ofstream(stale / "d" / "f") << "x";
    std::filesystem::permissions(stale / "d", std::filesystem::perms(0555));

    SECTION("after a kill: half an extraction goes, the unpacked stay") {
        fixture.open();
        CHECK_FALSE(fixture.store->unpacked_now(info->digest).empty());
    }
    SECTION("after another boot: the unpacked go, too") {
        std::ofstream(fixture.folder() / "unpacked" / ".boot") << "of another boot\n";
        fixture.open();
        CHECK(fixture.store->unpacked_now(info->digest).empty());
    }
    fixture.pool.stop();
    CHECK(std::filesystem::is_empty(fixture.folder() / "tmp"));
    CHECK(test::run_lasting(fixture.store->list()).has_error());
    CHECK(std::filesystem::exists(fixture.folder() / info->digest));
}
