#include "hearth/model/schedule.hpp"

#include <array>
#include <random>
#include <set>

#include "hearth/base/clock.hpp"
#include "hearth/base/time_text.hpp"
#include "model/cron_fields.hpp"
#include "model/time_zone.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
using namespace std::chrono_literals;
using std::chrono::seconds;

namespace {

Slot at(std::string_view text) {
    const auto time = base::parse_rfc3339(text);
    REQUIRE(time);
    return std::chrono::floor<seconds>(*time);
}

std::string text(Slot slot) {
    return base::to_rfc3339(slot).substr(0, 19);
}

Schedule schedule(std::string_view cron, std::string_view zone = {}) {
    auto parsed = Schedule::parse(cron, zone);
    INFO(cron << " " << zone << ": " << (parsed ? "" : parsed.error().message));
    REQUIRE(parsed);
    return *parsed;
}

/// The slots after `from` up to `to` in UTC.
std::vector<std::string> slots(std::string_view cron, std::string_view zone, std::string_view from,
                               std::string_view to) {
    const auto parsed = schedule(cron, zone);
    std::vector<std::string> out;
    for (auto slot = parsed.next(at(from), Slot()); slot && *slot <= at(to);
         slot = parsed.next(*slot, Slot()))
        out.push_back(text(*slot));
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("schedules: fields, names, descriptors", "[model][unit]") {
    struct Row {
        std::string_view cron, after, next;
    };
    constexpr Row kRows[] = {
        {"*/5 * * * *", "2027-01-31T12:00:00Z", "2027-01-31T12:05:00"},
        {"*/20 * * * * *", "2027-01-31T12:00:00Z", "2027-01-31T12:00:20"},
        {"0 0 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00"},
        {"0 0 31 * *", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00"},
        {"30 8 * * mon-FRI", "2027-01-29T09:00:00Z", "2027-02-01T08:30:00"},
        {"0 0 * JAN,jul 7", "2027-02-01T00:00:00Z", "2027-07-04T00:00:00"},
        {"0 12 13 * 5", "2027-01-01T12:00:00Z", "2027-01-08T12:00:00"},
        {"0 12 13 * ?", "2027-01-01T12:00:00Z", "2027-01-13T12:00:00"},
        {"0 12 */2 * 1", "2027-01-01T12:00:00Z", "2027-01-03T12:00:00"},
        {"5/20 10 * * *", "2027-01-01T10:25:00Z", "2027-01-01T10:45:00"},
        {"@hourly", "2027-01-01T10:25:00Z", "2027-01-01T11:00:00"},
        {"@weekly", "2027-01-01T10:25:00Z", "2027-01-03T00:00:00"},
        {"@annually", "2027-01-01T10:25:00Z", "2028-01-01T00:00:00"},
        {"CRON_TZ=Asia/Tokyo 0 9 * * *", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00"},
        {"  TZ=Asia/Kolkata 30 5 * * *", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00"},
    };
    for (const auto& row : kRows) {
        INFO(row.cron);
        const auto next = schedule(row.cron).next(at(row.after), Slot());
        REQUIRE(next);
        CHECK(text(*next) == row.next);
    }
}

TEST_CASE("schedules: @every counts from its anchor", "[model][unit]") {
    const auto every = schedule("@every 1m30s");
    const Slot anchor = at("2027-01-01T00:00:07Z");
    CHECK(every.counts_from_anchor());
    CHECK(text(*every.next(anchor, anchor)) == "2027-01-01T00:01:37");
    CHECK(text(*every.next(anchor + 90s, anchor)) == "2027-01-01T00:03:07");
    CHECK(text(*every.next(anchor + 89s, anchor)) == "2027-01-01T00:01:37");
    CHECK(text(*every.next(anchor - 1h, anchor)) == "2027-01-01T00:01:37");
}

TEST_CASE("schedules: what is wrong is said, field by field", "[model][unit]") {
    struct Row {
        std::string_view cron, zone, says;
    };
    constexpr Row kRows[] = {
        {"60 * * * *", "", "minute: 60 is not within 0 to 59"},
        {"* * 0 * *", "", "day of month: 0 is not within 1 to 31"},
        {"* * * * 8", "", "day of week: 8 is not within 0 to 7"},
        {"5-1 * * * *", "", "minute: the range 5-1 begins after its end"},
        {"*/0 * * * *", "", "needs a step of 1 or more"},
        {"* * * foo *", "", "month: \"foo\" is no value of it"},
        {"-1 * * * *", "", "minute: \"\" is no value of it"},
        {"1,,2 * * * *", "", "minute: \"\" is no value of it"},
        {"* * *", "", "has 3 fields"},
        {"* * * * * * *", "", "has 7 fields"},
        {"", "", "is empty"},
        {"@fortnightly", "", "@fortnightly is not known"},
        {"@every 500ms", "", "whole seconds"},
        {"@every soon", "", "soon"},
        {"0 0 30 2 *", "", "never comes"},
        {"* * * * *", "Mars/Olympus", "there is no time zone \"Mars/Olympus\""},
        {"* * * * *", "../../etc/passwd", "there is no time zone"},
        {"CRON_TZ=Asia/Tokyo * * * * *", "Europe/Berlin", "but timeZone is Europe/Berlin"},
        {"CRON_TZ= * * * * *", "", "is without a time zone"},
    };
    for (const auto& row : kRows) {
        INFO(row.cron);
        const auto parsed = Schedule::parse(row.cron, row.zone);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code == Errc::invalid_argument);
        CHECK_THAT(parsed.error().message, Catch::Contains(std::string(row.says)));
    }
}

TEST_CASE("schedules: clocks put forward and back, in two zones", "[model][unit]") {
    SECTION("Berlin, forward: 2:00 becomes 3:00 at 01:00 UTC") {
        const auto* from = "2027-03-27T23:30:00Z";
        const auto* to = "2027-03-28T04:30:00Z";
        CHECK(slots("30 2 * * *", "Europe/Berlin", from, to) == Texts{"2027-03-28T01:00:00"});
        CHECK(slots("*/15 2 * * *", "Europe/Berlin", from, to) == Texts{"2027-03-28T01:00:00"});
        CHECK(slots("0 1-4 * * *", "Europe/Berlin", from, to) ==
              Texts{"2027-03-28T00:00:00", "2027-03-28T01:00:00", "2027-03-28T02:00:00"});
        CHECK(slots("30 * * * *", "Europe/Berlin", from, to) ==
              Texts{"2027-03-28T00:30:00", "2027-03-28T01:30:00", "2027-03-28T02:30:00",
                    "2027-03-28T03:30:00", "2027-03-28T04:30:00"});
    }
    SECTION("Berlin, back: 3:00 becomes 2:00 at 01:00 UTC") {
        const auto* from = "2027-10-30T23:10:00Z";
        const auto* to = "2027-10-31T02:50:00Z";
        CHECK(slots("30 2 * * *", "Europe/Berlin", from, to) == Texts{"2027-10-31T00:30:00"});
        CHECK(slots("30 * * * *", "Europe/Berlin", from, to) ==
              Texts{"2027-10-30T23:30:00", "2027-10-31T00:30:00", "2027-10-31T01:30:00",
                    "2027-10-31T02:30:00"});
        CHECK(slots("0 3 * * *", "Europe/Berlin", from, to) == Texts{"2027-10-31T02:00:00"});
    }
    SECTION("New York, forward: 2:00 becomes 3:00 at 07:00 UTC") {
        const auto* from = "2027-03-14T06:00:00Z";
        const auto* to = "2027-03-14T08:00:00Z";
        CHECK(slots("15 2 * * *", "America/New_York", from, to) == Texts{"2027-03-14T07:00:00"});
        CHECK(slots("15 * * * *", "America/New_York", from, to) ==
              Texts{"2027-03-14T06:15:00", "2027-03-14T07:15:00"});
    }
    SECTION("New York, back: 2:00 becomes 1:00 at 06:00 UTC") {
        const auto* from = "2027-11-07T04:30:00Z";
        const auto* to = "2027-11-07T07:00:00Z";
        CHECK(slots("30 1 * * *", "America/New_York", from, to) == Texts{"2027-11-07T05:30:00"});
        CHECK(slots("30 * * * *", "America/New_York", from, to) ==
              Texts{"2027-11-07T05:30:00", "2027-11-07T06:30:00"});
    }
    SECTION("a day that a country left out") {
        const auto each_hour = schedule("0 * 30 12 *", "Pacific/Apia");
        CHECK(text(*each_hour.next(at("2011-12-29T00:00:00Z"), Slot())) == "2012-12-29T10:00:00");
        CHECK(slots("0 9 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z",
                    "2012-01-02T00:00:00Z") == Texts{"2011-12-30T10:00:00"});
    }
}

namespace {

/// All instants of some days at which a schedule is due, found by looking at every minute.
std::set<Slot> by_looking(const CronFields& fields, const TimeZone& zone, Slot from, Slot to) {
    std::set<Slot> due;
    const auto matches = [&](Slot wall) { return fields.next(wall - seconds(1)) == wall; };
    for (Slot time = from + 1min; time <= to; time += 1min) {
        const auto offset = zone.at(time).offset;
        const auto before = zone.at(time - 1min).offset;
        const Slot wall = time + offset;
        if (fields.every_hour()) {
            if (matches(wall)) due.insert(time);
            continue;
        }
        // What the clocks jump over comes when they jump; what they show again has come.
        bool here = false;
        for (Slot over = time + before; over <= wall; over += 1min) here = here || matches(over);
        bool shown = false;
        for (Slot earlier = time - 3h; earlier < time; earlier += 1min)
            shown = shown || earlier + zone.at(earlier).offset == wall;
        const bool jump = offset > before;
        if ((jump && here) || (!jump && matches(wall) && !shown)) due.insert(time);
    }
    return due;
}

}  // namespace

TEST_CASE("schedules: as found by looking at every minute around changes of clocks",
          "[model][unit]") {
    struct Place {
        std::string zone;
        std::string_view from, to;
    };
    const Place places[] = {
        {"Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"},
        {"Europe/Berlin", "2027-10-30T12:00:00Z", "2027-10-31T12:00:00Z"},
        {"America/New_York", "2027-03-13T18:00:00Z", "2027-03-14T18:00:00Z"},
        {"America/New_York", "2027-11-06T18:00:00Z", "2027-11-07T18:00:00Z"},
        {"Australia/Lord_Howe", "2027-04-03T06:00:00Z", "2027-04-04T06:00:00Z"},
        {"Australia/Lord_Howe", "2027-10-02T06:00:00Z", "2027-10-03T06:00:00Z"},
    };
    std::mt19937 random(7);
    const auto number = [&](int from, int to) {
        return std::to_string(std::uniform_int_distribution<int>(from, to)(random));
    };
    for (int round = 0; round < 60; ++round) {
        const auto& place = places[static_cast<std::size_t>(round) % std::size(places)];
        const std::string minute = round % 3 == 0 ? "*/" + number(7, 40) : number(0, 59);
        const std::string hour = round % 4 == 0   ? "*"
                                 : round % 4 == 1 ? number(0, 3)
                                 : round % 4 == 2 ? number(0, 1) + "-" + number(2, 4)
                                                  : "*/" + number(2, 5);
        const std::string cron = minute + " " + hour + " * * *";
        INFO(cron << " in " << place.zone << " from " << place.from);
        const auto zone = TimeZone::find(place.zone);
        REQUIRE(zone);
        const auto wanted =
            by_looking(*CronFields::parse(cron), **zone, at(place.from), at(place.to));
        std::set<Slot> found;
        const auto parsed = schedule(cron, place.zone);
        for (auto slot = parsed.next(at(place.from), Slot()); slot && *slot <= at(place.to);
             slot = parsed.next(*slot, Slot()))
            found.insert(*slot);
        CHECK(found == wanted);
    }
}

TEST_CASE("schedules: what is due, and how much of it", "[model][unit]") {
    const Slot now = at("2027-06-01T12:00:00Z");
    const auto minutely = schedule("* * * * *");
    const auto few = minutely.due(now - 10min, now, Slot());
    CHECK(few.newest == now);
    CHECK(few.count == 10);
    CHECK_FALSE(minutely.due(now, now + 59s, Slot()).newest);
    SECTION("years of seconds cost next to nothing") {
        const auto many = schedule("* * * * * *").due(now - 24h * 3650, now, Slot());
        CHECK(many.newest == now);
        CHECK(many.count == Schedule::kCountLimit);
    }
    SECTION("a dense stretch long ago") {
        const auto dense = schedule("* * 3 1 1 *").due(now - 24h * 3650, now, Slot());
        CHECK(text(*dense.newest) == "2027-01-01T03:59:59");
    }
}
