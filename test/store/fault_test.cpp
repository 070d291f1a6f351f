#include "store/fault_vfs.hpp"

#include <fstream>
#include <set>

#include "store/store_fixture.hpp"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

constexpr int kMostPoints = 2000;

/// The three objects of one deploy, at one value each.
std::vector<catalog::Mutation> deploy(int version) {
    const std::string spec = "{\"v\":" + std::to_string(version) + ",\"pad\":\"" +
                             std::string(3000, static_cast<char>('a' + version)) + "\"}";
    return {test::put("f", spec), test::put("p", spec, "default", model::Kind::package),
            test::put("r", spec, "default", model::Kind::http_trigger)};
}

/// The version all three objects have, 0 when they are not there, -1 when they differ.
int version_of(const catalog::Catalog& store) {
    std::set<std::string> specs;
    const auto all = store.list(catalog::ListQuery{});
    for (const auto& record : all) specs.insert(record->spec_text);
    if (all.empty()) return 0;
    if (all.size() != 3 || specs.size() != 1) return -1;
    return static_cast<int>(all.front()->load()->spec.at("v").as_int64());
}

void copy_database(const fs::path& from, const fs::path& to, bool with_lease) {
    for (const char* suffix : {"", "-wal", ".lock"}) {
        if (!with_lease && std::string_view(suffix) == ".lock") continue;
        const fs::path source = from.string() + suffix;
        const fs::path target = to.string() + suffix;
        fs::remove(target);
        if (fs::exists(source)) fs::copy_file(source, target);
    }
    fs::remove(to.string() + "-shm");
}

struct Outcome {
    bool opened = false;
    bool written = false;
    bool fault = false;
};

/// Opens and writes version 2 over version 1 with the n-th operation failing; `image` is what a
/// kill right after the answer would leave.
Outcome run_with_fault(test::FaultVfs& vfs, test::StoreFixture& work, const fs::path& image, int n,
                       int code, test::FaultVfs::Lasting lasting) {
    Outcome outcome;
    vfs.arm(n, code, lasting);
    {
        auto store = work.try_open();
        outcome.opened = store.has_value();
        if (outcome.opened) {
            auto answer = test::write(**store, deploy(2));
            outcome.written = answer.has_value();
            CHECK(version_of(**store) == (outcome.written ? 2 : 1));
        }
        copy_database(work.options.file, image, true);
        outcome.fault = vfs.happened();
    }
    vfs.disarm();
    return outcome;
}

void check_state(const fs::path& file, const Outcome& outcome, bool strict) {
    test::StoreFixture after;
    copy_database(file, after.options.file, true);
    auto store = after.try_open();
    if (store.has_error()) FAIL("does not open again: " << store.error().message);
    const int version = version_of(**store);
    if (outcome.written) {
        CHECK(version == 2);
    } else if (strict) {
        CHECK(version == 1);
    } else {
        CHECK((version == 1 || version == 2));
    }
    // Writing works again as soon as the fault is gone.
    CHECK(test::write(**store, deploy(3)).has_value());
    store->reset();
    CHECK(test::ask_sqlite(after.options.file, "PRAGMA integrity_check") == "ok");
    CHECK(version_of(*after.open()) == 3);
}

void check_every_point(int code, test::FaultVfs::Lasting lasting) {
    test::StoreFixture base;
    REQUIRE(test::write(*base.open(), deploy(1)).has_value());
    test::TempDir images;
    int point = 1;
    int refused = 0;
    for (;; ++point) {
        INFO("operation " << point);
        REQUIRE(point < kMostPoints);
        test::FaultVfs vfs;
        test::StoreFixture work;
        copy_database(base.options.file, work.options.file, false);
        const fs::path image = images.path() / "hearth.db";
        const Outcome outcome = run_with_fault(vfs, work, image, point, code, lasting);
        const bool strict = lasting == test::FaultVfs::Lasting::once;
        if (outcome.opened) check_state(image, outcome, strict);
        check_state(work.options.file, outcome, strict);
        if (!outcome.written) ++refused;
        if (!outcome.fault) {
            CHECK(outcome.written);
            break;
        }
    }
    // The points of opening, of the rows, of the commit and of its fsync: fewer would mean the shim
    // is not in use.
    CHECK(point > 8);
    CHECK(refused > 3);
}

}  // namespace

TEST_CASE("store: a failing write, sync or open never tears a deploy", "[store][fault]") {
    using Lasting = test::FaultVfs::Lasting;
    SECTION("one I/O error") {
        check_every_point(SQLITE_IOERR_WRITE, Lasting::once);
    }
    SECTION("one full disk") {
        check_every_point(SQLITE_FULL, Lasting::once);
    }
    SECTION("I/O errors from then on") {
        check_every_point(SQLITE_IOERR_WRITE, Lasting::from_then_on);
    }
    SECTION("a full disk from then on") {
        check_every_point(SQLITE_FULL, Lasting::from_then_on);
    }
}

