#include "trigger/queue_core.hpp"

#include <map>
#include <random>

#include "support/catch.hpp"

using namespace hearth::trigger;
using namespace std::chrono_literals;

namespace {

using Time = QueueCore::Time;
using Next = Verdict::Next;
using Offsets = std::vector<std::int64_t>;

constexpr Time kStart{1h};

QueuePolicy with_error_topic(int retries) {
    QueuePolicy policy;
    policy.max_retries = retries;
    policy.has_error_topic = true;
    return policy;
}

}  // namespace

TEST_CASE("messages with the same key run one after another, others side by side") {
    QueueCore core{QueuePolicy{}};
    REQUIRE(core.add(10, 1));
    REQUIRE(core.add(11, 1));
    REQUIRE(core.add(12, 2));
    const auto first = core.start(kStart), second = core.start(kStart);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->offsets == Offsets{10});
    CHECK(second->offsets == Offsets{12});
    CHECK_FALSE(core.start(kStart));
    CHECK(core.called(first->id, CallOutcome::success, kStart, 0).next == Next::settled);
    const auto third = core.start(kStart);
    REQUIRE(third);
    CHECK(third->offsets == Offsets{11});
}

TEST_CASE("messages without a key wait for none") {
    QueueCore core{QueuePolicy{}};
    for (int i = 0; i < 3; ++i) core.add(i, 0);
    for (int i = 0; i < 3; ++i) REQUIRE(core.start(kStart));
    CHECK(core.under_way() == 3);
}

TEST_CASE("the position stays below what is not done") {
    QueueCore core{QueuePolicy{}};
    // Offsets have holes where a log was compacted.
    for (const std::int64_t offset : {5, 7, 9}) core.add(offset, 0);
    const auto a = core.start(kStart), b = core.start(kStart), c = core.start(kStart);
    core.called(c->id, CallOutcome::success, kStart, 0);
    CHECK_FALSE(core.position());
    core.called(a->id, CallOutcome::success, kStart, 0);
    CHECK(core.position() == 6);
    core.called(b->id, CallOutcome::success, kStart, 0);
    CHECK(core.position() == 10);
    CHECK(core.unfinished() == 0);
}

TEST_CASE("a message that comes twice is taken once") {
    QueueCore core{QueuePolicy{}};
    CHECK(core.add(3, 0));
    CHECK_FALSE(core.add(3, 0));
    CHECK_FALSE(core.add(2, 0));
    CHECK(core.unfinished() == 1);
}

TEST_CASE(
    "failed calls come again after growing pauses, then the message goes to the error topic") {
    QueueCore core{with_error_topic(2)};
    core.add(1, 7);
    core.add(2, 7);
    auto now = kStart;
    const auto unit = core.start(now);
    REQUIRE(unit);
    CHECK(unit->attempt == 1);
    CHECK(core.called(unit->id, CallOutcome::failed, now, 1).next == Next::again_later);
    CHECK(core.next_due() == now + 1s);
    CHECK_FALSE(core.start(now + 999ms));  // the one behind it waits too
    now += 1s;
    CHECK(core.start(now)->attempt == 2);
    CHECK(core.called(unit->id, CallOutcome::failed, now, 1).next == Next::again_later);
    CHECK(core.next_due() == now + 2s);
    now += 2s;
    CHECK(core.start(now)->attempt == 3);
    const auto verdict = core.called(unit->id, CallOutcome::failed, now, 1);
    CHECK(verdict.next == Next::publish_error);
    CHECK(verdict.unit.attempt == 3);
    CHECK_FALSE(core.position());
    CHECK_FALSE(core.start(now));
    CHECK(core.published(unit->id, PublishOutcome::done, now, 0).next == Next::settled);
    CHECK(core.position() == 2);
    CHECK(core.start(now)->offsets == Offsets{2});
}

TEST_CASE("an error topic that is down holds the message, however long") {
    QueueCore core{with_error_topic(0)};
    core.add(1, 1);
    auto now = kStart;
    const auto unit = core.start(now);
    core.called(unit->id, CallOutcome::failed, now, 0);
    for (int i = 0; i < 20; ++i) {
        const auto outcome = i % 2 == 0 ? PublishOutcome::failed : PublishOutcome::refused;
        REQUIRE(core.published(unit->id, outcome, now, 1).next == Next::publish_later);
        CHECK_FALSE(core.position());
        const auto due = core.next_due();
        REQUIRE(due);
        CHECK(*due - now <= 60s);
        CHECK(core.publications_due(*due - 1ms).empty());
        now = *due;
        REQUIRE(core.publications_due(now).size() == 1);
    }
    CHECK(core.published(unit->id, PublishOutcome::done, now, 0).next == Next::settled);
    CHECK(core.position() == 2);
}

TEST_CASE("a call that the platform could not make is not counted as a try") {
    QueueCore core{with_error_topic(0)};
    core.add(1, 1);
    auto now = kStart;
    for (int i = 0; i < 10; ++i) {
        const auto unit = core.start(now);
        REQUIRE(unit);
        CHECK(unit->attempt == 1);
        REQUIRE(core.called(unit->id, CallOutcome::withheld, now, 1).next == Next::again_later);
        now = *core.next_due();
    }
    const auto unit = core.start(now);
    CHECK(core.called(unit->id, CallOutcome::success, now, 0).next == Next::settled);
}

