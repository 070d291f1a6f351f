#include "kube/lease_core.hpp"

#include <random>

#include "support/catch.hpp"

using namespace hearth;
using namespace std::chrono_literals;
using kube::LeaseCore;
using kube::LeaseRecord;
using Do = LeaseCore::Next::Do;

namespace {

LeaseCore core_of(const std::string& identity) {
    return LeaseCore(identity, 15'000ms, 10'000ms, 2'000ms);
}

LeaseRecord record_of(const std::string& holder, const std::string& version) {
    LeaseRecord record;
    record.holder = holder;
    record.resource_version = version;
    record.duration = 15s;
    return record;
}

constexpr base::SteadyTime kStart{1h};

}  // namespace

TEST_CASE("lease core: nobody has it", "[kube]") {
    auto core = core_of("me");
    CHECK(core.next(kStart).what == Do::read);
    core.was_read(std::nullopt, kStart);
    const auto write = core.next(kStart);
    CHECK(write.what == Do::write);
    CHECK(write.record.resource_version.empty());
    CHECK_FALSE(core.held(kStart));
    core.was_written(record_of("me", "1"), kStart, kStart + 500ms);
    CHECK(core.held(kStart + 500ms));
    CHECK(core.holder(kStart + 1s) == "me");
    // Counted from before the write was sent.
    CHECK(core.held_until() == kStart + 10s);
    CHECK(core.next(kStart + 500ms).at == kStart + 2s);
    const auto renewal = core.next(kStart + 2s);
    CHECK(renewal.what == Do::write);
    CHECK(renewal.record.resource_version == "1");
}

TEST_CASE("lease core: another's is taken only after it was not renewed for its whole time",
          "[kube]") {
    auto core = core_of("me");
    core.was_read(record_of("you", "1"), kStart);
    CHECK(core.holder(kStart) == "you");
    auto now = kStart;
    while (true) {
        const auto next = core.next(now);
        if (next.what == Do::write) break;
        if (next.what == Do::wait) {
            now = next.at;
            continue;
        }
        core.was_read(record_of("you", "1"), now);
    }
    CHECK(now == kStart + 15s);
    const auto write = core.next(now);
    CHECK(write.record.transitions == 1);
    CHECK(write.record.resource_version == "1");
}

TEST_CASE("lease core: a renewal, and a longer time that its holder asks for", "[kube]") {
    auto core = core_of("me");
    core.was_read(record_of("you", "1"), kStart);
    core.was_read(record_of("you", "2"), kStart + 14s);
    core.was_read(record_of("you", "2"), kStart + 28s);
    CHECK(core.next(kStart + 28s).what == Do::wait);
    auto longer = record_of("you", "3");
    longer.duration = 60s;
    core.was_read(longer, kStart + 30s);
    core.was_read(longer, kStart + 80s);
    CHECK(core.next(kStart + 80s).what == Do::wait);
}

TEST_CASE("lease core: given back, it is taken at once", "[kube]") {
    auto core = core_of("me");
    core.was_read(record_of("you", "1"), kStart);
    const auto look = core.next(kStart);
    CHECK(look.what == Do::wait);
    CHECK(look.at <= kStart + 2s);
    core.was_read(record_of("", "2"), look.at);
    CHECK(core.next(look.at).what == Do::write);
}

TEST_CASE("lease core: a lease that is deleted under its holder is not free yet", "[kube]") {
    auto core = core_of("me");
    core.was_read(record_of("you", "1"), kStart);
    core.was_read(std::nullopt, kStart + 2s);
    CHECK(core.next(kStart + 2s).what == Do::wait);
    core.was_read(std::nullopt, kStart + 15s);
    const auto write = core.next(kStart + 15s);
    CHECK(write.what == Do::write);
    CHECK(write.record.resource_version.empty());
}

TEST_CASE("lease core: a renewal that nobody knows the end of", "[kube]") {
    auto core = core_of("me");
    core.was_read(std::nullopt, kStart);
    core.was_written(record_of("me", "1"), kStart, kStart);
    core.write_failed(false, kStart + 6s);
    CHECK(core.held(kStart + 9s));
    CHECK_FALSE(core.held(kStart + 10s));
    CHECK(core.next(kStart + 7s).what == Do::read);
    // It was carried out: the lease is still the own one, to be renewed upon what is there now.
    core.was_read(record_of("me", "2"), kStart + 7s);
    CHECK(core.next(kStart + 7s).record.resource_version == "2");
    CHECK(core.held_until() == kStart + 10s);
}

TEST_CASE("lease core: taken by another, nothing is held from that moment", "[kube]") {
    auto core = core_of("me");
    core.was_read(std::nullopt, kStart);
    core.was_written(record_of("me", "1"), kStart, kStart);
    core.write_failed(true, kStart + 2s);
    CHECK(core.next(kStart + 2s).what == Do::read);
    core.was_read(record_of("you", "5"), kStart + 2s);
    CHECK_FALSE(core.held(kStart + 2s));
    CHECK(core.holder(kStart + 2s) == "you");
}

TEST_CASE("lease core: who comes back under his own name has it at once", "[kube]") {
    auto core = core_of("me");
    core.was_read(record_of("me", "7"), kStart);
    CHECK(core.next(kStart).what == Do::write);
}

namespace {

/// The API server's side: one record, bound by its version.
struct Server {
    std::optional<LeaseRecord> record;
    int version = 0;

