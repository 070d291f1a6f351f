#include "trigger/timer_core.hpp"

#include <map>
#include <random>
#include <set>

#include "hearth/base/time_text.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::trigger;
using namespace std::chrono_literals;
using model::Slot;
using std::chrono::seconds;

namespace {

Slot at(std::string_view text) {
    return std::chrono::floor<seconds>(*base::parse_rfc3339(text));
}

const Slot kNoon = at("2027-06-01T12:00:00Z");

TimerDefinition timer(std::string cron, model::TimeTriggerSpec spec = {}, std::string uid = "t") {
    spec.cron = std::move(cron);
    spec.function = "f";
    const auto schedule = model::Schedule::parse(spec.cron, spec.time_zone);
    REQUIRE(schedule);
    return TimerDefinition{std::move(uid), "default", "t", 1, kNoon, spec, *schedule};
}

model::TimeTriggerSpec within(std::optional<seconds> deadline) {
    model::TimeTriggerSpec spec;
    spec.starting_deadline = deadline;
    return spec;
}

/// A core with a ledger beside it.
struct Rig {
    TimerCore core;
    std::map<std::string, std::int64_t> marks;
    std::vector<Slot> fired;
    std::vector<std::uint64_t> runs, cancelled;

    void add(const TimerDefinition& definition, Slot now) {
        core.put(definition, std::nullopt, now);
    }
    void tick(Slot now) {
        auto effects = core.step(now);
        const auto claims = effects.claims;
        for (const auto& claim : claims) {
            auto& mark = marks[claim.uid];
            const auto slot = claim.slot.time_since_epoch().count();
            const bool won = claim.regardless || slot > mark;
            if (won) mark = slot;
            core.claimed(claim, won, now, effects);
        }
        for (const auto& cancel : effects.cancels) cancelled.push_back(cancel.run);
        for (const auto& start : effects.starts) {
            fired.push_back(start.slot);
            runs.push_back(start.run);
        }
    }
    void end(std::uint64_t run, bool good = true) {
        TimerOutcome outcome;
        outcome.good = good;
        outcome.status = good ? 200 : 500;
        core.finished(run, outcome);
    }
    const TimerRecord& record() { return *core.record("t"); }
};

}  // namespace

TEST_CASE("timers: a slot is fired once, when it has come", "[trigger][unit]") {
    Rig rig;
    rig.add(timer("* * * * *"), kNoon);
    CHECK(rig.core.next_step() == kNoon + 1min);
    rig.tick(kNoon + 59s);
    CHECK(rig.fired.empty());
    for (auto now = kNoon; now <= kNoon + 3min; now += 1s) rig.tick(now);
    CHECK(rig.fired == std::vector<Slot>{kNoon + 1min, kNoon + 2min, kNoon + 3min});
    CHECK(rig.record().fired == 3);
    CHECK(rig.record().missed == 0);
}

TEST_CASE("timers: ten minutes asleep are worth one call at most", "[trigger][unit]") {
    SECTION("of each second") {
        Rig rig;
        rig.add(timer("* * * * * *", within(60s)), kNoon);
        rig.tick(kNoon + 1s);
        rig.tick(kNoon + 10min);
        CHECK(rig.fired == std::vector<Slot>{kNoon + 1s, kNoon + 10min});
        CHECK(rig.record().missed == 598);
    }
    SECTION("of each five minutes: Skip leaves out what is late, RunOnce does not") {
        for (const bool once : {false, true}) {
            Rig rig;
            rig.add(timer("*/5 * * * *", within(once ? std::nullopt : std::optional(60s))), kNoon);
            rig.tick(kNoon + 9min);
            CHECK(rig.fired.size() == (once ? 1 : 0));
            CHECK(rig.record().missed == (once ? 0 : 1));
            CHECK(rig.record().trouble.empty() == once);
        }
    }
}

TEST_CASE("timers: the clock jumps", "[trigger][unit]") {
    Rig rig;
    rig.add(timer("*/10 * * * *", within(60s)), kNoon);
    rig.tick(kNoon + 10min);
    SECTION("an hour forward") {
        rig.tick(kNoon + 70min + 5s);
        CHECK(rig.fired == std::vector<Slot>{kNoon + 10min, kNoon + 70min});
    }
    SECTION("an hour back: nothing is fired twice") {
        for (auto now = kNoon - 50min; now < kNoon + 30min; now += 30s) rig.tick(now);
        CHECK(rig.fired == std::vector<Slot>{kNoon + 10min, kNoon + 20min});
    }
    SECTION("three years forward by mistake and back") {
        const auto wrong = kNoon + 24h * 1100;
        rig.tick(wrong);
        CHECK(rig.fired.back() == wrong);
        for (auto now = kNoon + 11min; now <= kNoon + 40min; now += 30s) rig.tick(now);
        CHECK(rig.fired ==
              std::vector<Slot>{kNoon + 10min, wrong, kNoon + 20min, kNoon + 30min, kNoon + 40min});
    }
}

