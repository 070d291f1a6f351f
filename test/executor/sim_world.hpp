#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "executor/adoption.hpp"
#include "executor/function_core.hpp"
#include "executor/pool_core.hpp"

namespace hearth::executor::sim {

using namespace std::chrono_literals;

/// Functions, pools and a make-believe backend under virtual time. One seed, one run. Every step
/// checks the invariants and throws std::runtime_error with what is broken.
class World {
 public:
    explicit World(std::uint64_t seed);
    /// `minutes` of random load with faults, then calm until everything must have come to rest.
    void run(std::chrono::seconds busy);
    std::size_t requests_made() const { return next_request_; }
    std::size_t served() const { return served_; }
    std::size_t starts() const { return starts_; }
    std::size_t adopted() const { return adopted_; }
    std::size_t restarts() const { return epoch_; }

 private:
    struct Request {
        std::size_t fn = 0;
        TimePoint deadline;
        bool running = false, ended = false;
        std::uint64_t instance = 0;
    };
    struct Instance {
        std::size_t pool = 0, fn = 0;
        enum class State { generic, loading, loaded, stopping, dead } state = State::generic;
        std::uint64_t generation = 0, ticket = 0;
        bool load_pending = false;
        bool released = false;  ///< its process is gone
        bool counted = true;    ///< by the budget of the present daemon
        std::optional<TimePoint> forget_at;
    };
    struct Fn {
        std::string name;
        std::size_t pool;
        FunctionCore core;
        FunctionPolicy policy;
        std::uint64_t generation = 1;
        bool deleted = false, broken = false;
    };

    // Randomness.
    std::uint64_t below(std::uint64_t n) {
        return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(rng_);
    }
    bool chance(double p) { return faults_ && std::uniform_real_distribution<>(0, 1)(rng_) < p; }
    std::chrono::milliseconds ms(std::uint64_t low, std::uint64_t high) {
        return std::chrono::milliseconds(low + below(high - low + 1));
    }

    void at(std::chrono::milliseconds delay, std::function<void()> what);
    void step();
    void check(bool ok, const std::string& what);

    // The load.
    void arrive();
    void send(std::size_t fn);
    void burst();
    void change();
    void change_environment();
    void tick();

    // A daemon that is killed and comes back; its instances stay.
    void restart();
    void take_stock();
    void found(std::uint64_t instance);
    void decide(std::uint64_t instance);
    void appear(std::uint64_t instance);

    // The driver's part.
    void settle(std::size_t fn, FunctionEffects& fx);
    void settle(std::size_t pool, PoolEffects& fx);
    void pump_pools();
    std::size_t starting(std::size_t fn) const;
    void make_room(std::size_t pool, std::size_t lacking);
    void begin_start(std::size_t pool, std::uint64_t start);
    void begin_load(std::uint64_t claim, std::uint64_t instance);
    void end_load(std::uint64_t instance, bool failed);
    void stop_instance(std::uint64_t instance);
    void crash(std::uint64_t instance);
    void gone(std::uint64_t instance);
    void run_request(std::uint64_t request, std::size_t fn, std::uint64_t instance);
    void end_request(std::uint64_t request);

    void check_all();
    void check_function(const Fn& fn);
    void check_rest();
    void forget_old();

    struct Claim {
        std::size_t fn;
        std::uint64_t ticket, generation;
        TimePoint limit;
    };

    std::uint64_t seed_;
    std::mt19937_64 rng_;
    TimePoint now_{std::chrono::hours(1)};
    std::multimap<TimePoint, std::function<void()>> events_;
    InstanceBudget budget_;
    std::vector<PoolCore> pools_;
    std::vector<int> bases_;
    std::vector<Fn> fns_;
    std::map<std::uint64_t, Request> requests_;
    std::map<std::uint64_t, Instance> instances_;
    std::map<std::uint64_t, Claim> claims_;
    std::map<std::uint64_t, int> leases_;  // by instance
    std::uint64_t next_request_ = 0, next_instance_ = 0, next_claim_ = 0;
    std::size_t served_ = 0, starts_ = 0, stopping_ = 0;
    bool faults_ = true, arriving_ = true;
    std::uint64_t epoch_ = 0;  // daemons before this one; what they had ordered ends unheard
    Adoption adoption_;
    std::size_t late_ = 0, adopted_ = 0;
    static constexpr auto kTick = 200ms;
};

}  // namespace hearth::executor::sim