    bool write(LeaseRecord wanted) {
        const std::string present = record ? record->resource_version : "";
        if (wanted.resource_version != present) return false;
        wanted.resource_version = std::to_string(++version);
        record = std::move(wanted);
        return true;
    }
};

/// A contender whose clock runs at its own rate from its own zero, and whose requests take their
/// time or get lost.
struct Contender {
    LeaseCore core;
    double rate = 1;
    base::SteadyTime zero{};
    base::SteadyTime::duration busy_until{0};  // in true time
    struct Flight {
        bool is_write = false, lost_answer = false, lost_request = false;
        LeaseRecord record;
        base::SteadyTime began{};
        base::SteadyTime::duration reaches{0};
        bool arrived = false, ok = false;
        std::optional<LeaseRecord> answer;
    };
    std::optional<Flight> flight;

    base::SteadyTime own(base::SteadyTime::duration real) const {
        return zero + std::chrono::duration_cast<base::SteadyTime::duration>(real * rate);
    }
};

void begin_step(Contender& one, base::SteadyTime::duration real, std::mt19937_64& random,
                bool outage) {
    const auto now = one.own(real);
    const auto next = one.core.next(now);
    if (next.what == Do::wait) return;
    Contender::Flight flight;
    flight.is_write = next.what == Do::write;
    flight.record = next.record;
    flight.began = now;
    const auto delay = std::chrono::milliseconds(5 + random() % 50);
    const auto slow = random() % 20 == 0 ? std::chrono::milliseconds(random() % 3000) : 0ms;
    flight.reaches = real + delay + slow;
    one.busy_until = flight.reaches + delay;
    flight.lost_request = outage || random() % 30 == 0;
    flight.lost_answer = random() % 30 == 0;
    one.flight = flight;
}

void end_step(Contender& one, base::SteadyTime::duration real) {
    auto flight = *std::exchange(one.flight, std::nullopt);
    const auto now = one.own(real);
    if (flight.lost_request || flight.lost_answer) {
        flight.is_write ? one.core.write_failed(false, now) : one.core.read_failed(now);
    } else if (!flight.is_write) {
        one.core.was_read(flight.answer, now);
    } else if (flight.ok) {
        one.core.was_written(*flight.answer, flight.began, now);
    } else {
        one.core.write_failed(true, now);
    }
}

/// What is under way goes on though its sender is frozen.
void arrive(Contender& one, Server& server, base::SteadyTime::duration real) {
    if (!one.flight || one.flight->arrived || real < one.flight->reaches) return;
    auto& flight = *one.flight;
    flight.arrived = true;
    if (flight.lost_request) return;
    if (flight.is_write) flight.ok = server.write(flight.record);
    flight.answer = server.record;
}

void run_step(Contender& one, base::SteadyTime::duration real, std::mt19937_64& random,
              bool outage) {
    if (!one.flight) begin_step(one, real, random, outage);
    if (one.flight && one.flight->arrived && real >= one.busy_until) end_step(one, real);
}

}  // namespace

TEST_CASE("lease core: two never hold it at a time, whatever their clocks and the network do",
          "[kube]") {
    int handovers = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        std::mt19937_64 random(seed);
        Server server;
        std::vector<Contender> all;
        for (const auto* name : {"a", "b", "c"}) {
            Contender one{
                core_of(name), 0.84 + 0.01 * static_cast<double>(random() % 33), {}, {}, {}};
            one.zero = base::SteadyTime(std::chrono::hours(random() % 1000));
            all.push_back(std::move(one));
        }
        std::size_t frozen = all.size();
        base::SteadyTime::duration thaw{0}, outage_end{0}, last_held{0};
        std::size_t last_holder = all.size();
        for (base::SteadyTime::duration real{0}; real < 10min; real += 20ms) {
            if (random() % 1500 == 0 && frozen == all.size()) {
                frozen = random() % all.size();
                thaw = real + std::chrono::seconds(random() % 40);
            }
            if (real >= thaw) frozen = all.size();
            if (random() % 4500 == 0) outage_end = real + std::chrono::seconds(random() % 40);
            std::size_t holders = 0;
            for (std::size_t i = 0; i < all.size(); ++i) {
                arrive(all[i], server, real);
                if (i != frozen) run_step(all[i], real, random, real < outage_end);
                if (!all[i].core.held(all[i].own(real))) continue;
                ++holders;
                last_held = real;
                if (last_holder != i) ++handovers;
                last_holder = i;
            }
            if (holders > 1) FAIL("two holders with seed " << seed);
            // Nobody for long only while somebody is frozen or the server is away.
            if (real < outage_end || frozen != all.size()) last_held = std::max(last_held, real);
            if (real - last_held > 40s) FAIL("nobody holds it with seed " << seed);
        }
    }
    CHECK(handovers > 80);
}

