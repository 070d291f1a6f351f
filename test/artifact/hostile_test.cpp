#include "artifact/archive_bytes.hpp"
#include "artifact/store_fixture.hpp"

using namespace hearth;
using test::compress;
using test::Compression;
using test::pax;
using test::tar;
using test::TarEntry;
using test::zip;
using test::ZipEntry;

namespace {

struct Hostile {
    std::string what;
    std::string bytes;
    std::string
        refusal;  ///< must be in the message; empty: may be unpacked, but nothing may land outside
};

TarEntry tar_link(const std::string& name, char type, const std::string& to) {
    TarEntry entry;
    entry.name = name;
    entry.type = type;
    entry.link = to;
    return entry;
}

TarEntry sized(const std::string& name, std::int64_t size) {
    TarEntry entry{name, "short"};
    entry.claimed_size = size;
    return entry;
}

std::string deep(int folders) {
    std::string name;
    for (int i = 0; i < folders; ++i) name += "d/";
    return name + "f";
}

std::vector<Hostile> tar_names() {
    return {
        {"dot-dot", tar({{"../evil", "x"}}), "entry \"..\" would leave the package's folder"},
        {"dot-dot inside", tar({{"a/../../evil", "x"}}), "would leave"},
        {"dot-dot that comes back", tar({{"a/../b", "x"}}), "would leave"},
        {"only dot-dot", tar({{"..", "x"}}), "would leave"},
        {"a folder dot-dot", tar({{"../", "", '5'}}), "would leave"},
        {"absolute", tar({{"/tmp/evil", "x"}}), "entry \"/tmp/evil\" has an absolute path"},
        {"two slashes", tar({{"//evil", "x"}}), "has an absolute path"},
        {"backslashes", tar({{"a\\..\\evil", "x"}}), "has a backslash in its name"},
        {"newline", tar({{"a\nb", "x"}}), "has a control character in its name"},
        {"escape sequence", tar({{"\x1b]52;c;x", "x"}}), "entry \"\\x1b]52;c;x\" has a control"},
        {"overlong UTF-8", tar({{"\xc0\xae\xc0\xae/evil", "x"}}), "has a name that is not UTF-8"},
        {"broken UTF-8", tar({{"a\xff", "x"}}), "not UTF-8"},
        {"surrogate", tar({{"\xed\xa0\x80", "x"}}), "not UTF-8"},
        {"long component", tar({{std::string(300, 'n'), "x"}}), "more than 255 bytes"},
        {"long path", tar({{std::string(200, 'n') + "/" + deep(450), "x"}}),
         "has a name of 1102 bytes; at most 1024 are allowed"},
        {"deep", tar({{deep(32), "x"}}), "lies 33 folders deep; at most 32 are allowed"},
        {"no name", tar({{".", "x"}}), "has no name"},
        {"pax path", tar({pax("path", "../evil"), {"good", "x"}}), "would leave"},
        {"long name", tar({{std::string(120, 'n') + "/../../../evil", "x"}}), "would leave"},
        {"file twice", tar({{"a", "1"}, {"./a", "2"}}), "entry \"./a\" is there twice"},
        {"file as folder", tar({{"a", "1"}, {"a/b", "2"}}), "needs a folder where a file is"},
        {"folder as file", tar({{"a/", "", '5'}, {"a", "2"}}), "is there twice"},
    };
}

std::vector<Hostile> tar_contents() {
    TarEntry negative{"a", "x"};
    negative.negative_size = true;
    const std::string sound = tar({{"a", std::string(5000, 'a')}, {"b", "x"}});
    std::string checksum = sound;
    checksum[5632] = 'z';
    return {
        {"symbolic link", tar({tar_link("l", '2', "/etc")}), "entry \"l\" is a symbolic link"},
        {"write through a link", tar({tar_link("l", '2', ".."), {"l/evil", "x"}}), "symbolic link"},
        {"hard link", tar({tar_link("h", '1', "/etc/passwd")}), "entry \"h\" is a hard link"},
        {"hard link inside", tar({{"a", "x"}, tar_link("h", '1', "a")}), "is a hard link"},
        {"pax link", tar({pax("linkpath", "../../x"), tar_link("l", '2', "y")}), "symbolic link"},
        {"character device", tar({{"d", "", '3'}}), "entry \"d\" is a device, pipe or socket"},
        {"block device", tar({{"d", "", '4'}}), "is a device"},
        {"pipe", tar({{"d", "", '6'}}), "is a device"},
        {"huge claim", tar({sized("a", (8LL << 30) - 1)}), "past 536870912 bytes unpacked"},
        {"claim of 2^62", tar({pax("size", "4611686018427387904"), {"a", "x"}}), "past 536870912"},
        {"negative size", tar({negative}), "size"},
        {"sparse file",
         tar({pax("GNU.sparse.major", "0"), pax("GNU.sparse.size", "1000000000"), {"a", "x"}}), ""},
        {"old sparse file", tar({{"a", "x", 'S'}}), ""},
        {"cut in the data", sound.substr(0, 3000), "damaged at entry \"a\""},
        {"cut in a header", sound.substr(0, 5900), "damaged in a header"},
        {"header damaged", checksum, "damaged"},
        {"only folders", tar({{"a/", "", '5'}}), "holds no files"},
        {"gzip cut", compress(sound, Compression::gzip).substr(0, 60), "damaged"},
        {"gzip of no tar", compress("print('hello')", Compression::gzip), "damaged"},
        {"zstd cut", compress(sound, Compression::zstd).substr(0, 40), "damaged"},
        {"gzip twice", compress(compress(sound, Compression::gzip), Compression::gzip),
         "compressed more than once"},
        {"gzip bomb", compress(tar({{"zeros", std::string(40 << 20, '\0')}}), Compression::gzip),
         "unpacks to more than 200 times the archive's size"},
        {"zstd bomb",
         compress(tar({{"a", "x"}, {"zeros", std::string(40 << 20, '\0')}}), Compression::zstd),
         "unpacks to more than 200 times"},
        {"seven-zip", std::string("7z\xbc\xaf\x27\x1c", 6) + std::string(64, 'x'), ""},
        {"rar", "Rar!\x1a\x07" + std::string(64, 'x'), ""},
    };
}

ZipEntry zip_entry(const std::string& name, const std::string& data = "x") {
    ZipEntry entry;
    entry.name = name;
    entry.data = data;
    return entry;
}

std::vector<Hostile> zips() {
    ZipEntry link = zip_entry("l", "/etc");
    link.mode = 0120777;
    ZipEntry device = zip_entry("d");
    device.mode = 0020666;
    ZipEntry dos = zip_entry("..\\evil");
    dos.made_by = 0;
    ZipEntry wrong_crc = zip_entry("a", "data");
    wrong_crc.wrong_crc = 1;
    ZipEntry small_claim = zip_entry("a", std::string(4096, 'a'));
    small_claim.claimed_size = 10;
    ZipEntry large_claim = zip_entry("a", "data");
    large_claim.claimed_size = 0xfffffffe;
    ZipEntry encrypted = zip_entry("a", "0123456789abcdef");
    encrypted.flags = 1;
    ZipEntry method = zip_entry("a");
    method.method = 99;
    ZipEntry other_local = zip_entry("ok.py");
    other_local.local_name = "../evil";
    ZipEntry far = zip_entry("a");
    far.offset = 1 << 20;
    ZipEntry same = zip_entry("b");
    same.offset = 0;
    const std::string sound = zip({zip_entry("a", "1"), zip_entry("b", "2")});
    return {
        {"zip dot-dot", zip({zip_entry("../evil")}), "would leave"},
        {"zip absolute", zip({zip_entry("/tmp/evil")}), "has an absolute path"},
        {"zip made by DOS", zip({dos}), "would leave"},
        {"zip backslash", zip({zip_entry("a\\..\\evil")}), "would leave"},
        {"zip link", zip({link}), "is a symbolic link"},
        {"zip device", zip({device}), "is a device"},
        {"zip NUL in a name", zip({zip_entry(std::string("ok\0/../../evil", 14))}), ""},
        {"zip twice", zip({zip_entry("a"), zip_entry("a")}), "entry \"a\" is there twice"},
        {"zip wrong checksum", zip({wrong_crc}), "damaged at entry \"a\""},
        {"zip claims too little", zip({small_claim}), "damaged at entry \"a\""},
        {"zip claims too much", zip({large_claim}), "past 536870912 bytes"},
        {"zip encrypted", zip({encrypted}), "entry \"a\" is encrypted"},
        {"zip unknown method", zip({method}), "damaged at entry \"a\""},
        {"zip two names", zip({other_local}), ""},
        {"zip far offset", zip({far}), "damaged"},
        {"zip overlap", zip({zip_entry("a"), same}), ""},
        {"zip without directory", sound.substr(0, 60), "damaged"},
        {"zip cut at its end", sound.substr(0, sound.size() - 10), "damaged"},
        {"zip with nothing", zip({}), "damaged at its beginning"},
        {"zip magic and noise", "PK\x03\x04" + std::string(300, '\x99'), "damaged"},
        {"zip bomb", test::zip_bomb(64 << 20), "unpacks to more than 200 times"},
        {"zip folder dot-dot", zip({zip_entry("../", "")}), "would leave"},
    };
}

void check_hostile(test::ArchiveFixture& fixture, const std::vector<Hostile>& corpus) {
    const auto before = fixture.tree();
    for (const Hostile& each : corpus) {
        INFO(each.what);
        auto info = fixture.put(each.bytes);
        REQUIRE(info.has_value());
        auto path = fixture.unpacked(info->digest);
        if (path.has_error()) INFO(path.error().message);
        if (!each.refusal.empty()) {
            REQUIRE(path.has_error());
            CHECK(path.error().code == Errc::invalid_argument);
            CHECK_THAT(path.error().message, Catch::Contains(each.refusal));
        }
        if (path.has_value()) {
            for (const std::string& there : fixture.tree()) {
                const bool inside = there.starts_with("archives/unpacked/" + info->digest);
                CHECK((inside || before.contains(there)));
            }
            CHECK(test::run_lasting(fixture.store->collect({}, -1)).has_value());
        }
        CHECK(fixture.tree() == before);
        CHECK(fixture.store->unpacked_now(info->digest).empty());
    }
}

}  // namespace

