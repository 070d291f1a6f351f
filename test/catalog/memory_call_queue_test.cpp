#include "catalog/call_queue_contract.hpp"

using namespace hearth;

TEST_CASE("call queue: the memory double keeps the contract", "[catalog][unit]") {
    test::check_call_queue_contract([] { return catalog::make_memory_call_queue(); });
}
