#include "trigger/timer_status.hpp"

#include <boost/json.hpp>

#include "hearth/base/time_text.hpp"

namespace hearth::trigger {

namespace json = boost::json;

namespace {

constexpr std::size_t kUpcoming = 5;

json::array upcoming_of(const TimerDefinition& timer, const TimerRecord* record, Slot now) {
    json::array upcoming;
    const Slot after = record ? std::max(record->slot, now) : now;
    for (const auto slot : model::next_slots(timer.schedule, after, timer.created, kUpcoming))
        upcoming.emplace_back(slot_text(slot));
    return upcoming;
}

void add_history(const TimerRecord& record, json::object& status) {
    if (record.last_fire) status["lastFire"] = slot_text(*record.last_fire);
    if (record.last) {
        status["lastResult"] = record.last->good ? "Succeeded" : "Failed";
        if (record.last->status != 0) status["lastStatusCode"] = record.last->status;
        status["lastDurationMs"] = record.last->took_ms;
    }
    if (!record.trouble.empty())
        status["lastError"] = record.trouble;
    else if (record.last && !record.last->good)
        status["lastError"] = record.last->error;
    status["fired"] = record.fired;
    status["succeeded"] = record.succeeded;
    status["failed"] = record.failed;
    status["missed"] = record.missed;
    status["leftOut"] = record.left_out;
}

}  // namespace

std::string slot_text(Slot slot) {
    auto text = base::to_rfc3339(slot);
    if (const auto dot = text.find('.'); dot != std::string::npos) text.replace(dot, 4, "");
    return text;
}

Result<TimerDefinition> timer_definition(const model::Resource& timer) {
    auto spec = model::decode_time_trigger(timer);
    if (!spec) return spec.error();
    auto schedule = model::Schedule::parse(spec->cron, spec->time_zone);
    if (!schedule) {
        return Error(Errc::invalid_argument,
                     "the schedule \"" + spec->cron + "\" " + schedule.error().message);
    }
    const auto& metadata = timer.metadata;
    const auto created = base::parse_rfc3339(metadata.created).value_or(base::WallTime());
    return TimerDefinition{metadata.uid,
                           metadata.ns,
                           metadata.name,
                           metadata.generation,
                           std::chrono::floor<std::chrono::seconds>(created),
                           std::move(*spec),
                           std::move(*schedule)};
}

json::object condition(std::string_view type, bool holds, std::string_view reason,
                       std::string_view message) {
    json::object made;
    made["type"] = type;
    made["status"] = holds ? "True" : "False";
    made["reason"] = reason;
    if (!message.empty()) made["message"] = message;
    return made;
}

json::object timer_status(const TimerDefinition& timer, const TimerRecord* record,
                          std::size_t running, bool function_found, Slot now) {
    json::object status;
    const bool suspended = timer.spec.suspend;
    if (!suspended) {
        auto upcoming = upcoming_of(timer, record, now);
        if (!upcoming.empty()) status["nextFire"] = upcoming.front();
        status["upcoming"] = std::move(upcoming);
    }
    add_history(record ? *record : TimerRecord{}, status);
    status["running"] = running;
    json::array conditions;
    conditions.push_back(condition("Scheduled", !suspended,
                                   suspended ? "Suspended" : "CronRegistered",
                                   suspended ? "spec.suspend is true" : ""));
    const bool ready = !suspended && function_found;
    const std::string called = timer.spec.workflow ? "Workflow" : "Function";
    const std::string missing =
        "there is no " + called + " " + timer.ns + "/" + timer.spec.function;
    conditions.push_back(condition("Ready", ready,
                                   !function_found ? called + "NotFound"
                                   : suspended     ? "Suspended"
                                                   : "CronRegistered",
                                   function_found ? "" : missing));
    status["conditions"] = std::move(conditions);
    return status;
}

}  // namespace hearth::trigger