TEST_CASE("artifact: hostile names in tar archives", "[artifact]") {
    test::ArchiveFixture fixture;
    check_hostile(fixture, tar_names());
}

TEST_CASE("artifact: hostile contents of tar archives", "[artifact]") {
    test::ArchiveFixture fixture;
    check_hostile(fixture, tar_contents());
}

TEST_CASE("artifact: hostile zip archives", "[artifact]") {
    test::ArchiveFixture fixture;
    check_hostile(fixture, zips());
}

TEST_CASE("artifact: the limits of an archive are those given", "[artifact]") {
    artifact::ArchiveLimits limits;
    limits.packed_bytes = 64 * 1024;
    limits.unpacked_bytes = 20'000;
    limits.entries = 10;
    limits.depth = 3;
    limits.path_bytes = 20;
    test::ArchiveFixture fixture(limits);
    std::vector<TarEntry> many;
    for (int i = 0; i < 11; ++i) many.push_back({"f" + std::to_string(i), ""});
    const std::vector<TarEntry> ten(many.begin(), many.begin() + 10);
    std::vector<TarEntry> empties;
    for (int i = 0; i < 6; ++i) empties.push_back({std::to_string(i) + "/d/f", ""});
    check_hostile(
        fixture, {
                     {"many", tar(many), "one of more than 10 files and folders"},
                     {"folders count", tar(empties), "one of more than 10"},
                     {"deep", tar({{"a/b/c/d", ""}}), "lies 4 folders deep"},
                     {"long", tar({{"123456789012345678901", ""}}), "name of 21 bytes"},
                     {"sum", tar({{"a", std::string(15'000, 'a')}, {"b", std::string(5'001, 'b')}}),
                      "past 20000 bytes unpacked"},
                 });
    CHECK(fixture.unpack(tar(ten)).has_value());
    CHECK(fixture.unpack(tar({{"a", std::string(20'000, 'a')}})).has_value());
    auto large = fixture.put(std::string(64 * 1024 + 1, 'x'));
    REQUIRE(large.has_error());
    CHECK(large.error().code == Errc::too_large);
    CHECK(large.error().message == "the archive is larger than 65536 bytes");
}

TEST_CASE("artifact: no byte flip or cut of an archive escapes or crashes", "[artifact]") {
    test::ArchiveFixture fixture;
    const auto before = fixture.tree();
    const std::vector<std::string> seeds = {
        tar({{"d/a", "hello"}, pax("path", "long"), {"b", std::string(600, 'b')}}),
        zip({zip_entry("d/a", "hello"), zip_entry("b", std::string(600, 'b'))}),
        compress(tar({{"d/a", "hello"}, {"b", "x"}}), Compression::gzip),
        compress(tar({{"d/a", "hello"}, {"b", "x"}}), Compression::zstd),
    };
    std::uint32_t random = 12345;
    const auto next = [&](std::size_t below) {
        random = random * 1664525U + 1013904223U;
        return (random >> 8) % static_cast<std::uint32_t>(below);
    };
    for (int trial = 0; trial < 400; ++trial) {
        std::string bytes = seeds[static_cast<std::size_t>(trial) % seeds.size()];
        if (trial % 7 == 0) bytes.resize(next(bytes.size()) + 1);
        for (std::uint32_t i = 0; i <= next(3); ++i) {
            bytes[next(bytes.size())] ^= static_cast<char>(1 + next(255));
        }
        auto info = fixture.put(bytes);
        REQUIRE(info.has_value());
        auto path = fixture.unpacked(info->digest);
        if (path.has_error()) CHECK(path.error().code == Errc::invalid_argument);
        for (const std::string& there : fixture.tree()) {
            const bool inside = there.starts_with("archives/unpacked/" + info->digest);
            if (!inside && !before.contains(there)) FAIL("outside: " << there);
        }
        REQUIRE(test::run_lasting(fixture.store->collect({}, -1)).has_value());
    }
    CHECK(fixture.tree() == before);
}
