#include "hearth/store/sqlite_run_journal.hpp"

#include "catalog/run_journal_contract.hpp"
#include "hearth/base/ids.hpp"
#include "store/migrations.hpp"
#include "store/store_fixture.hpp"

using namespace hearth;

namespace {

struct RunStore {
    RunStore() { options.file = dir.path() / "runs.db"; }
    std::unique_ptr<catalog::RunJournal> open() {
        auto opened = store::open_sqlite_run_journal(options, pool, log, metrics);
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }

    test::TempDir dir;
    store::RunJournalOptions options;
    aio::BlockingPool pool{2, 64};
    telemetry::Logger log{static_cast<telemetry::Level>(99), telemetry::Logger::Format::text};
    telemetry::Registry metrics;
};

}  // namespace

TEST_CASE("run store: it keeps the contract", "[store]") {
    RunStore store;
    test::check_run_journal_contract([&] { return store.open(); });
}

TEST_CASE("run store: what was written is there after a restart, numbers go on", "[store]") {
    RunStore store;
    catalog::RunRow first;
    {
        test::RunJournalContract journal([&] { return store.open(); });
        first = journal.create(test::new_run("w"));
        REQUIRE(journal.append(first, 2));
    }
    test::RunJournalContract journal([&] { return store.open(); });
    CHECK(test::run_task(journal.journal->read(first.id)).value().events.size() == 3);
    CHECK(test::run_task(journal.journal->unfinished()).value().size() == 1);
    CHECK(journal.journal->value(first.seq, "digest2").value() == "\"long\"");
    CHECK(journal.create(test::new_run("w")).seq == first.seq + 1);
    CHECK(test::ask_sqlite(store.options.file, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("run store: no shipped migration step ever changes", "[store][unit]") {
    const std::vector<std::string> golden = {
        "6be61ae3e11495f6d47fda1b4d8b23cf0880038c8c03ed63c8d92eb5a24de1cb"};
    const auto steps = store::run_migration_steps();
    REQUIRE(steps.size() == golden.size());
    for (std::size_t i = 0; i < golden.size(); ++i) CHECK(base::sha256_hex(steps[i]) == golden[i]);
}
