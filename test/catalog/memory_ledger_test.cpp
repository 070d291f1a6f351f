#include "catalog/ledger_contract.hpp"

TEST_CASE("catalog: the ledger in memory keeps the contract", "[catalog][unit]") {
    const auto ledger = hearth::catalog::make_memory_ledger();
    hearth::test::check_ledger_contract(*ledger);
}
