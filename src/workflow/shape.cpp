#include "workflow/shape.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace hearth::workflow {

namespace json = boost::json;
using model::ChoiceCondition;
using model::ChoiceRule;

namespace {

// Values are nested deeper than documents: a Map's results hold what its branches answered.
constexpr std::size_t kDepth = 128;

json::parse_options options() {
    json::parse_options out;
    out.max_depth = kDepth;
    return out;
}

bool holds(const ChoiceCondition& condition, const json::value& input) {
    using Test = ChoiceCondition::Test;
    const auto* found = condition.variable.find(input);
    if (condition.test == Test::present) return (found != nullptr) == condition.flag;
    if (condition.test == Test::null) return (found && found->is_null()) == condition.flag;
    if (!found) return false;
    const double number = found->is_number() ? found->to_number<double>() : 0;
    switch (condition.test) {
        case Test::text_equals:
            return found->is_string() && found->get_string() == condition.text;
        case Test::boolean_equals:
            return found->is_bool() && found->get_bool() == condition.flag;
        case Test::number_equals:
            return found->is_number() && number == condition.number;
        case Test::number_above:
            return found->is_number() && number > condition.number;
        case Test::number_below:
            return found->is_number() && number < condition.number;
        case Test::present:
        case Test::null:
            break;
    }
    return false;
}

bool holds(const ChoiceRule& rule, const json::value& input) {
    const auto one = [&](const ChoiceCondition& condition) { return holds(condition, input); };
    switch (rule.mode) {
        case ChoiceRule::Mode::all:
            return std::ranges::all_of(rule.conditions, one);
        case ChoiceRule::Mode::any:
            return std::ranges::any_of(rule.conditions, one);
        case ChoiceRule::Mode::none:
            return std::ranges::none_of(rule.conditions, one);
    }
    return false;
}

}  // namespace

json::value parsed(const std::string& text) {
    boost::system::error_code ec;
    auto value = json::parse(text, ec, {}, options());
    return ec ? json::value() : value;
}

bool is_json(std::string_view text) {
    boost::system::error_code ec;
    const auto value = json::parse(text, ec, {}, options());
    return !ec;
}

Value part_of(const model::JsonPath& path, const Value& document, ValueBook& values) {
    if (path.whole()) return document;
    const auto whole = parsed(values.read(document));
    const auto* found = path.find(whole);
    return values.make(found ? json::serialize(*found) : "null");
}

Result<Value> put_into(const std::optional<model::JsonPath>& path, const Value& document,
                       const Value& result, ValueBook& values) {
    if (!path) return result;
    auto whole = parsed(values.read(document));
    if (auto done = path->put(whole, parsed(values.read(result))); done.has_error())
        return done.error();
    return values.make(json::serialize(whole));
}

std::string error_text(const std::string& type, const std::string& cause) {
    json::object out;
    out["errorType"] = type;
    out["cause"] = cause;
    return json::serialize(out);
}

std::string chosen(const model::WorkflowState& state, const json::value& input) {
    for (const auto& rule : state.choices)
        if (holds(rule, input)) return rule.next;
    return state.fallback;
}

}  // namespace hearth::workflow
