#pragma once

#include "hearth/catalog/trigger_ledger.hpp"
#include "support/catch.hpp"
#include "support/run_task.hpp"

/// What every implementation of TriggerLedger must do.
namespace hearth::test {

inline std::vector<bool> write(catalog::TriggerLedger& ledger,
                               std::vector<catalog::LedgerWrite> writes) {
    auto done = run_task(ledger.write(std::move(writes)));
    REQUIRE(done.has_value());
    return *done;
}

inline std::vector<catalog::LedgerRow> rows(catalog::TriggerLedger& ledger) {
    auto all = run_task(ledger.load());
    REQUIRE(all.has_value());
    return *all;
}

inline void check_ledger_contract(catalog::TriggerLedger& ledger) {
    using catalog::LedgerRow;
    using Type = catalog::LedgerWrite::Type;
    using Rows = std::vector<LedgerRow>;
    CHECK(rows(ledger).empty());
    CHECK(write(ledger, {{Type::claim, {"a", "", 100, "first"}}}) == std::vector<bool>{true});
    // The same slot, an earlier one, and two at once of which one is new.
    CHECK(write(ledger, {{Type::claim, {"a", "", 100, "again"}}}) == std::vector<bool>{false});
    CHECK(write(ledger, {{Type::claim, {"a", "", 99, "late"}}}) == std::vector<bool>{false});
    CHECK(write(ledger, {{Type::claim, {"a", "", 100, "again"}},
                         {Type::claim, {"b", "", 5, "b"}}}) == std::vector<bool>{false, true});
    CHECK(write(ledger, {{Type::claim, {"a", "", 101, "x"}}, {Type::claim, {"a", "", 101, "y"}}}) ==
          std::vector<bool>{true, false});
    CHECK(rows(ledger) == Rows{{"a", "", 101, "x"}, {"b", "", 5, "b"}});
    // A put changes the value and leaves the mark; a reset goes back.
    write(ledger, {{Type::put, {"a", "", 50, "told"}}});
    CHECK(rows(ledger).front() == LedgerRow{"a", "", 101, "told"});
    CHECK(write(ledger, {{Type::reset, {"a", "", 50, "back"}},
                         {Type::put, {"a", "ns/pod", 0, "uid"}}}) == std::vector<bool>{true, true});
    CHECK(write(ledger, {{Type::claim, {"a", "", 51, "on"}}}) == std::vector<bool>{true});
    CHECK(rows(ledger) == Rows{{"a", "", 51, "on"}, {"a", "ns/pod", 0, "uid"}, {"b", "", 5, "b"}});
    write(ledger, {{Type::remove, {"a", "ns/pod", 0, ""}}});
    CHECK(rows(ledger).size() == 2);
    write(ledger, {{Type::put, {"a", "x", 0, ""}}, {Type::forget, {"a", "", 0, ""}}});
    CHECK(rows(ledger) == Rows{{"b", "", 5, "b"}});
    CHECK(write(ledger, {}).empty());
}

}  // namespace hearth::test
