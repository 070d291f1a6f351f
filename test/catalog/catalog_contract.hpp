#pragma once

#include <functional>
#include <memory>

#include "catalog/catalog_contract_reads.hpp"
#include "catalog/mutations.hpp"
#include "support/catch.hpp"

/// What every implementation of Catalog must do. A test binary calls check_catalog_contract once in
/// a TEST_CASE.
namespace hearth::test {

using CatalogFactory = std::function<std::unique_ptr<catalog::Catalog>()>;

inline void check_life_of_one_object(catalog::Catalog& catalog) {
    using Type = catalog::Change::Type;
    const std::int64_t before = catalog.revision();
    auto added = write(catalog, {put("hello", R"({"a":1,"b":[true,null,"x"]})")});
    REQUIRE(added.has_value());
    REQUIRE(added->size() == 1);
    const catalog::RecordPtr first = added->front().record;
    CHECK(added->front().type == Type::added);
    CHECK(added->front().revision == before + 1);
    CHECK(first->metadata.revision == before + 1);
    CHECK(first->metadata.generation == 1);
    CHECK(first->metadata.uid.size() == 36);
    CHECK(first->metadata.created.ends_with("Z"));
    CHECK(catalog.revision() == before + 1);
    CHECK(catalog.find(model::Kind::function, "default", "hello") == first);
    CHECK(catalog.find(model::Kind::package, "default", "hello") == nullptr);
    CHECK(first->load()->spec == boost::json::parse(R"({"b":[true,null,"x"],"a":1})"));

    auto same = write(catalog, {put("hello", R"({"b":[true,null,"x"],"a":1})")});
    REQUIRE(same.has_value());
    CHECK(same->empty());
    CHECK(catalog.revision() == before + 1);

    catalog::Mutation labelled = put("hello", R"({"a":1,"b":[true,null,"x"]})");
    labelled.resource.metadata.labels["team"] = "red";
    auto meta_only = write(catalog, {labelled});
    REQUIRE(meta_only.has_value());
    REQUIRE(meta_only->size() == 1);
    CHECK(meta_only->front().type == Type::modified);
    CHECK(meta_only->front().record->metadata.generation == 1);

    labelled.resource.spec["a"] = 2;
    labelled.resource.metadata.uid = "of-somebody-else";
    auto changed = write(catalog, {labelled});
    REQUIRE(changed.has_value());
    const catalog::RecordPtr second = changed->front().record;
    CHECK(second->metadata.generation == 2);
    CHECK(second->metadata.uid == first->metadata.uid);
    CHECK(second->metadata.created == first->metadata.created);
    CHECK(second->metadata.labels.at("team") == "red");

    auto removed = write(catalog, {drop("hello")});
    REQUIRE(removed.has_value());
    CHECK(removed->front().type == Type::removed);
    CHECK(removed->front().record->metadata.revision == second->metadata.revision);
    CHECK(removed->front().revision == before + 4);
    CHECK(catalog.find(model::Kind::function, "default", "hello") == nullptr);

    auto again = write(catalog, {put("hello")});
    REQUIRE(again.has_value());
    CHECK(again->front().record->metadata.uid != first->metadata.uid);
    CHECK(again->front().record->metadata.generation == 1);
}

inline void check_given_uid_is_kept(catalog::Catalog& catalog) {
    catalog::Mutation mutation = put("with-uid");
    mutation.resource.metadata.uid = "0b9c2b0e-0000-4000-8000-000000000001";
    auto added = write(catalog, {mutation});
    REQUIRE(added.has_value());
    CHECK(added->front().record->metadata.uid == "0b9c2b0e-0000-4000-8000-000000000001");
}

inline void check_expectations(catalog::Catalog& catalog) {
    catalog::Mutation create = put("guarded");
    create.expected_revision = 0;
    auto created = write(catalog, {create});
    REQUIRE(created.has_value());
    const std::int64_t revision = created->front().revision;

    auto twice = write(catalog, {create});
    REQUIRE(twice.has_error());
    CHECK(twice.error().code == Errc::conflict);
    CHECK(twice.error().message ==
          "Function default/guarded exists already, at revision " + std::to_string(revision));

    catalog::Mutation update = put("guarded", R"({"v":2})");
    update.expected_revision = revision;
    REQUIRE(write(catalog, {update}).has_value());
    auto stale = write(catalog, {update});
    REQUIRE(stale.has_error());
    CHECK(stale.error().code == Errc::conflict);
    CHECK_THAT(stale.error().message,
               Catch::Contains("is at revision " + std::to_string(revision + 1) + ", not " +
                               std::to_string(revision)));

    catalog::Mutation stale_drop = drop("guarded");
    stale_drop.expected_revision = revision;
    CHECK(write(catalog, {stale_drop}).error().code == Errc::conflict);

    catalog::Mutation gone = put("never-was", "{}");
    gone.expected_revision = 7;
    CHECK(write(catalog, {gone}).error().code == Errc::conflict);

    auto nothing = write(catalog, {drop("never-was")});
    REQUIRE(nothing.has_error());
    CHECK(nothing.error().code == Errc::not_found);
    CHECK(nothing.error().message == "Function default/never-was does not exist");

    CHECK(write(catalog, {put("")}).error().code == Errc::invalid_argument);
}

inline void check_all_or_nothing(catalog::Catalog& catalog) {
    const std::int64_t before = catalog.revision();
    catalog::Mutation wrong = put("b2", "{}");
    wrong.expected_revision = 12345;
    auto refused = write(catalog, {put("b1"), put("b1", R"({"x":1})"), wrong});
    REQUIRE(refused.has_error());
    CHECK(catalog.revision() == before);
    CHECK(catalog.find(model::Kind::function, "default", "b1") == nullptr);

    auto done = write(catalog, {put("b1"), put("b1", R"({"x":1})"), drop("b1"), put("b2")});
    REQUIRE(done.has_value());
    CHECK(done->size() == 4);
    CHECK(done->back().revision == before + 4);
    CHECK(catalog.find(model::Kind::function, "default", "b1") == nullptr);
    CHECK(catalog.find(model::Kind::function, "default", "b2") != nullptr);

    auto empty = write(catalog, {});
    REQUIRE(empty.has_value());
    CHECK(empty->empty());
}

inline void check_catalog_contract(const CatalogFactory& make) {
    const auto run = [&](void (*check)(catalog::Catalog&)) {
        const auto catalog = make();
        check(*catalog);
    };
    SECTION("one object from creation to removal") {
        run(check_life_of_one_object);
    }
    SECTION("a given uid is kept") {
        run(check_given_uid_is_kept);
    }
    SECTION("expected revisions") {
        run(check_expectations);
    }
    SECTION("a batch is all or nothing") {
        run(check_all_or_nothing);
    }
    SECTION("lists and pages") {
        run(check_lists);
    }
    SECTION("replay of changes") {
        run(check_replay);
    }
    SECTION("subscriptions") {
        run(check_subscriptions);
    }
}

}  // namespace hearth::test