TEST_CASE("store: a full disk is no_space, and heals without a restart", "[store][fault]") {
    test::FaultVfs vfs;
    test::StoreFixture fixture;
    const auto store = fixture.open();
    REQUIRE(test::write(*store, deploy(1)).has_value());
    vfs.arm(1, SQLITE_FULL, test::FaultVfs::Lasting::from_then_on);
    for (int i = 0; i < 3; ++i) {
        auto refused = test::write(*store, deploy(2));
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::no_space);
        CHECK_THAT(refused.error().message, Catch::Contains("no space left for"));
        CHECK(version_of(*store) == 1);
        CHECK(test::write(*store, deploy(1)).value().empty());
    }
    CHECK(fixture.counter("hearth_store_failures_total") == 3);
    vfs.disarm();
    REQUIRE(test::write(*store, deploy(2)).has_value());
    CHECK(version_of(*store) == 2);
    CHECK(store->changes_since(3, 0).changes.size() == 3);
}

TEST_CASE("store: no flipped byte gives a partial list", "[store][fault]") {
    test::StoreFixture base;
    base.options.history = 40;
    std::vector<std::string> whole;
    std::uint32_t random = 4711;
    const auto next = [&](std::size_t below) {
        random = random * 1664525U + 1013904223U;
        return static_cast<std::size_t>(random >> 4) % below;
    };
    const bool killed = GENERATE(false, true);
    test::TempDir image;
    const fs::path damaged = image.path() / "hearth.db";
    {
        const auto store = base.open();
        for (int i = 0; i < 12; ++i) {
            std::vector<catalog::Mutation> batch;
            for (int k = 0; k < 10; ++k) {
                batch.push_back(test::put("f" + std::to_string(i * 7 + k),
                                          "{\"v\":\"" + std::string(next(300), 'v') + "\"}"));
            }
            REQUIRE(test::write(*store, batch).has_value());
        }
        whole = test::dump(*store);
        if (killed) copy_database(base.options.file, damaged, true);
    }
    if (!killed) copy_database(base.options.file, damaged, true);
    // Of a killed daemon everything is still in the WAL.
    const std::string victim = killed ? "-wal" : "";
    int refused = 0, unreadable = 0;
    const std::set<std::string> written(whole.begin(), whole.end());
    for (int trial = 0; trial < 300; ++trial) {
        test::StoreFixture work;
        copy_database(damaged, work.options.file, true);
        const fs::path file = work.options.file.string() + victim;
        const std::size_t at = next(static_cast<std::size_t>(fs::file_size(file)));
        {
            std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
            bytes.seekg(static_cast<std::streamoff>(at));
            const char old = static_cast<char>(bytes.get());
            bytes.seekp(static_cast<std::streamoff>(at));
            bytes.put(static_cast<char>(old ^ static_cast<char>(1 + next(255))));
        }
        INFO("byte " << at << " of " << file);
        auto store = work.try_open();
        if (store.has_value()) {
            // Each object is what was written or known to be damaged; none is silently missing.
            const auto there = (*store)->list(catalog::ListQuery());
            const auto lines = test::dump(**store);
            for (std::size_t i = 0; i < there.size(); ++i) {
                if (there[i]->load().has_value()) {
                    CHECK(written.count(lines[i]) == 1);
                } else {
                    ++unreadable;
                }
            }
            CHECK(there.size() + (*store)->lost_rows().size() == whole.size());
        } else {
            ++refused;
            CHECK(store.error().code != Errc::conflict);
            CHECK_THAT(store.error().message, Catch::Contains("hearth.db"));
        }
    }
    CHECK(refused + unreadable > 20);
    // A write-ahead log that is cut off is refused as a whole.
    CHECK((unreadable > 0) == !killed);
}

TEST_CASE("store: missing rows and a damaged state are refused with their table's name",
          "[store][fault]") {
    test::StoreFixture fixture;
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, deploy(1)).has_value());
        REQUIRE(test::write(*store, deploy(2)).has_value());
    }
    struct Row {
        std::string sql;
        std::string message;
    };
    const Row row = GENERATE(
        Row{"DELETE FROM object WHERE name='r'",
            "table object: 2 rows can be read where 3 were written"},
        Row{"DELETE FROM history WHERE revision=5",
            "table history: 5 changes can be read where 6 were written"},
        Row{"UPDATE state SET revision=99", "table state: its row does not match its checksum"},
        Row{"DELETE FROM state", "table object: 3 rows can be read where 0 were written"},
        Row{"DROP TABLE object", "no such table"});
    INFO(row.sql);
    CHECK(test::ask_sqlite(fixture.options.file, row.sql).empty());
    const auto refused = fixture.try_open();
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::internal);
    CHECK_THAT(refused.error().message, Catch::Contains(row.message));
}

