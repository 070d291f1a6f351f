#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>

#include "hearth/base/quantity.hpp"
#include "hearth/model/workflow.hpp"
#include "model/path.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

using std::chrono::milliseconds;
using Type = WorkflowState::Type;

Error broken(std::string_view what, std::string_view where) {
    return Error(Errc::internal, std::string(where) + ": " + std::string(what));
}

std::optional<milliseconds> duration_at(const json::object& object, std::string_view path) {
    const auto text = text_at(object, path);
    if (text.empty()) return std::nullopt;
    const auto ms = base::parse_duration_ms(text);
    if (!ms) return std::nullopt;
    return milliseconds(*ms);
}

JsonPath path_at(const json::object& object, std::string_view key) {
    const auto text = text_at(object, key);
    if (text.empty()) return {};
    auto path = JsonPath::parse(text);
    return path ? std::move(*path) : JsonPath();
}

/// `$` stands for the whole document, as an absent path does.
std::optional<JsonPath> target_at(const json::object& object, std::string_view key) {
    auto path = path_at(object, key);
    if (path.whole()) return std::nullopt;
    return path;
}

double number_of(const json::value& value) {
    if (const auto* text = value.if_string()) return std::strtod(text->c_str(), nullptr);
    return value.is_number() ? value.to_number<double>() : 0;
}

ChoiceCondition decode_condition(const json::object& from) {
    using Test = ChoiceCondition::Test;
    ChoiceCondition out;
    out.variable = path_at(from, "variable");
    const auto number = [&](const char* key, Test test) {
        if (const auto* value = from.if_contains(key)) {
            out.test = test;
            out.number = number_of(*value);
        }
    };
    const auto flag = [&](const char* key, Test test) {
        if (from.if_contains(key)) {
            out.test = test;
            out.flag = bool_at(from, key);
        }
    };
    if (from.if_contains("stringEquals")) {
        out.test = Test::text_equals;
        out.text = text_at(from, "stringEquals");
    }
    number("numericEquals", Test::number_equals);
    number("numericGreaterThan", Test::number_above);
    number("numericLessThan", Test::number_below);
    flag("booleanEquals", Test::boolean_equals);
    flag("isPresent", Test::present);
    flag("isNull", Test::null);
    return out;
}

ChoiceRule decode_rule(const json::object& from) {
    ChoiceRule out;
    out.next = text_at(from, "next");
    const auto add = [&](const json::array& list) {
        for (const auto& item : list)
            if (const auto* object = item.if_object())
                out.conditions.push_back(decode_condition(*object));
    };
    if (const auto* all = list_at(from, "and"); all && !all->empty()) {
        add(*all);
    } else if (const auto* any = list_at(from, "or"); any && !any->empty()) {
        out.mode = ChoiceRule::Mode::any;
        add(*any);
    } else if (const auto* none = object_at(from, "not")) {
        out.mode = ChoiceRule::Mode::none;
        out.conditions.push_back(decode_condition(*none));
    } else {
        out.conditions.push_back(decode_condition(from));
    }
    return out;
}

void decode_retry(const json::object& from, StepRetry& out) {
    out.max_attempts = static_cast<int>(integer_at(from, "maxAttempts", out.max_attempts));
    out.backoff_base = duration_at(from, "backoffBase").value_or(out.backoff_base);
    out.backoff_cap =
        std::max(out.backoff_base, duration_at(from, "backoffCap").value_or(out.backoff_cap));
}

Result<WorkflowMachine> decode_machine(const json::object& from, const StepRetry& retry,
                                       const std::string& where);

std::optional<Type> type_of(std::string_view text) {
    static constexpr std::string_view kTypes[] = {"Task", "Choice",  "Parallel", "Map",
                                                  "Wait", "Succeed", "Fail"};
    const auto found = std::ranges::find(kTypes, text);
    if (found == std::end(kTypes)) return std::nullopt;
    return static_cast<Type>(found - std::begin(kTypes));
}

Result<void> decode_fan_out(const json::object& from, const StepRetry& retry,
                            const std::string& where, WorkflowState& out) {
    out.items_path = path_at(from, "itemsPath");
    if (const auto most = integer_at(from, "maxConcurrency"); most > 0)
        out.max_concurrency = static_cast<int>(most);
    if (const auto* branches = list_at(from, "branches")) {
        for (const auto& item : *branches) {
            const auto* object = item.if_object();
            if (!object) return broken("a branch is no map", where);
            auto branch = decode_machine(*object, retry, where);
            if (!branch) return branch.error();
            out.branches.push_back(std::move(*branch));
        }
    }
    const bool fan_out = out.type == Type::parallel || out.type == Type::map;
    if (fan_out && out.branches.empty()) return broken("branches are missing", where);
    return {};
}

