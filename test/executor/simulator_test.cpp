#include <cstdlib>

#include "executor/sim_world.hpp"
#include "support/catch.hpp"

using hearth::executor::sim::World;

TEST_CASE("executor simulator: random load, faults and changes break no invariant",
          "[executor][simulator]") {
    const char* wanted = std::getenv("HEARTH_SIM_SEEDS");
    const char* first = std::getenv("HEARTH_SIM_FIRST");
    const auto seeds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 200;
    const auto from = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
    std::size_t requests = 0, served = 0, starts = 0, adopted = 0, restarts = 0;
    for (auto seed = from; seed < from + seeds; ++seed) {
        World world(seed);
        try {
            world.run(std::chrono::seconds(20));
        } catch (const std::exception& error) {
            FAIL(error.what());
        }
        requests += world.requests_made();
        served += world.served();
        starts += world.starts();
        adopted += world.adopted();
        restarts += world.restarts();
    }
    // The runs must have done something: most requests are served, and instances were started many
    // times.
    CHECK(served > requests / 2);
    CHECK(starts > seeds * 10);
    CHECK(requests > seeds * 100);
    CHECK(restarts > seeds / 2);
    CHECK(adopted > restarts);
}
