#include "hearth/store/sqlite_ledger.hpp"

#include <fstream>

#include "catalog/ledger_contract.hpp"
#include "store/store_fixture.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using Type = catalog::LedgerWrite::Type;

namespace {

struct LedgerFixture {
    test::TempDir dir;
    std::filesystem::path file = dir.path() / "triggers.db";
    aio::BlockingPool pool{2, 64};

    std::unique_ptr<catalog::TriggerLedger> open() {
        auto opened = store::open_sqlite_ledger(file, pool);
        REQUIRE(opened.has_value());
        return std::move(*opened);
    }
};

}  // namespace

TEST_CASE("store: the ledger on SQLite keeps the contract", "[store]") {
    LedgerFixture fixture;
    const auto ledger = fixture.open();
    test::check_ledger_contract(*ledger);
}

TEST_CASE("store: a slot claimed before a restart stays claimed", "[store]") {
    LedgerFixture fixture;
    {
        const auto ledger = fixture.open();
        CHECK(test::write(*ledger, {{Type::claim, {"t", "", 7, "kept"}}}).front());
    }
    const auto ledger = fixture.open();
    CHECK_FALSE(test::write(*ledger, {{Type::claim, {"t", "", 7, "twice"}}}).front());
    CHECK(test::rows(*ledger) == std::vector<catalog::LedgerRow>{{"t", "", 7, "kept"}});
}

TEST_CASE("store: of two daemons on one ledger one gets a slot", "[store]") {
    LedgerFixture fixture;
    const auto one = fixture.open(), other = fixture.open();
    int won = 0;
    for (std::int64_t slot = 1; slot <= 50; ++slot) {
        const bool first = test::write(*one, {{Type::claim, {"t", "", slot, "one"}}}).front();
        const bool second = test::write(*other, {{Type::claim, {"t", "", slot, "other"}}}).front();
        won += first + second;
    }
    CHECK(won == 50);
}

TEST_CASE("store: a ledger of another program is refused and left alone", "[store]") {
    LedgerFixture fixture;
    SECTION("another database") {
        test::ask_sqlite(fixture.file, "CREATE TABLE theirs (x)");
        const auto refused = store::open_sqlite_ledger(fixture.file, fixture.pool);
        REQUIRE(refused.has_error());
        CHECK_THAT(refused.error().message, Catch::Contains("not this hearth's"));
        CHECK(test::ask_sqlite(fixture.file, "SELECT count(*) FROM theirs") == "0");
    }
    SECTION("no database") {
        std::ofstream(fixture.file) << std::string(8192, 'x');
        CHECK(store::open_sqlite_ledger(fixture.file, fixture.pool).has_error());
    }
}
