#pragma once

#include <functional>
#include <memory>

#include "hearth/catalog/run_journal.hpp"
#include "support/catch.hpp"
#include "support/run_task.hpp"

namespace hearth::test {

inline catalog::NewRun new_run(const std::string& workflow, const std::string& key = "") {
    catalog::NewRun run;
    run.row.ns = "default";
    run.row.workflow = workflow;
    run.row.generation = 3;
    run.row.origin = "API";
    run.row.idempotency_key = key;
    run.row.created = 1'000;
    run.events.emplace_back("{\"t\":\"spec\"}", "{}");
    run.events.emplace_back("{\"t\":\"begun\"}", std::string("[1,\"\\u0000\"]"));
    return run;
}

/// What every RunJournal promises. `make` gives an empty one.
class RunJournalContract {
 public:
    using Make = std::function<std::unique_ptr<catalog::RunJournal>()>;
    explicit RunJournalContract(const Make& make) : journal(make()) {}

    catalog::RunRow create(catalog::NewRun run) {
        return run_task(journal->create(std::move(run))).value().row;
    }
    Result<void> append(const catalog::RunRow& row, std::int64_t first,
                        catalog::RunPhase phase = catalog::RunPhase::running,
                        catalog::UnixMs ended = 0) {
        catalog::RunAppend append;
        append.seq = row.seq;
        append.first = first;
        append.events.emplace_back("{\"n\":" + std::to_string(first) + "}", "null");
        append.values.emplace_back("digest" + std::to_string(first), "\"long\"");
        append.phase = phase;
        append.ended = ended;
        if (phase == catalog::RunPhase::failed) append.error_type = "Odd";
        return run_task(journal->append(std::move(append)));
    }
    void finish(const catalog::RunRow& row, catalog::UnixMs ended) {
        REQUIRE(append(row, 2, catalog::RunPhase::succeeded, ended));
    }

    void check_life() {
        auto wanted = new_run("w");
        wanted.values.emplace_back("first", "\"value\"");
        const auto row = create(wanted);
        CHECK(row.seq > 0);
        CHECK(row.phase == catalog::RunPhase::running);
        CHECK(run_task(journal->find(row.id)).value() == row);
        CHECK(run_task(journal->find(row.id + "0")).error().code == Errc::not_found);
        CHECK(run_task(journal->find("7")).error().code == Errc::not_found);
        CHECK(run_task(journal->unfinished()).value() == std::vector<catalog::RunRow>{row});
        REQUIRE(append(row, 2));
        // An event that is written twice would be done twice.
        CHECK(append(row, 2).error().code == Errc::conflict);
        REQUIRE(append(row, 3, catalog::RunPhase::failed, 9'000));
        const auto log = run_task(journal->read(row.id)).value();
        REQUIRE(log.events.size() == 4);
        CHECK(log.events[1] == wanted.events[1]);
        CHECK(log.events[3].head == "{\"n\":3}");
        CHECK(log.row.phase == catalog::RunPhase::failed);
        CHECK(log.row.ended == 9'000);
        CHECK(log.row.error_type == "Odd");
        CHECK(journal->value(row.seq, "first").value() == "\"value\"");
        CHECK(journal->value(row.seq, "digest3").value() == "\"long\"");
        CHECK(journal->value(row.seq, "none").error().code == Errc::not_found);
        CHECK(run_task(journal->unfinished()).value().empty());
        REQUIRE(append(row, 4));
        CHECK(run_task(journal->unfinished()).value().size() == 1);
        catalog::RunAppend nobody;
        nobody.seq = row.seq + 100;
        CHECK(run_task(journal->append(nobody)).error().code == Errc::not_found);
        catalog::RunAppend values;
        values.seq = row.seq;
        values.values.emplace_back("first", "\"value\"");
        values.values.emplace_back("more", "1");
        REQUIRE(run_task(journal->append(values)));
        CHECK(journal->value(row.seq, "more").value() == "1");
    }

    void check_keys() {
        const auto first = create(new_run("w", "k"));
        const auto again = run_task(journal->create(new_run("w", "k"))).value();
        CHECK(again.existing);
        CHECK(again.row.id == first.id);
        CHECK(create(new_run("v", "k")).id != first.id);
        CHECK(create(new_run("w")).id != create(new_run("w")).id);
    }

    void check_lists() {
        std::vector<catalog::RunRow> rows;
        for (int i = 0; i < 5; ++i) rows.push_back(create(new_run(i % 2 == 0 ? "even" : "odd")));
        finish(rows[0], 5'000);
        catalog::RunQuery query;
        query.limit = 2;
        auto page = run_task(journal->list(query)).value();
        REQUIRE(page.size() == 2);
        CHECK(page[0].id == rows[4].id);
        query.before = page[1].seq;
        CHECK(run_task(journal->list(query)).value().front().id == rows[2].id);
        query = catalog::RunQuery();
        query.workflow = "even";
        CHECK(run_task(journal->list(query)).value().size() == 3);
        query.phase = catalog::RunPhase::succeeded;
        CHECK(run_task(journal->list(query)).value().size() == 1);
        query.ns = "other";
        CHECK(run_task(journal->list(query)).value().empty());
    }

    void check_retention() {
        std::vector<catalog::RunRow> rows;
        for (int i = 0; i < 6; ++i) rows.push_back(create(new_run(i < 4 ? "a" : "b")));
        CHECK(run_task(journal->remove(rows[0].id)).error().code == Errc::conflict);
        for (int i = 0; i < 5; ++i) finish(rows[static_cast<std::size_t>(i)], 1'000 + i);
        REQUIRE(run_task(journal->remove(rows[0].id)));
        CHECK(run_task(journal->remove(rows[0].id)).error().code == Errc::not_found);
        CHECK(journal->value(rows[0].seq, "digest2").has_error());
        catalog::RunRetention keep;
        keep.ns = "default";
        keep.workflow = "a";
        keep.most = 2;
        CHECK(run_task(journal->trim(keep)).value() == 1);
        CHECK(run_task(journal->find(rows[1].id)).has_error());
        keep = catalog::RunRetention();
        keep.most = 100;
        keep.before = 1'003;
        CHECK(run_task(journal->trim(keep)).value() == 1);
        CHECK(run_task(journal->find(rows[2].id)).has_error());
        CHECK(run_task(journal->find(rows[5].id)).has_value());
        CHECK(run_task(journal->list(catalog::RunQuery())).value().size() == 3);
    }

    std::unique_ptr<catalog::RunJournal> journal;
};

inline void check_run_journal_contract(const RunJournalContract::Make& make) {
    SECTION("life") {
        RunJournalContract(make).check_life();
    }
    SECTION("keys") {
        RunJournalContract(make).check_keys();
    }
    SECTION("lists") {
        RunJournalContract(make).check_lists();
    }
    SECTION("retention") {
        RunJournalContract(make).check_retention();
    }
}

}  // namespace hearth::test
