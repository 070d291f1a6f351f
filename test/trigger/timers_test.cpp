#include "hearth/trigger/timers.hpp"

#include <boost/json.hpp>

#include <set>
#include <thread>

#include "catalog/mutations.hpp"
#include "support/catch.hpp"
#include "support/run_task.hpp"
#include "trigger/fake_deliverer.hpp"

using namespace hearth;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

struct Rig {
    Rig() { begin(); }
    ~Rig() { end(); }

    void begin() {
        timers = trigger::Timers::make(*catalog, *ledger, deliverer, shards, clock, log, metrics);
        timers->start();
    }
    void end(std::chrono::milliseconds patience = 5s) {
        if (timers) timers->stop(Deadline::after(patience));
        timers.reset();
    }
    void put(const std::string& spec, const std::string& name = "t") {
        auto written =
            test::write(*catalog, {test::put(name, spec, "default", model::Kind::time_trigger)});
        REQUIRE(written.has_value());
    }
    json::object status(const std::string& name = "t") {
        const auto record = catalog->find(model::Kind::time_trigger, "default", name);
        REQUIRE(record);
        return timers->status(*record->load());
    }
    std::multiset<std::string> slots() const {
        std::multiset<std::string> all;
        for (const auto& delivery : deliverer.all())
            all.insert(std::string(delivery.headers.find("X-Hearth-Slot").value_or("none")));
        return all;
    }

    base::SystemClock clock;
    telemetry::Logger log{telemetry::Level::error, telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    std::unique_ptr<catalog::TriggerLedger> ledger = catalog::make_memory_ledger();
    test::FakeDeliverer deliverer;
    aio::Shards shards{2};
    std::unique_ptr<trigger::Timers> timers;
};

bool unique(const std::multiset<std::string>& slots) {
    return std::set<std::string>(slots.begin(), slots.end()).size() == slots.size();
}

constexpr auto kEachSecond =
    R"({"cron":"* * * * * *","functionref":{"name":"f"},"subpath":"a","body":"b","method":"put"})";

}  // namespace

TEST_CASE("timers: a function is called each second, and told by whom", "[trigger]") {
    Rig rig;
    rig.put(kEachSecond);
    REQUIRE(rig.deliverer.wait_for_count(2));
    const auto call = rig.deliverer.all().front();
    CHECK(call.ns == "default");
    CHECK(call.function == "f");
    CHECK(call.method == "PUT");
    CHECK(call.target == "/a");
    CHECK(call.body == "b");
    CHECK(call.trigger == "TimeTrigger/default/t");
    CHECK(call.headers.find("X-Fission-Timer-Name") == "t");
    CHECK(call.headers.find("Content-Type") == "text/plain");
    CHECK(call.event.source == "/hearth/timetriggers/default/t");
    CHECK(call.event.type == "hearth.timer.fired");
    std::this_thread::sleep_for(100ms);
    const auto status = rig.status();
    CHECK(status.at("lastResult") == "Succeeded");
    CHECK(status.at("fired").to_number<int>() >= 2);
    CHECK(status.at("upcoming").as_array().size() == 5);
    CHECK(status.at("conditions").at(0).at("reason") == "CronRegistered");
    // There is no such function in this catalog.
    CHECK(status.at("conditions").at(1).at("reason") == "FunctionNotFound");
}

TEST_CASE("timers: a restart fires no slot twice and keeps what was counted", "[trigger]") {
    Rig rig;
    rig.deliverer.status_of = [](const trigger::Delivery&, std::size_t) { return 503; };
    rig.put(kEachSecond);
    REQUIRE(rig.deliverer.wait_for_count(1));
    for (int i = 0; i < 4; ++i) {
        rig.end();
        rig.begin();
        std::this_thread::sleep_for(400ms);
    }
    REQUIRE(rig.deliverer.wait_for_count(3));
    CHECK(unique(rig.slots()));
    std::this_thread::sleep_for(100ms);
    const auto status = rig.status();
    CHECK(status.at("fired").to_number<std::size_t>() == rig.deliverer.all().size());
    CHECK(status.at("lastResult") == "Failed");
    CHECK(status.at("lastError") == "the function answered 503");
}

TEST_CASE("timers: two replicas over one ledger fire a slot once", "[trigger]") {
    Rig rig;
    rig.put(kEachSecond);
    auto other = trigger::Timers::make(*rig.catalog, *rig.ledger, rig.deliverer, rig.shards,
                                       rig.clock, rig.log, rig.metrics);
    other->start();
    REQUIRE(rig.deliverer.wait_for_count(3));
    other->stop(Deadline::after(5s));
    CHECK(unique(rig.slots()));
}

TEST_CASE("timers: Replace ends the call before, a removed timer fires no more", "[trigger]") {
    Rig rig;
    rig.deliverer.takes = 60s;
    rig.put(R"({"cron":"* * * * * *","functionref":{"name":"f"},"concurrencyPolicy":"Replace"})");
    REQUIRE(rig.deliverer.wait_for_count(3));
    std::this_thread::sleep_for(700ms);
    const auto status = rig.status();
    CHECK(status.at("running").to_number<int>() == 1);
    CHECK(status.at("failed").to_number<int>() >= 2);
    CHECK_THAT(std::string(status.at("lastError").as_string()), Catch::Contains("Replace"));
    auto gone = test::drop("t");
    gone.resource.kind = model::Kind::time_trigger;
    REQUIRE(test::write(*rig.catalog, {gone}).has_value());
    std::this_thread::sleep_for(700ms);
    const auto before = rig.deliverer.all().size();
    std::this_thread::sleep_for(1500ms);
    CHECK(rig.deliverer.all().size() == before);
    CHECK(test::run_task(rig.ledger->load())->empty());
    const auto begun = std::chrono::steady_clock::now();
    rig.end(0ms);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
}
