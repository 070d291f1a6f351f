#include "trigger/async_core.hpp"

#include <random>

#include "support/catch.hpp"

using namespace hearth;
using trigger::AsyncCore;
using trigger::PendingCall;
using trigger::UnixMs;

namespace {

PendingCall call_of(std::int64_t seq, const std::string& lane, UnixMs due = 0,
                    UnixMs expires = 1'000'000) {
    PendingCall call;
    call.seq = seq;
    call.id = std::to_string(seq);
    call.lane = lane;
    call.due = due;
    call.expires = expires;
    return call;
}

std::vector<std::int64_t> started(AsyncCore& core, UnixMs now, int limit = 1) {
    std::vector<std::int64_t> out;
    for (const auto& call : core.poll(now, [&](const std::string&) { return limit; }).start)
        out.push_back(call.seq);
    return out;
}

using Seqs = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("async core: lanes take turns, each within its limit", "[trigger][unit]") {
    AsyncCore core({.running = 3, .pending = 100});
    for (std::int64_t i = 1; i <= 5; ++i) core.add(call_of(i, "a"), 0);
    core.add(call_of(6, "b"), 0);
    core.add(call_of(7, "c"), 0);
    CHECK(started(core, 0, 2) == Seqs{1, 6, 7});
    CHECK(started(core, 0, 2).empty());
    core.finished(7);
    CHECK(started(core, 0, 2) == Seqs{2});
    core.finished(6);
    CHECK(started(core, 0, 2).empty());  // lane a is at its limit
    core.finished(1);
    CHECK(started(core, 0, 2) == Seqs{3});
    CHECK(core.running() == 2);
    CHECK(core.waiting() == 2);
}

TEST_CASE("async core: a delayed call starts at its time and not before", "[trigger][unit]") {
    AsyncCore core({});
    core.add(call_of(1, "a", 500), 100);
    CHECK(started(core, 100).empty());
    CHECK(core.next_wake() == 500);
    CHECK(started(core, 499).empty());
    CHECK(started(core, 500) == Seqs{1});
}

TEST_CASE("async core: a call too old to be begun is given up, wherever it waits",
          "[trigger][unit]") {
    AsyncCore core({});
    core.add(call_of(1, "a", 0, 100), 0);
    core.add(call_of(2, "a", 0, 100), 0);
    core.add(call_of(3, "b", 90, 100), 0);
    CHECK(started(core, 0) == Seqs{1});
    auto effects = core.poll(100, [](const std::string&) { return 1; });
    CHECK(effects.start.empty());
    REQUIRE(effects.expired.size() == 2);
    CHECK(effects.expired[0].seq == 2);
    CHECK(core.waiting() == 0);
    core.finished(1);
    CHECK(started(core, 100).empty());
}

TEST_CASE("async core: a dropped call is not made, and known calls are not added twice",
          "[trigger][unit]") {
    AsyncCore core({});
    core.add(call_of(1, "a"), 0);
    core.add(call_of(1, "a"), 0);
    core.add(call_of(2, "a", 50), 0);
    CHECK(core.drop(2));
    CHECK_FALSE(core.drop(2));
    CHECK(started(core, 100, 9) == Seqs{1});
    core.add(call_of(1, "a"), 0);
    CHECK(started(core, 100, 9).empty());
    CHECK_FALSE(core.drop(1));
    core.finished(1);
    core.add(call_of(1, "a", 200), 100);
    CHECK(started(core, 200, 9) == Seqs{1});
}

TEST_CASE("async core: it is full with what waits and runs", "[trigger][unit]") {
    AsyncCore core({.running = 1, .pending = 2});
    core.add(call_of(1, "a"), 0);
    CHECK_FALSE(core.full());
    core.add(call_of(2, "a"), 0);
    CHECK(core.full());
    started(core, 0);
    CHECK(core.full());
    core.finished(1);
    CHECK_FALSE(core.full());
}

TEST_CASE("async core: seeded worlds keep every promise", "[trigger][unit]") {
    for (std::uint32_t seed = 1; seed <= 30; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        const auto pick = [&](int most) {
            return static_cast<int>(random() % static_cast<unsigned>(most));
        };
        AsyncCore core({.running = 8, .pending = 10'000});
        std::map<std::string, int> limits = {{"a", 1}, {"b", 3}, {"c", 20}, {"d", 2}};
        std::map<std::int64_t, PendingCall> known;
        std::map<std::int64_t, PendingCall> running;
        std::set<std::int64_t> ended;
        std::int64_t seq = 0;
        UnixMs now = 1'000;
        for (int step = 0; step < 2'000 || !known.empty() || !running.empty(); ++step) {
            REQUIRE(step < 100'000);
            now += pick(20);
            if (step < 2'000 && pick(3) > 0) {
                auto call = call_of(++seq, std::string(1, static_cast<char>('a' + pick(4))),
                                    now + (pick(4) == 0 ? pick(200) : 0), now + 100 + pick(3'000));
                known[seq] = call;
                core.add(call, now);
            }
            if (!running.empty() && pick(2) == 0) {
                auto at = running.begin();
                std::advance(at, pick(static_cast<int>(running.size())));
                auto call = at->second;
                running.erase(at);
                core.finished(call.seq);
                if (pick(3) == 0 && now + 50 < call.expires) {
                    call.due = now + 50;
                    known[call.seq] = call;
                    core.add(call, now);
                } else {
                    ended.insert(call.seq);
                }
            }
            auto effects = core.poll(now, [&](const std::string& lane) { return limits.at(lane); });
            for (const auto& call : effects.start) {
                REQUIRE(known.erase(call.seq) == 1);
                REQUIRE(call.due <= now);
                REQUIRE(call.expires > now);
                running[call.seq] = call;
            }
            for (const auto& call : effects.expired) {
                REQUIRE(known.erase(call.seq) == 1);
                REQUIRE(call.expires <= now);
                ended.insert(call.seq);
            }
            std::map<std::string, int> per_lane;
            for (const auto& [id, call] : running) ++per_lane[call.lane];
            REQUIRE(running.size() <= 8);
            for (const auto& [lane, count] : per_lane) REQUIRE(count <= limits.at(lane));
            // Nothing that may run is left waiting.
            for (const auto& [id, call] : known)
                if (call.due <= now && running.size() < 8)
                    REQUIRE(per_lane[call.lane] >= limits.at(call.lane));
        }
        CHECK(ended.size() == static_cast<std::size_t>(seq));
        CHECK(core.waiting() == 0);
        CHECK(core.running() == 0);
    }
}
