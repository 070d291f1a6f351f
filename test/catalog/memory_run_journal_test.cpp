#include "catalog/run_journal_contract.hpp"

using namespace hearth;

TEST_CASE("run journal: the memory double keeps the contract", "[catalog][unit]") {
    test::check_run_journal_contract([] { return catalog::make_memory_run_journal(); });
}