TEST_CASE("store: a damaged row is told of, and the rest is served", "[store][fault]") {
    test::StoreFixture fixture;
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, deploy(1)).has_value());
        REQUIRE(test::write(*store, deploy(2)).has_value());
    }
    const std::string sql =
        GENERATE("spec='{}'", "spec='{'", "labels='['", "uid=''", "checksum=checksum+1");
    INFO(sql);
    CHECK(test::ask_sqlite(fixture.options.file, "UPDATE object SET " + sql + " WHERE name='p'")
              .empty());
    {
        const auto store = fixture.open();
        const auto damaged = store->find(model::Kind::package, "default", "p");
        REQUIRE(damaged);
        const auto loaded = damaged->load();
        REQUIRE(loaded.has_error());
        CHECK(loaded.error().code == Errc::internal);
        CHECK(loaded.error().component == "store");
        CHECK_THAT(loaded.error().message,
                   Catch::StartsWith("the row of Package default/p cannot be read"));
        catalog::ListQuery all;
        CHECK(store->list(all).size() == 3);
        for (const auto& record : store->list(all))
            CHECK(record->load().has_value() == (record != damaged));
        // Writes go on beside it, over it, and are whole after the next start.
        REQUIRE(test::write(*store, {test::put("beside")}).has_value());
    }
    CHECK(fixture.open()->find(model::Kind::package, "default", "p")->load().has_error());
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, {test::drop("beside")}).has_value());
        REQUIRE(test::write(*store, deploy(3)).has_value());
        CHECK(store->find(model::Kind::package, "default", "p")->load().has_value());
    }
    CHECK(version_of(*fixture.open()) == 3);
}

TEST_CASE("store: a row of an unknown kind is told of", "[store][fault]") {
    test::StoreFixture fixture;
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, deploy(1)).has_value());
        CHECK(store->lost_rows().empty());
    }
    CHECK(test::ask_sqlite(fixture.options.file, "UPDATE object SET kind='Pack' WHERE name='p'")
              .empty());
    const auto store = fixture.open();
    REQUIRE(store->lost_rows().size() == 1);
    CHECK_THAT(store->lost_rows().front(),
               Catch::StartsWith("the row of \"Pack\" default/p cannot be read"));
    CHECK(store->list(catalog::ListQuery()).size() == 2);
}

TEST_CASE("store: a damaged change cannot be watched again", "[store][fault]") {
    test::StoreFixture fixture;
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, deploy(1)).has_value());
        REQUIRE(test::write(*store, deploy(2)).has_value());
    }
    CHECK(test::ask_sqlite(fixture.options.file, "UPDATE history SET generation=9 WHERE revision=2")
              .empty());
    const auto store = fixture.open();
    CHECK(store->changes_since(1, 0).too_old);
    CHECK(store->changes_since(2, 0).changes.size() == 4);
    CHECK(version_of(*store) == 2);
}

TEST_CASE("store: a lost write-ahead log is noticed after a kill", "[store][fault]") {
    test::StoreFixture base;
    test::StoreFixture work;
    {
        const auto store = base.open();
        REQUIRE(test::write(*store, deploy(1)).has_value());
        REQUIRE(test::write(*store, deploy(2)).has_value());
        copy_database(base.options.file, work.options.file, true);
    }
    SECTION("everything there") {
        CHECK(version_of(*work.open()) == 2);
    }
    SECTION("cut short") {
        const fs::path wal = work.options.file.string() + "-wal";
        fs::resize_file(wal, fs::file_size(wal) - 100);
        const auto refused = work.try_open();
        REQUIRE(refused.has_error());
        CHECK_THAT(refused.error().message,
                   Catch::Contains("it ends at revision 3, but 6 was acknowledged"));
        CHECK_THAT(refused.error().message, Catch::Contains("remove " + work.options.file.string() +
                                                            ".lock and start again"));
        CHECK(work.try_open().has_error());
        fs::remove(work.options.file.string() + ".lock");
        CHECK(version_of(*work.open()) == 1);
    }
    SECTION("an older backup put in place after an orderly end is no loss") {
        fs::copy_file(base.options.file, work.dir.path() / "backup");
        REQUIRE(test::write(*base.open(), deploy(3)).has_value());
        fs::copy_file(work.dir.path() / "backup", base.options.file,
                      fs::copy_options::overwrite_existing);
        CHECK(version_of(*base.open()) == 2);
    }
}