TEST_CASE("timers: concurrencyPolicy", "[trigger][unit]") {
    using Concurrency = model::TimeTriggerSpec::Concurrency;
    model::TimeTriggerSpec spec = within(60s);
    Rig rig;
    SECTION("Allow, up to a bound") {
        rig.add(timer("* * * * * *", spec), kNoon);
        for (int i = 1; i <= 40; ++i) rig.tick(kNoon + seconds(i));
        CHECK(rig.fired.size() == TimerCore::kMostRuns);
        CHECK(rig.record().left_out == 8);
        rig.end(rig.runs.front());
        rig.tick(kNoon + 41s);
        CHECK(rig.fired.size() == TimerCore::kMostRuns + 1);
    }
    SECTION("Forbid") {
        spec.concurrency = Concurrency::forbid;
        rig.add(timer("* * * * * *", spec), kNoon);
        rig.tick(kNoon + 1s);
        rig.tick(kNoon + 2s);
        CHECK(rig.fired.size() == 1);
        CHECK(rig.record().left_out == 1);
        CHECK_THAT(rig.record().trouble, Catch::Contains("Forbid"));
        rig.end(rig.runs.front(), false);
        rig.tick(kNoon + 3s);
        CHECK(rig.fired.size() == 2);
        CHECK(rig.record().failed == 1);
    }
    SECTION("Replace") {
        spec.concurrency = Concurrency::replace;
        rig.add(timer("* * * * * *", spec), kNoon);
        rig.tick(kNoon + 1s);
        rig.tick(kNoon + 2s);
        CHECK(rig.fired.size() == 2);
        CHECK(rig.cancelled == std::vector<std::uint64_t>{rig.runs.front()});
    }
}

TEST_CASE("timers: changed, suspended, removed", "[trigger][unit]") {
    Rig rig;
    rig.add(timer("*/10 * * * *", within(std::nullopt)), kNoon);
    auto changed = timer("*/7 * * * *", within(std::nullopt));
    SECTION("a new schedule owes nothing of the time before it") {
        changed.generation = 2;
        rig.add(changed, kNoon + 9min);
        rig.tick(kNoon + 9min);
        CHECK(rig.fired.empty());
        rig.tick(kNoon + 14min);
        CHECK(rig.fired == std::vector<Slot>{kNoon + 14min});
    }
    SECTION("the same object again changes nothing") {
        rig.add(timer("*/10 * * * *", within(std::nullopt)), kNoon + 15min);
        rig.tick(kNoon + 15min);
        CHECK(rig.fired == std::vector<Slot>{kNoon + 10min});
    }
    SECTION("suspended and woken") {
        changed.generation = 2;
        changed.spec.suspend = true;
        rig.add(changed, kNoon + 1min);
        rig.tick(kNoon + 2h);
        CHECK(rig.fired.empty());
        CHECK_FALSE(rig.core.next_step());
        changed.generation = 3;
        changed.spec.suspend = false;
        rig.add(changed, kNoon + 2h);
        rig.tick(kNoon + 2h + 1min);
        CHECK(rig.fired.empty());
        rig.tick(kNoon + 2h + 7min);
        CHECK(rig.fired.size() == 1);
    }
    SECTION("removed while a call runs") {
        rig.tick(kNoon + 10min);
        rig.core.remove("t");
        rig.end(rig.runs.front());
        rig.tick(kNoon + 20min);
        CHECK(rig.fired.size() == 1);
        CHECK(rig.core.size() == 0);
    }
}

TEST_CASE("timers: a claim that fails is tried again while it is worth it", "[trigger][unit]") {
    Rig rig;
    rig.add(timer("*/10 * * * *", within(60s)), kNoon);
    auto now = kNoon + 10min;
    auto effects = rig.core.step(now);
    REQUIRE(effects.claims.size() == 1);
    const auto claim = effects.claims.front();
    rig.core.claimed(claim, Error(Errc::no_space, "the disk is full"), now, effects);
    CHECK(effects.starts.empty());
    CHECK_THAT(rig.record().trouble, Catch::Contains("the disk is full"));
    CHECK(rig.core.step(now).claims.empty());
    SECTION("it works later") {
        rig.tick(now + 1s);
        CHECK(rig.fired == std::vector<Slot>{kNoon + 10min});
        CHECK(rig.record().trouble.empty());
    }
    SECTION("too late") {
        rig.tick(now + 61s);
        CHECK(rig.fired.empty());
        CHECK(rig.record().missed == 1);
    }
}

