#include "workflow/run_event.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "hearth/base/json_view.hpp"

namespace hearth::workflow {

namespace json = boost::json;
using base::integer_at;
using base::text_at;

namespace {

// Written into databases: never change one.
constexpr std::array<std::string_view, 8> kTypes = {
    "begun", "answered", "due", "called_back", "child", "cancelled", "timed_out", "redriven"};

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
    const auto type = head ? std::ranges::find(kTypes, text_at(*head, "t")) : kTypes.end();
    if (type == kTypes.end())
        return Error(Errc::internal, "an event of the run is not what was written", event.head,
                     "workflow");
    Event out;
    out.type = static_cast<Event::Type>(type - kTypes.begin());
    out.at = integer_at(*head, "at");
    out.step = integer_at(*head, "step");
    out.attempt = static_cast<int>(integer_at(*head, "attempt"));
    if (const auto* failure = head->if_contains("failure"); failure && failure->is_object()) {
        const auto& from = failure->get_object();
        out.failure = Failure{text_at(from, "type"), text_at(from, "kind"), text_at(from, "cause"),
                              base::bool_at(from, "permanent")};
    }
    out.value = Value(event.body);
    out.value.digest = text_at(*head, "digest");
    if (out.value.outside())
        out.value.bytes = static_cast<std::uint64_t>(integer_at(*head, "bytes"));
    if (out.type == Event::Type::begun) {
        out.secret = text_at(*head, "secret");
        out.limits.outside_from =
            static_cast<std::uint64_t>(integer_at(*head, "outsideFrom", 65536));
        out.limits.value_bytes =
            static_cast<std::uint64_t>(integer_at(*head, "valueBytes", 4 << 20));
        out.limits.items = integer_at(*head, "items", out.limits.items);
        out.limits.steps = integer_at(*head, "steps", out.limits.steps);
    }
    return out;
}

}  // namespace hearth::workflow