Result<WorkflowState> decode_state(std::string_view name, const json::object& from,
                                   const StepRetry& retry, const std::string& parent) {
    const auto where = join_path(parent, name);
    WorkflowState out;
    out.name = name;
    const auto type = type_of(text_at(from, "type"));
    if (!type) return broken("the type is missing or wrong", where);
    out.type = *type;
    auto& callee = text_at(from, "function.type") == "workflow" ? out.workflow : out.function;
    callee = text_at(from, "function.name");
    out.callback = bool_at(from, "callback");
    out.timeout = duration_at(from, "timeout");
    out.retry = retry;
    if (const auto* own = object_at(from, "retry")) {
        out.retry = StepRetry();
        decode_retry(*own, out.retry);
    }
    if (const auto* catches = list_at(from, "catch")) {
        for (const auto& item : *catches) {
            if (const auto* object = item.if_object())
                out.catches.push_back({std::string(text_at(*object, "errorType")),
                                       std::string(text_at(*object, "next")),
                                       target_at(*object, "resultPath")});
        }
    }
    if (const auto* choices = list_at(from, "choices")) {
        for (const auto& item : *choices)
            if (const auto* object = item.if_object()) out.choices.push_back(decode_rule(*object));
    }
    out.fallback = text_at(from, "default");
    if (auto done = decode_fan_out(from, retry, where, out); done.has_error()) return done.error();
    out.duration = duration_at(from, "duration").value_or(milliseconds(0));
    out.error_type = text_at(from, "errorType");
    if (out.error_type.empty()) out.error_type = "Failed";
    out.cause = text_at(from, "cause");
    out.input_path = path_at(from, "inputPath");
    out.output_path = path_at(from, "outputPath");
    out.result_path = target_at(from, "resultPath");
    out.next = text_at(from, "next");
    return out;
}

Result<WorkflowMachine> decode_machine(const json::object& from, const StepRetry& retry,
                                       const std::string& where) {
    WorkflowMachine out;
    out.start_at = text_at(from, "startAt");
    const auto* states = object_at(from, "states");
    if (!states) return broken("states are missing", where);
    for (const auto& member : *states) {
        const auto* object = member.value().if_object();
        if (!object) return broken("a state is no map", where);
        auto state = decode_state(member.key(), *object, retry, where + ".states");
        if (!state) return state.error();
        out.states.push_back(std::move(*state));
    }
    if (!out.find(out.start_at)) return broken("startAt names no state", where);
    return out;
}

WorkflowMachine pipeline(const std::vector<std::string>& steps, const StepRetry& retry) {
    WorkflowMachine out;
    for (const auto& function : steps) {
        WorkflowState state;
        state.name = function;
        for (int number = 2; out.find(state.name); ++number)
            state.name = function + "-" + std::to_string(number);
        state.function = function;
        state.retry = retry;
        if (!out.states.empty()) out.states.back().next = state.name;
        out.states.push_back(std::move(state));
    }
    out.start_at = out.states.front().name;
    return out;
}

void collect(const json::object& machine, const std::string& path,
             std::vector<WorkflowReference>& found) {
    const auto* states = object_at(machine, "states");
    if (!states) return;
    for (const auto& member : *states) {
        const auto* state = member.value().if_object();
        if (!state) continue;
        const auto at = join_path(join_path(path, "states"), member.key());
        if (const auto name = text_at(*state, "function.name"); !name.empty())
            found.push_back({text_at(*state, "function.type") == "workflow", std::string(name),
                             join_path(join_path(at, "function"), "name")});
        const auto* branches = list_at(*state, "branches");
        for (std::size_t i = 0; branches && i < branches->size(); ++i) {
            auto branch = join_path(at, "branches");
            append_index(branch, i);
            if (const auto* object = (*branches)[i].if_object()) collect(*object, branch, found);
        }
    }
}

}  // namespace

const WorkflowState* WorkflowMachine::find(std::string_view name) const {
    const auto found = std::ranges::find(states, name, &WorkflowState::name);
    return found == states.end() ? nullptr : &*found;
}

Result<WorkflowSpec> decode_workflow_spec(const json::object& spec, const std::string& name) {
    WorkflowSpec out;
    StepRetry retry;
    if (const auto* given = object_at(spec, "defaultRetry")) decode_retry(*given, retry);
    const auto steps = strings_at(spec, "steps");
    if (!steps.empty()) {
        out.machine = pipeline(steps, retry);
    } else {
        auto machine = decode_machine(spec, retry, "Workflow " + name + ": spec");
        if (!machine) return machine.error();
        out.machine = std::move(*machine);
    }
    out.timeout = duration_at(spec, "timeout").value_or(out.timeout);
    const auto* count = value_at(spec, "historyRetention.maxCount");
    if (count && count->is_int64()) out.keep_count = static_cast<std::size_t>(count->get_int64());
    out.keep_age = duration_at(spec, "historyRetention.maxAge");
    return out;
}

Result<WorkflowSpec> decode_workflow(const Resource& resource) {
    return decode_workflow_spec(resource.spec, qualified(resource.metadata));
}

std::vector<WorkflowReference> workflow_references(const Resource& resource) {
    std::vector<WorkflowReference> found;
    const auto steps = strings_at(resource.spec, "steps");
    for (std::size_t i = 0; i < steps.size(); ++i) {
        std::string path = "spec.steps";
        append_index(path, i);
        found.push_back({false, steps[i], path});
    }
    collect(resource.spec, "spec", found);
    return found;
}

}  // namespace hearth::model
