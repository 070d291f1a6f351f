#include "workflow/run_event.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace hearth::workflow {

namespace json = boost::json;

namespace {

// Written into databases: never change one.
constexpr std::array<std::string_view, 8> kTypes = {
    "begun", "answered", "due", "called_back", "child", "cancelled", "timed_out", "redriven"};

std::string text_of(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    const auto* text = value ? value->if_string() : nullptr;
    return text ? std::string(*text) : std::string();
}

std::int64_t number_of(const json::object& from, std::string_view key, std::int64_t otherwise = 0) {
    const auto* value = from.if_contains(key);
    return value && value->is_int64() ? value->get_int64() : otherwise;
}

}  // namespace

catalog::RunEvent encode(const Event& event) {
    json::object head;
    head["t"] = kTypes[static_cast<std::size_t>(event.type)];
    head["at"] = event.at;
    if (event.step != 0) head["step"] = event.step;
    if (event.attempt != 0) head["attempt"] = event.attempt;
    if (event.failure) {
        json::object failure;
        failure["type"] = event.failure->type;
        failure["kind"] = event.failure->kind;
        failure["cause"] = event.failure->cause;
        failure["permanent"] = event.failure->permanent;
        head["failure"] = std::move(failure);
    }
    if (event.value.outside()) {
        head["digest"] = event.value.digest;
        head["bytes"] = event.value.bytes;
    }
    if (event.type == Event::Type::begun) {
        head["secret"] = event.secret;
        head["outsideFrom"] = event.limits.outside_from;
        head["valueBytes"] = event.limits.value_bytes;
        head["items"] = event.limits.items;
        head["steps"] = event.limits.steps;
    }
    return catalog::RunEvent(json::serialize(head), event.value.text);
}

Result<Event> decode(const catalog::RunEvent& event) {
    boost::system::error_code ec;
    const auto value = json::parse(event.head, ec);
    const auto* head = ec ? nullptr : value.if_object();
    const auto type = head ? std::ranges::find(kTypes, text_of(*head, "t")) : kTypes.end();
    if (type == kTypes.end())
        return Error(Errc::internal, "an event of the run is not what was written", event.head,
                     "workflow");
    Event out;
    out.type = static_cast<Event::Type>(type - kTypes.begin());
    out.at = number_of(*head, "at");
    out.step = number_of(*head, "step");
    out.attempt = static_cast<int>(number_of(*head, "attempt"));
    if (const auto* failure = head->if_contains("failure"); failure && failure->is_object()) {
        const auto& from = failure->get_object();
        const auto* permanent = from.if_contains("permanent");
        out.failure = Failure{text_of(from, "type"), text_of(from, "kind"), text_of(from, "cause"),
                              permanent && permanent->is_bool() && permanent->get_bool()};
    }
    out.value = Value(event.body);
    out.value.digest = text_of(*head, "digest");
    if (out.value.outside())
        out.value.bytes = static_cast<std::uint64_t>(number_of(*head, "bytes"));
    if (out.type == Event::Type::begun) {
        out.secret = text_of(*head, "secret");
        out.limits.outside_from =
            static_cast<std::uint64_t>(number_of(*head, "outsideFrom", 65536));
        out.limits.value_bytes =
            static_cast<std::uint64_t>(number_of(*head, "valueBytes", 4 << 20));
        out.limits.items = number_of(*head, "items", out.limits.items);
        out.limits.steps = number_of(*head, "steps", out.limits.steps);
    }
    return out;
}

}  // namespace hearth::workflow