TEST_CASE("timers: a slot of another replica is not fired", "[trigger][unit]") {
    Rig rig;
    rig.add(timer("*/10 * * * *"), kNoon);
    rig.marks["t"] = (kNoon + 10min).time_since_epoch().count();
    rig.tick(kNoon + 10min);
    CHECK(rig.fired.empty());
    rig.tick(kNoon + 20min);
    CHECK(rig.fired == std::vector<Slot>{kNoon + 20min});
}

TEST_CASE("timers: what is remembered reads back", "[trigger][unit]") {
    TimerRecord record;
    record.slot = kNoon;
    record.generation = 7;
    record.last_fire = kNoon;
    record.last = TimerOutcome{false, 503, "no \"instance\"", 12};
    record.trouble = "late";
    record.fired = 5;
    record.failed = 2;
    record.succeeded = 3;
    record.missed = 9;
    record.left_out = 4;
    const auto back = timer_record(kNoon.time_since_epoch().count(), to_text(record));
    REQUIRE(back);
    CHECK(to_text(*back) == to_text(record));
    CHECK(back->slot == record.slot);
    CHECK(timer_record(5, "nonsense").has_error());
}

namespace {

/// Two replicas over one ledger, of which one leads at a time; everything that can go wrong does.
struct World {
    explicit World(unsigned seed) : random(seed) {}

    int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random); }

    void become_leader(Slot now) {
        core = std::make_unique<TimerCore>();
        pending.clear();
        for (const auto& definition : definitions) {
            std::optional<TimerRecord> kept;
            if (const auto row = ledger.find(definition.uid); row != ledger.end())
                kept = *timer_record(row->second.first, row->second.second);
            core->put(definition, kept, now);
        }
    }
    /// Claims are written, then fired; a crash may come before, between and after.
    void step(Slot now) {
        auto effects = core->step(now);
        const auto claims = effects.claims;
        for (const auto& claim : claims) {
            if (upto(30) == 0) {
                core->claimed(claim, Error(Errc::io, "disk"), now, effects);
                continue;
            }
            auto& row = ledger[claim.uid];
            const auto mark = claim.slot.time_since_epoch().count();
            const bool won = row.second.empty() || mark > row.first;
            if (won) row = {mark, to_text(*core->record(claim.uid))};
            if (upto(40) == 0) return become_leader(now);
            core->claimed(claim, won, now, effects);
        }
        for (const auto& start : effects.starts) {
            INFO(start.uid << " " << start.slot.time_since_epoch().count());
            REQUIRE(start.slot <= now);
            REQUIRE(fired[start.uid].insert(start.slot).second);
            pending.push_back(start.run);
        }
        while (!pending.empty() && upto(2) > 0) {
            core->finished(pending.back(), TimerOutcome{upto(4) > 0, 200, "", 1});
            pending.pop_back();
        }
    }

    std::mt19937 random;
    std::vector<TimerDefinition> definitions;
    std::unique_ptr<TimerCore> core;
    std::map<std::string, std::pair<std::int64_t, std::string>> ledger;
    std::map<std::string, std::set<Slot>> fired;
    std::vector<std::uint64_t> pending;
};

}  // namespace

TEST_CASE("timers: no slot twice, whatever crashes and however the clock jumps",
          "[trigger][unit]") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        World world(seed);
        const char* crons[] = {"* * * * * *", "*/7 * * * * *", "* * * * *", "@every 13s",
                               "30 2 * * *"};
        for (std::size_t i = 0; i < std::size(crons); ++i) {
            model::TimeTriggerSpec spec = within(world.upto(1) ? std::optional(60s) : std::nullopt);
            spec.concurrency = static_cast<model::TimeTriggerSpec::Concurrency>(world.upto(2));
            if (i == 4) spec.time_zone = "Europe/Berlin";
            world.definitions.push_back(timer(crons[i], spec, "t" + std::to_string(i)));
        }
        Slot now = kNoon;
        world.become_leader(now);
        for (int i = 0; i < 2000; ++i) {
            const int what = world.upto(100);
            if (what == 0)
                now += seconds(world.upto(7200));
            else if (what == 1)
                now -= seconds(world.upto(7200));
            else if (what == 2)
                world.become_leader(now);
            else
                now += seconds(world.upto(2));
            world.step(now);
        }
        // Left alone, every timer goes on once the clock is past what was fired.
        for (const auto& row : world.ledger) now = std::max(now, Slot(seconds(row.second.first)));
        world.become_leader(now);
        const auto before = world.fired["t0"].size();
        for (int i = 0; i < 15000; ++i) world.step(now += 1s);
        CHECK(world.fired["t0"].size() > before + 4000);
        CHECK(world.fired["t3"].size() > 100);
    }
}
