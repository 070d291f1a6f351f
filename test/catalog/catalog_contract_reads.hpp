#pragma once

#include "catalog/mutations.hpp"
#include "support/catch.hpp"

/// The part of the contract about lists, replay and subscriptions; catalog_contract.hpp runs it.
namespace hearth::test {

inline void check_lists(catalog::Catalog& catalog) {
    using model::Kind;
    std::vector<catalog::Mutation> all;
    for (const char* ns : {"b", "a"}) {
        for (const char* name : {"z", "m", "a-1", "a"}) all.push_back(put(name, "{}", ns));
    }
    all.push_back(put("p", "{}", "a", Kind::package));
    all.push_back(put("r", "{}", "b", Kind::http_trigger));
    REQUIRE(write(catalog, all).has_value());

    CHECK(catalog.count(Kind::function) == 8);
    CHECK(catalog.count(Kind::package) == 1);
    CHECK(catalog.count(Kind::secret) == 0);

    catalog::ListQuery query;
    CHECK(names(catalog.list(query)) == std::vector<std::string>{"a/p", "a/a", "a/a-1", "a/m",
                                                                 "a/z", "b/a", "b/a-1", "b/m",
                                                                 "b/z", "b/r"});
    query.ns = "b";
    CHECK(names(catalog.list(query)) ==
          std::vector<std::string>{"b/a", "b/a-1", "b/m", "b/z", "b/r"});
    query.kind = Kind::function;
    query.limit = 2;
    CHECK(names(catalog.list(query)) == std::vector<std::string>{"b/a", "b/a-1"});
    query.after = "b/a-1";
    CHECK(names(catalog.list(query)) == std::vector<std::string>{"b/m", "b/z"});
    query.after = "b/z";
    CHECK(catalog.list(query).empty());
    query.after = "b/between";
    CHECK(names(catalog.list(query)) == std::vector<std::string>{"b/m", "b/z"});
    query.after = "a/z";
    CHECK(names(catalog.list(query)) == std::vector<std::string>{"b/a", "b/a-1"});
    query.ns = "nowhere";
    CHECK(catalog.list(query).empty());

    catalog::ListQuery pages;
    pages.limit = 3;
    std::vector<std::string> walked;
    for (auto page = catalog.list(pages); !page.empty(); page = catalog.list(pages)) {
        for (auto& name : names(page)) walked.push_back(name);
        const auto& last = *page.back();
        const char* kind = last.kind == Kind::package    ? "Package/"
                           : last.kind == Kind::function ? "Function/"
                                                         : "HTTPTrigger/";
        pages.after = kind + last.metadata.ns + "/" + last.metadata.name;
    }
    CHECK(walked == names(catalog.list(catalog::ListQuery{})));
}

inline void check_replay(catalog::Catalog& catalog) {
    const std::int64_t before = catalog.revision();
    REQUIRE(write(catalog, {put("w1"), put("w2")}).has_value());
    REQUIRE(write(catalog, {put("w1", R"({"v":2})"), drop("w2")}).has_value());

    auto since = catalog.changes_since(before, 0);
    CHECK_FALSE(since.too_old);
    REQUIRE(since.changes.size() == 4);
    CHECK(since.changes[0].record->metadata.name == "w1");
    CHECK(since.changes[0].record->spec_text == "{}");
    CHECK(since.changes[2].record->spec_text == R"({"v":2})");
    CHECK(since.changes[3].type == catalog::Change::Type::removed);
    CHECK(since.changes[3].record->metadata.name == "w2");

    auto paged = catalog.changes_since(before + 1, 2);
    REQUIRE(paged.changes.size() == 2);
    CHECK(paged.changes[0].revision == before + 2);
    CHECK(catalog.changes_since(before + 4, 0).changes.empty());
    CHECK_FALSE(catalog.changes_since(before + 4, 0).too_old);
    CHECK(catalog.changes_since(before + 5, 0).too_old);
    CHECK(catalog.changes_since(-1, 0).too_old);
}

inline void check_subscriptions(catalog::Catalog& catalog) {
    std::vector<std::int64_t> seen;
    bool readable = true;
    auto handle = catalog.subscribe([&](const std::vector<catalog::Change>& changes) {
        for (const auto& change : changes) {
            seen.push_back(change.revision);
            if (change.type == catalog::Change::Type::added) {
                const auto& metadata = change.record->metadata;
                readable &=
                    catalog.find(change.record->kind, metadata.ns, metadata.name) != nullptr;
            }
        }
    });
    catalog::Catalog::Subscription once;
    int once_calls = 0;
    once = catalog.subscribe([&](const std::vector<catalog::Change>&) {
        ++once_calls;
        once.reset();
    });
    const std::int64_t before = catalog.revision();
    REQUIRE(write(catalog, {put("s1"), put("s2")}).has_value());
    CHECK(seen == std::vector<std::int64_t>{before + 1, before + 2});
    REQUIRE(write(catalog, {put("s1")}).has_value());
    CHECK(write(catalog, {drop("no-such")}).has_error());
    CHECK(seen.size() == 2);
    REQUIRE(write(catalog, {drop("s1")}).has_value());
    CHECK(seen.size() == 3);
    CHECK(readable);
    CHECK(once_calls == 1);
    handle.reset();
    REQUIRE(write(catalog, {drop("s2")}).has_value());
    CHECK(seen.size() == 3);
}

}  // namespace hearth::test
