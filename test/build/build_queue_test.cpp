#include "build/build_queue.hpp"

#include <optional>
#include <random>
#include <set>

#include "support/catch.hpp"

using namespace hearth;
using build::BuildQueue;
using build::Observation;
using build::PackageKey;
using State = build::Observation::State;
using Type = build::BuildQueue::Effect::Type;

namespace {

PackageKey key(std::string name) {
    return {"default", std::move(name)};
}

Observation seen(State state, std::string source = "s1", int attempts = 0) {
    Observation observation;
    observation.state = state;
    observation.input.source = std::move(source);
    observation.input.environment = "py";
    observation.attempts = attempts;
    return observation;
}

/// A queue with the effects of the last event.
struct Bench {
    explicit Bench(std::size_t concurrency) : queue(concurrency) {}
    void observe(const std::string& name, Observation observation) {
        effects.clear();
        queue.observe(key(name), observation, effects);
    }
    bool cancel(const std::string& name) {
        effects.clear();
        return queue.cancel(key(name), effects);
    }
    void finished(std::uint64_t run) {
        effects.clear();
        queue.finished(run, effects);
    }
    BuildQueue queue;
    BuildQueue::Effects effects;
};

}  // namespace

TEST_CASE("build queue: at most so many run, the others wait in order and say why",
          "[build][unit]") {
    Bench bench(2);
    std::vector<std::uint64_t> runs;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        bench.observe(name, seen(State::pending));
        for (const auto& effect : bench.effects) {
            CHECK(effect.type == Type::start);
            CHECK(effect.attempts == 1);
            runs.push_back(effect.run);
        }
    }
    REQUIRE(runs.size() == 2);
    CHECK(bench.queue.reason(key("a")).empty());
    CHECK(bench.queue.reason(key("c")) == "waiting: 2 builds run, 0 before it");
    CHECK(bench.queue.reason(key("e")) == "waiting: 2 builds run, 2 before it");
    // The same said again changes nothing.
    bench.observe("c", seen(State::pending));
    CHECK(bench.effects.empty());
    bench.finished(runs[0]);
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].key == key("c"));
    CHECK(bench.queue.order() == std::vector<PackageKey>{key("b"), key("c"), key("d"), key("e")});
}

TEST_CASE("build queue: a changed source ends the run and builds again", "[build][unit]") {
    Bench bench(1);
    bench.observe("a", seen(State::pending, "s1"));
    REQUIRE(bench.effects.size() == 1);
    const auto run = bench.effects[0].run;
    bench.observe("a", seen(State::running, "s1", 1));
    CHECK(bench.effects.empty());
    bench.observe("a", seen(State::pending, "s2"));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::stop);
    CHECK(bench.effects[0].run == run);
    bench.observe("a", seen(State::pending, "s2"));
    CHECK(bench.effects.empty());
    bench.finished(run);
    CHECK(bench.effects.empty());
    bench.observe("a", seen(State::pending, "s2"));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::start);
    CHECK(bench.effects[0].input.source == "s2");
}

TEST_CASE("build queue: what waits follows its package", "[build][unit]") {
    Bench bench(1);
    bench.observe("a", seen(State::pending));
    const auto run = bench.effects.at(0).run;
    bench.observe("b", seen(State::pending, "s1"));
    bench.observe("b", seen(State::pending, "s2"));
    bench.observe("c", seen(State::pending));
    bench.observe("c", seen(State::gone));
    CHECK_FALSE(bench.queue.waits(key("c")));
    bench.finished(run);
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].key == key("b"));
    CHECK(bench.effects[0].input.source == "s2");
    bench.observe("b", seen(State::gone));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::stop);
}

TEST_CASE("build queue: cancel", "[build][unit]") {
    Bench bench(1);
    CHECK_FALSE(bench.cancel("a"));
    bench.observe("a", seen(State::pending));
    const auto run = bench.effects.at(0).run;
    bench.observe("b", seen(State::pending));
    REQUIRE(bench.cancel("b"));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::fail);
    const auto closing = bench.effects[0].run;
    // Until it is written down the catalog still says that it is pending.
    bench.observe("b", seen(State::pending));
    CHECK(bench.effects.empty());
    CHECK_FALSE(bench.cancel("b"));
    bench.finished(closing);
    bench.observe("b", seen(State::settled));
    CHECK(bench.effects.empty());
    REQUIRE(bench.cancel("a"));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::stop);
    CHECK(bench.effects[0].why == "it was cancelled");
    bench.finished(run);
    bench.observe("a", seen(State::settled));
    CHECK(bench.queue.order().empty());
}

