#include "store/migrations.hpp"

#include <fstream>

#include "hearth/base/ids.hpp"
#include "store/store_fixture.hpp"

using namespace hearth;

TEST_CASE("store: no shipped migration step ever changes", "[store][unit]") {
    const std::vector<std::string> golden = {
        "5888a75984c2b776020edf1dbd977d99ffe1ca8182e0388349b0a7565df68df1",
    };
    const auto steps = store::migration_steps();
    REQUIRE(steps.size() >= golden.size());
    for (std::size_t i = 0; i < golden.size(); ++i) {
        INFO("step " << i + 1);
        CHECK(base::sha256_hex(steps[i]) == golden[i]);
    }
    // A new step gets its line above when it ships.
    CHECK(steps.size() == golden.size());
}

TEST_CASE("store: a new database has every step", "[store]") {
    test::StoreFixture fixture;
    fixture.open();
    CHECK(test::ask_sqlite(fixture.options.file, "PRAGMA user_version") ==
          std::to_string(store::migration_steps().size()));
    CHECK(test::ask_sqlite(fixture.options.file, "PRAGMA journal_mode") == "wal");
    CHECK(test::ask_sqlite(fixture.options.file, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("store: a database newer than the binary is refused and left alone", "[store]") {
    test::StoreFixture fixture;
    {
        const auto store = fixture.open();
        REQUIRE(test::write(*store, {test::put("kept")}).has_value());
    }
    test::ask_sqlite(fixture.options.file, "PRAGMA user_version=999");
    const auto refused = fixture.try_open();
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::internal);
    CHECK_THAT(refused.error().message,
               Catch::Contains("was written by a newer hearth (schema 999, this one knows 1)"));
    test::ask_sqlite(fixture.options.file, "PRAGMA user_version=1");
    CHECK(fixture.open()->count(model::Kind::function) == 1);
}

TEST_CASE("store: files of others are refused and left alone", "[store]") {
    test::StoreFixture fixture;
    SECTION("another program's database") {
        test::ask_sqlite(fixture.options.file, "CREATE TABLE theirs (x)");
        const auto refused = fixture.try_open();
        REQUIRE(refused.has_error());
        CHECK_THAT(refused.error().message, Catch::Contains("database of another program"));
        CHECK(test::ask_sqlite(fixture.options.file, "SELECT count(*) FROM theirs") == "0");
    }
    SECTION("no database at all") {
        std::ofstream(fixture.options.file) << std::string(8192, 'x');
        const auto refused = fixture.try_open();
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::internal);
        CHECK_THAT(refused.error().message, Catch::Contains("file is not a database"));
    }
    SECTION("a folder that is not there") {
        fixture.options.file = fixture.dir.path() / "missing" / "hearth.db";
        const auto refused = fixture.try_open();
        REQUIRE(refused.has_error());
        CHECK_THAT(refused.error().message, Catch::Contains("missing/hearth.db.lock"));
    }
}
