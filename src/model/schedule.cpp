#include "hearth/model/schedule.hpp"

#include <fmt/format.h>

#include <string>

#include "hearth/base/quantity.hpp"
#include "model/cron_fields.hpp"
#include "model/time_zone.hpp"

namespace hearth::model {

using std::chrono::seconds;

struct Schedule::Plan {
    seconds interval{0};  ///< of @every; 0: `fields` count
    CronFields fields;
    std::shared_ptr<const TimeZone> zone;  ///< null: UTC
};

namespace {

/// Further than any change of clocks reaches.
constexpr std::chrono::hours kAround{26};
constexpr std::chrono::days kFarthest{9 * 366};
constexpr std::int64_t kLongestMs = std::int64_t{10} * 366 * 24 * 3600 * 1000;

Error wrong(std::string why) {
    return Error(Errc::invalid_argument, std::move(why));
}

struct Descriptor {
    std::string_view word, fields;
};
constexpr Descriptor kDescriptors[] = {
    {"@yearly", "0 0 0 1 1 *"}, {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 0"}, {"@daily", "0 0 0 * * *"},    {"@midnight", "0 0 0 * * *"},
    {"@hourly", "0 0 * * * *"},
};

Result<seconds> interval_of(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    const auto ms = base::parse_duration_ms(text);
    if (!ms) return ms.error();
    if (*ms < 1000 || *ms % 1000 != 0 || *ms > kLongestMs) {
        return wrong(
            fmt::format("@every takes whole seconds, from 1s to ten years; it is \"{}\"", text));
    }
    return seconds(*ms / 1000);
}

Result<CronFields> fields_of(std::string_view text) {
    if (!text.starts_with('@')) return CronFields::parse(text);
    for (const auto& descriptor : kDescriptors) {
        if (descriptor.word == text) return CronFields::parse(descriptor.fields);
    }
    return wrong(
        fmt::format("{} is not known; known are @yearly, @annually, @monthly, @weekly, "
                    "@daily, @midnight, @hourly and @every 90s",
                    text));
}

/// The instant of a time on the zone's clocks; the first of two, or where clocks are put forward
/// over it.
Slot instant_of(const TimeZone& zone, WallSeconds wall) {
    for (auto period = zone.at(wall - kAround);; period = zone.at(period.end)) {
        const Slot instant = wall - period.offset;
        if (instant < period.begin) return period.begin;
        if (instant < period.end) return instant;
    }
}

/// Each hour that passes.
std::optional<Slot> next_of_each_hour(const CronFields& fields, const TimeZone& zone, Slot after) {
    for (auto period = zone.at(after); period.begin <= after + kFarthest;
         period = zone.at(period.end)) {
        const auto from = after < period.begin ? period.begin - seconds(1) : after;
        const auto wall = fields.next(from + period.offset);
        if (!wall) break;
        if (*wall - period.offset < period.end) return *wall - period.offset;
    }
    return std::nullopt;
}

std::optional<Slot> next_of_named_hours(const CronFields& fields, const TimeZone& zone,
                                        Slot after) {
    auto wall = fields.next(after + zone.at(after).offset);
    while (wall) {
        const Slot instant = instant_of(zone, *wall);
        if (instant > after) return instant;
        wall = fields.next(*wall);
    }
    return std::nullopt;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view cron, std::string_view zone) {
    while (cron.starts_with(' ')) cron.remove_prefix(1);
    while (cron.ends_with(' ')) cron.remove_suffix(1);
    std::string named(zone);
    for (const std::string_view prefix : {"CRON_TZ=", "TZ="}) {
        if (!cron.starts_with(prefix)) continue;
        const auto end = std::min(cron.find(' '), cron.size());
        const auto own = cron.substr(prefix.size(), end - prefix.size());
        if (!zone.empty() && own != zone)
            return wrong(fmt::format("names the time zone {}, but timeZone is {}", own, zone));
        if (own.empty()) return wrong(fmt::format("{} is without a time zone", prefix));
        named = own;
        cron.remove_prefix(end);
        while (cron.starts_with(' ')) cron.remove_prefix(1);
        break;
    }
    if (cron.empty()) return wrong("is empty; it takes a schedule such as \"*/5 * * * *\"");
    auto plan = std::make_shared<Plan>();
    auto found = TimeZone::find(named);
    if (!found) return found.error();
    plan->zone = std::move(*found);
    if (cron.starts_with("@every")) {
        const auto interval = interval_of(cron.substr(6));
        if (!interval) return interval.error();
        plan->interval = *interval;
        return Schedule(std::move(plan));
    }
    auto fields = fields_of(cron);
    if (!fields) return fields.error();
    plan->fields = *fields;
    if (!fields->next(Slot(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1))))
        return wrong("never comes: no month it names has such a day");
    return Schedule(std::move(plan));
}

bool Schedule::counts_from_anchor() const {
    return plan_->interval > seconds(0);
}

std::optional<Slot> Schedule::next(Slot after, Slot anchor) const {
    if (counts_from_anchor()) {
        if (after < anchor) return anchor + plan_->interval;
        return anchor + ((after - anchor) / plan_->interval + 1) * plan_->interval;
    }
    if (!plan_->zone) return plan_->fields.next(after);
    return plan_->fields.every_hour() ? next_of_each_hour(plan_->fields, *plan_->zone, after)
                                      : next_of_named_hours(plan_->fields, *plan_->zone, after);
}

Schedule::Due Schedule::due(Slot after, Slot now, Slot anchor) const {
    Due due;
    auto slot = next(after, anchor);
    for (; slot && *slot <= now && due.count < kCountLimit; slot = next(*slot, anchor)) {
        due.newest = slot;
        ++due.count;
    }
    if (!slot || *slot > now) return due;
    // So many that they are not worth counting: the newest is looked for from the other end.
    for (seconds back{2};; back *= 2) {
        auto near = next(std::max(after, now - back), anchor);
        if (!near || *near > now) continue;
        for (; near && *near <= now; near = next(*near, anchor)) due.newest = near;
        return due;
    }
}

std::vector<Slot> next_slots(const Schedule& schedule, Slot after, Slot anchor, std::size_t count) {
    std::vector<Slot> slots;
    for (auto slot = schedule.next(after, anchor); slot && slots.size() < count;
         slot = schedule.next(*slot, anchor)) {
        slots.push_back(*slot);
    }
    return slots;
}

}  // namespace hearth::model