TEST_CASE("lease core: a dead holder is succeeded within 17 seconds", "[kube]") {
    for (int phase = 0; phase < 2000; phase += 50) {
        auto dead = core_of("dead"), heir = core_of("heir");
        Server server;
        dead.was_read(std::nullopt, kStart);
        auto now = kStart;
        auto last_renewal = kStart;
        // The holder renews; the heir looks, each at its own times, until the holder dies.
        const auto death = kStart + 60s + std::chrono::milliseconds(phase);
        while (!heir.held(now)) {
            for (auto* one : {&dead, &heir}) {
                if (one == &dead && now >= death) continue;
                const auto next = one->next(now);
                if (next.what == Do::read) one->was_read(server.record, now);
                if (next.what != Do::write) continue;
                REQUIRE(server.write(next.record));
                one->was_written(*server.record, now, now);
                if (one == &dead) last_renewal = now;
            }
            now += 10ms;
            REQUIRE(now < death + 20s);
        }
        CHECK(now - death <= 17s);
        CHECK(now - last_renewal >= 15s);
    }
}

TEST_CASE("lease record: to and from the API's form", "[kube]") {
    auto record = record_of("me", "5");
    record.transitions = 3;
    record.acquire_time = "2026-01-31T11:00:00.000000Z";
    const auto object = kube::lease_object(record, "ns", "leader", "2026-01-31T12:00:00.000001Z");
    const auto& spec = object.at("spec").as_object();
    CHECK(spec.at("holderIdentity") == "me");
    CHECK(spec.at("leaseDurationSeconds") == 15);
    CHECK(spec.at("renewTime") == "2026-01-31T12:00:00.000001Z");
    CHECK(spec.at("acquireTime") == "2026-01-31T11:00:00.000000Z");
    const auto read = kube::lease_of(object);
    REQUIRE(read);
    CHECK(read->holder == "me");
    CHECK(read->resource_version == "5");
    CHECK(read->duration == 15s);
    CHECK(read->transitions == 3);
    CHECK(kube::micro_time(base::WallTime(1769860800000007us)) == "2026-01-31T12:00:00.000007Z");
}