TEST_CASE("without an error topic a message that failed for good is dropped and the rest goes on") {
    QueueCore core{QueuePolicy{}};
    core.add(1, 1);
    const auto unit = core.start(kStart);
    CHECK(core.called(unit->id, CallOutcome::failed, kStart, 0).next == Next::dropped);
    CHECK(core.position() == 2);
}

TEST_CASE(
    "an answer is published before its message is done; one that no topic takes is a failure") {
    auto policy = with_error_topic(0);
    policy.respond = true;
    QueueCore core{policy};
    core.add(1, 1);
    core.add(2, 1);
    const auto first = core.start(kStart);
    CHECK(core.called(first->id, CallOutcome::success, kStart, 0).next == Next::publish_response);
    CHECK_FALSE(core.position());
    CHECK(core.published(first->id, PublishOutcome::done, kStart, 0).next == Next::settled);
    const auto second = core.start(kStart);
    core.called(second->id, CallOutcome::success, kStart, 0);
    CHECK(core.published(second->id, PublishOutcome::refused, kStart, 0).next ==
          Next::publish_error);
    CHECK(core.published(second->id, PublishOutcome::done, kStart, 0).next == Next::settled);
    CHECK(core.position() == 3);
}

TEST_CASE("a batch takes what waits, and fails and succeeds as one") {
    auto policy = with_error_topic(1);
    policy.batch = 3;
    QueueCore core{policy};
    for (int i = 1; i <= 5; ++i) core.add(i, 1);
    auto unit = core.start(kStart);
    CHECK(unit->offsets == Offsets{1, 2, 3});
    CHECK_FALSE(core.start(kStart));
    core.called(unit->id, CallOutcome::failed, kStart, 1);
    unit = core.start(kStart + 1s);
    CHECK(unit->offsets == Offsets{1, 2, 3});
    core.called(unit->id, CallOutcome::success, kStart + 1s, 0);
    CHECK(core.position() == 4);
    CHECK(core.start(kStart + 1s)->offsets == Offsets{4, 5});
}

TEST_CASE("a full partition says so, and is roomy again at half") {
    QueuePolicy policy;
    policy.window = 4;
    QueueCore core{policy};
    for (int i = 0; i < 4; ++i) core.add(i, 0);
    CHECK(core.full());
    CHECK_FALSE(core.roomy());
    for (int i = 0; i < 2; ++i) {
        const auto unit = core.start(kStart);
        core.called(unit->id, CallOutcome::success, kStart, 0);
    }
    CHECK(core.roomy());
}

TEST_CASE("ends of units that are not known any more are stale") {
    QueueCore core{QueuePolicy{}};
    core.add(1, 0);
    const auto unit = core.start(kStart);
    CHECK(core.published(unit->id, PublishOutcome::done, kStart, 0).next == Next::stale);
    core.called(unit->id, CallOutcome::success, kStart, 0);
    CHECK(core.called(unit->id, CallOutcome::success, kStart, 0).next == Next::stale);
    CHECK(core.called(99, CallOutcome::success, kStart, 0).next == Next::stale);
}

// Whatever fails in whatever order: each message ends once, keys keep their order, nothing below
// the position is open.
TEST_CASE("no order of ends loses a message or runs a key out of order") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        std::mt19937 random(seed);
        const auto one_of = [&](unsigned n) { return static_cast<int>(random() % n); };
        auto policy = with_error_topic(one_of(3));
        policy.batch = static_cast<std::size_t>(1 + one_of(4));
        policy.respond = one_of(2) == 0;
        policy.window = 32;
        QueueCore core{policy};
        constexpr int kMessages = 200;
        std::map<std::int64_t, std::uint64_t> lanes;
        std::map<std::uint64_t, std::int64_t> last_ended;
        std::map<std::int64_t, int> ended;
        std::vector<std::pair<std::uint64_t, bool>> open;  // unit, whether a publication
        std::int64_t next = 0;
        auto now = kStart;
        const auto note = [&](const Verdict& verdict) {
            if (verdict.next == Next::publish_response || verdict.next == Next::publish_error)
                open.emplace_back(verdict.unit.id, true);
            if (verdict.next != Next::settled && verdict.next != Next::dropped) return;
            for (const auto offset : verdict.unit.offsets) {
                ++ended[offset];
                const auto lane = lanes.at(offset);
                if (lane == 0) continue;
                if (last_ended.contains(lane)) REQUIRE(last_ended[lane] < offset);
                last_ended[lane] = offset;
            }
        };
        while (ended.size() < kMessages) {
            now += std::chrono::milliseconds(one_of(500));
            while (next < kMessages && !core.full() && one_of(3) != 0) {
                lanes[next] = static_cast<std::uint64_t>(one_of(4));
                core.add(next, lanes[next]);
                ++next;
            }
            if (one_of(2) == 0) {
                if (const auto unit = core.start(now)) open.emplace_back(unit->id, false);
            }
            for (const auto& verdict : core.publications_due(now)) note(verdict);
            if (!open.empty() && one_of(2) == 0) {
                const auto at = open.begin() + one_of(static_cast<unsigned>(open.size()));
                const auto [unit, publication] = *at;
                open.erase(at);
                note(publication
                         ? core.published(unit, static_cast<PublishOutcome>(one_of(3)), now, 0.5)
                         : core.called(unit, static_cast<CallOutcome>(one_of(3)), now, 0.5));
            }
            if (const auto position = core.position()) {
                for (std::int64_t i = 0; i < *position; ++i) REQUIRE(ended[i] == 1);
            }
        }
        CHECK(core.position() == kMessages);
        for (const auto& [offset, times] : ended) CHECK(times == 1);
    }
}
