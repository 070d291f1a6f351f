#include "trigger/timer_record.hpp"

#include <boost/json.hpp>

#include "hearth/base/json_view.hpp"

namespace hearth::trigger {

namespace json = boost::json;
using model::Slot;

std::string to_text(const TimerRecord& record) {
    json::object out;
    out["generation"] = record.generation;
    if (record.last_fire) out["lastFire"] = record.last_fire->time_since_epoch().count();
    if (record.last) {
        json::object last;
        last["good"] = record.last->good;
        last["status"] = record.last->status;
        last["error"] = record.last->error;
        last["tookMs"] = record.last->took_ms;
        out["last"] = std::move(last);
    }
    if (!record.trouble.empty()) out["trouble"] = record.trouble;
    out["fired"] = record.fired;
    out["succeeded"] = record.succeeded;
    out["failed"] = record.failed;
    out["missed"] = record.missed;
    out["leftOut"] = record.left_out;
    return json::serialize(out);
}

Result<TimerRecord> timer_record(std::int64_t mark, const std::string& written) {
    json::error_code fault;
    const auto value = json::parse(written, fault);
    if (fault || !value.is_object())
        return Error(Errc::internal, "a row of the triggers' ledger is no JSON object");
    const auto& object = value.get_object();
    TimerRecord record;
    record.slot = Slot(std::chrono::seconds(mark));
    record.generation = base::integer_at(object, "generation");
    if (object.contains("lastFire"))
        record.last_fire = Slot(std::chrono::seconds(base::integer_at(object, "lastFire")));
    if (const auto* last = object.if_contains("last"); last && last->is_object()) {
        const auto& said = last->get_object();
        TimerOutcome outcome;
        const auto* good = said.if_contains("good");
        outcome.good = good && good->is_bool() && good->get_bool();
        outcome.status = static_cast<int>(base::integer_at(said, "status"));
        outcome.error = base::text_at(said, "error");
        outcome.took_ms = base::integer_at(said, "tookMs");
        record.last = std::move(outcome);
    }
    record.trouble = base::text_at(object, "trouble");
    record.fired = static_cast<std::uint64_t>(base::integer_at(object, "fired"));
    record.succeeded = static_cast<std::uint64_t>(base::integer_at(object, "succeeded"));
    record.failed = static_cast<std::uint64_t>(base::integer_at(object, "failed"));
    record.missed = static_cast<std::uint64_t>(base::integer_at(object, "missed"));
    record.left_out = static_cast<std::uint64_t>(base::integer_at(object, "leftOut"));
    return record;
}

}  // namespace hearth::trigger