TEST_CASE("build queue: what a dead daemon left is started once more", "[build][unit]") {
    Bench bench(2);
    bench.observe("a", seen(State::running, "s1", 1));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::start);
    CHECK(bench.effects[0].attempts == 2);
    bench.observe("b", seen(State::running, "s1", 2));
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::fail);
    CHECK(bench.effects[0].why.find("ended 2 times") != std::string::npos);
}

TEST_CASE("build queue: closed, it starts nothing and stops what runs", "[build][unit]") {
    Bench bench(1);
    bench.observe("a", seen(State::pending));
    const auto run = bench.effects.at(0).run;
    bench.observe("b", seen(State::pending));
    bench.effects.clear();
    bench.queue.close(bench.effects);
    REQUIRE(bench.effects.size() == 1);
    CHECK(bench.effects[0].type == Type::stop);
    bench.finished(run);
    CHECK(bench.effects.empty());
}

namespace {

/// The world around a queue: packages in a catalog, builds that end when they like, a daemon that
/// dies.
class Simulation {
 public:
    explicit Simulation(unsigned seed) : random_(seed) { queue_.emplace(kConcurrency); }

    void step() {
        const auto name = std::string(1, static_cast<char>('a' + pick(6)));
        Package& package = packages_[name];
        switch (pick(8)) {
            case 0:
            case 1:  // its source is written
                package = {State::pending, "s" + std::to_string(pick(3)), 0};
                break;
            case 2:
                package.state = State::gone;
                break;
            case 3: {
                BuildQueue::Effects effects;
                queue_->cancel(key(name), effects);
                perform(effects);
                break;
            }
            case 4:
                if (pick(6) == 0) die();
                break;
            default:
                end_one();
        }
        look(name);
        check();
    }

    /// Everything that is still to be done is done.
    void settle() {
        for (const auto& [name, package] : packages_) look(name);
        for (int i = 0; i < 1000 && !runs_.empty(); ++i) end_one();
        for (const auto& [name, package] : packages_) {
            INFO(name);
            CHECK(package.state != State::pending);
            CHECK(package.state != State::running);
        }
        CHECK(queue_->order().empty());
    }

 private:
    static constexpr std::size_t kConcurrency = 2;
    struct Package {
        State state = State::gone;
        std::string source;
        int attempts = 0;
    };

    unsigned pick(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }

    void look(const std::string& name) {
        const Package& package = packages_[name];
        BuildQueue::Effects effects;
        queue_->observe(key(name), seen(package.state, package.source, package.attempts), effects);
        perform(effects);
    }

    void perform(const BuildQueue::Effects& effects) {
        for (const auto& effect : effects) {
            if (effect.type == Type::stop) continue;
            CHECK(runs_.emplace(effect.run, effect).second);
            Package& package = packages_[effect.key.name];
            const bool same = package.state != State::gone && package.source == effect.input.source;
            if (effect.type == Type::start && same && package.state != State::settled) {
                package.state = State::running;
                package.attempts = effect.attempts;
                CHECK(effect.attempts <= BuildQueue::kMostAttempts);
            }
        }
    }

    void end_one() {
        if (runs_.empty()) return;
        auto at = runs_.begin();
        std::advance(at, pick(static_cast<unsigned>(runs_.size())));
        const auto effect = at->second;
        runs_.erase(at);
        Package& package = packages_[effect.key.name];
        const bool same = package.state != State::gone && package.source == effect.input.source;
        if (same) package.state = State::settled;
        BuildQueue::Effects effects;
        queue_->finished(effect.run, effects);
        perform(effects);
        look(effect.key.name);
    }

    void die() {
        queue_.emplace(kConcurrency);
        runs_.clear();
        for (const auto& [name, package] : packages_) look(name);
    }

    void check() {
        std::set<std::string> building;
        for (const auto& [run, effect] : runs_) {
            if (effect.type == Type::start) CHECK(building.insert(effect.key.name).second);
        }
        CHECK(building.size() == queue_->running());
        CHECK(building.size() <= kConcurrency);
        // Nobody waits while there is room.
        if (building.size() < kConcurrency) CHECK(queue_->order().size() == building.size());
    }

    std::mt19937 random_;
    std::optional<BuildQueue> queue_;
    std::map<std::string, Package> packages_;
    std::map<std::uint64_t, BuildQueue::Effect> runs_;
};

}  // namespace

TEST_CASE("build queue: whatever happens, every package is settled in the end", "[build][unit]") {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        INFO("seed " << seed);
        Simulation simulation(seed);
        for (int i = 0; i < 300; ++i) simulation.step();
        simulation.settle();
    }
}
