#include "catalog/catalog_contract.hpp"

using namespace hearth;

TEST_CASE("catalog: the memory double keeps the contract", "[catalog][unit]") {
    test::check_catalog_contract([] { return catalog::make_memory_catalog(); });
}

TEST_CASE("catalog: at least the newest 10,000 changes are kept", "[catalog][unit]") {
    const auto catalog = catalog::make_memory_catalog();
    std::vector<catalog::Mutation> batch;
    for (int i = 0; i < 10'050; ++i) batch.push_back(test::put("f" + std::to_string(i)));
    REQUIRE(test::write(*catalog, batch).has_value());
    CHECK(catalog->changes_since(50, 0).changes.size() == 10'000);
    CHECK(catalog->changes_since(49, 0).too_old);
    CHECK(catalog->changes_since(0, 0).too_old);
}
