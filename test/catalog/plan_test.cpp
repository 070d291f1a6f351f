#include "hearth/catalog/plan.hpp"

#include "catalog/catalog_contract.hpp"
#include "hearth/catalog/change_log.hpp"

using namespace hearth;

namespace {

catalog::RecordPtr nothing(model::Kind, std::string_view, std::string_view) {
    return nullptr;
}

}  // namespace

TEST_CASE("catalog: a plan numbers its changes and stamps what is new", "[catalog][unit]") {
    const std::vector<catalog::Mutation> batch = {test::put("a"), test::put("a"),
                                                  test::put("a", R"({"x":1})"), test::drop("a")};
    auto changes = catalog::plan_changes(batch, nothing, 41, "2026-01-31T12:00:00.000Z");
    REQUIRE(changes.has_value());
    REQUIRE(changes->size() == 3);
    CHECK(changes->at(0).revision == 41);
    CHECK(changes->at(1).revision == 42);
    CHECK(changes->at(1).record->metadata.created == "2026-01-31T12:00:00.000Z");
    CHECK(changes->at(1).record->metadata.generation == 2);
    CHECK(changes->at(2).type == catalog::Change::Type::removed);
}

TEST_CASE("catalog: later batches see pending changes", "[catalog][unit]") {
    catalog::PendingChanges pending(nothing);
    auto changes = catalog::plan_changes({test::put("a")}, nothing, 1, "now");
    REQUIRE(changes.has_value());
    pending.add(*changes);
    CHECK(pending.find(model::Kind::function, "default", "a") == changes->front().record);
    auto removed = catalog::plan_changes(
        {test::drop("a")},
        [&](model::Kind kind, std::string_view ns, std::string_view name) {
            return pending.find(kind, ns, name);
        },
        2, "now");
    REQUIRE(removed.has_value());
    pending.add(*removed);
    CHECK(pending.find(model::Kind::function, "default", "a") == nullptr);
}

TEST_CASE("catalog: every kind has a text of its own that reads back", "[catalog][unit]") {
    for (const model::Kind kind : model::kAllKinds) {
        model::Kind back{};
        REQUIRE(catalog::parse_kind_text(catalog::kind_text(kind), back));
        CHECK(back == kind);
    }
    model::Kind ignored{};
    CHECK_FALSE(catalog::parse_kind_text("function", ignored));
}

TEST_CASE("catalog: the change log reports what it no longer has", "[catalog][unit]") {
    catalog::ChangeLog log(3);
    std::deque<catalog::Change> old;
    for (int i = 11; i <= 12; ++i) {
        catalog::Change change;
        change.revision = i;
        old.push_back(change);
    }
    log.load(old, 10);
    CHECK(log.since(9, 0).too_old);
    CHECK(log.since(10, 0).changes.size() == 2);
    catalog::Change next;
    next.revision = 13;
    log.append({next});
    next.revision = 14;
    log.append({next});
    CHECK(log.since(10, 0).too_old);
    CHECK(log.since(11, 1).changes.front().revision == 12);
    CHECK(log.since(15, 0).too_old);
}
