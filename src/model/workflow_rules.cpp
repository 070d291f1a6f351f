#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "hearth/base/quantity.hpp"
#include "model/cross_rules.hpp"
#include "model/path.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostStates = 100, kMostBranches = 10, kMostSteps = 100;
constexpr std::int64_t kLongestWaitMs = 8760LL * 3'600'000;

/// One way from a state to another, and the field that names it.
struct Way {
    std::string to, path;
};

/// Checks the states of one machine, then those of its branches.
class MachineRules {
 public:
    MachineRules(const json::object& machine, std::string path, Findings& findings)
        : machine_(machine), path_(std::move(path)), findings_(findings) {}

    void check() {
        const auto* states = object_at(machine_, "states");
        if (!states) return;
        const auto at = join_path(path_, "states");
        if (states->size() > kMostStates)
            findings_.fault(at, "has more than " + std::to_string(kMostStates) + " states");
        for (const auto& member : *states) {
            names_.emplace_back(member.key());
            if (const auto* state = member.value().if_object())
                check_state(*state, member.key(), join_path(at, member.key()));
        }
        for (const auto& [from, ways] : ways_)
            for (const auto& way : ways) check_target(way.to, way.path);
        const auto start = std::string(text_at(machine_, "startAt"));
        if (start.empty()) return;
        check_target(start, join_path(path_, "startAt"));
        if (known(start)) check_reached(start, at);
        check_cycles();
    }

 private:
    bool known(const std::string& name) const {
        return std::ranges::find(names_, name) != names_.end();
    }

    void check_target(const std::string& name, const std::string& path) {
        if (name.empty() || known(name)) return;
        std::vector<std::string_view> words(names_.begin(), names_.end());
        const auto near = nearest(name, words);
        findings_.fault(
            path, "there is no state \"" + name + "\" beside it" +
                      (near.empty() ? std::string() : "; did you mean " + std::string(near) + "?"));
    }

    void check_state(const json::object& state, std::string_view name, const std::string& path) {
        const auto type = text_at(state, "type");
        check_fields(state, type, path);
        if (type == "Wait" || bool_at(state, "callback")) waits_.insert(std::string(name));
        auto& ways = ways_[std::string(name)];
        const auto add = [&](const json::object& from, const char* key, const std::string& at) {
            if (const auto to = text_at(from, key); !to.empty())
                ways.push_back({std::string(to), join_path(at, key)});
        };
        add(state, "next", path);
        add(state, "default", path);
        for (const char* list : {"choices", "catch"}) {
            const auto* items = list_at(state, list);
            for (std::size_t i = 0; items && i < items->size(); ++i) {
                auto at = join_path(path, list);
                append_index(at, i);
                const auto* item = (*items)[i].if_object();
                if (!item) continue;
                add(*item, "next", at);
                if (list == std::string_view("choices")) check_rule(*item, at);
            }
        }
        check_branches(state, type, path);
    }

    /// Which fields go with which type.
    void check_fields(const json::object& state, std::string_view type, const std::string& path) {
        struct Row {
            std::string_view field, types;
        };
        static constexpr Row kRows[] = {
            {"function", "Task"},
            {"callback", "Task"},
            {"timeout", "Task"},
            {"retry", "Task"},
            {"catch", "Task Parallel Map"},
            {"choices", "Choice"},
            {"default", "Choice"},
            {"branches", "Parallel Map"},
            {"itemsPath", "Map"},
            {"maxConcurrency", "Parallel Map"},
            {"duration", "Wait"},
            {"errorType", "Fail"},
            {"cause", "Fail"},
            {"resultPath", "Task Parallel Map"},
            {"next", "Task Parallel Map Wait"},
            {"end", "Task Parallel Map Wait"},
        };
        if (type.empty()) return;
        for (const auto& row : kRows) {
            const auto* value = state.if_contains(row.field);
            if (!value || is_zero(*value)) continue;
            if (row.types.find(type) == std::string_view::npos)
                findings_.fault(join_path(path, row.field),
                                "does not go with type " + std::string(type));
        }
        const bool goes_on =
            type == "Task" || type == "Parallel" || type == "Map" || type == "Wait";
        const bool next = !text_at(state, "next").empty(), end = bool_at(state, "end");
        if (goes_on && next && end)
            findings_.fault(join_path(path, "end"), "goes not together with next; remove one");
        if (goes_on && !next && !end)
            findings_.fault(join_path(path, "next"), "is missing; name a state or write end: true");
        check_type(state, type, path);
    }

    void check_type(const json::object& state, std::string_view type, const std::string& path) {
        if (type == "Task") {
            const bool called = !text_at(state, "function.name").empty();
            if (!called && !bool_at(state, "callback") && !state.if_contains("function"))
                findings_.fault(join_path(path, "function"),
                                "is missing; a Task names a function, or has callback: true");
            if (bool_at(state, "callback") && text_at(state, "function.type") == "workflow")
                findings_.fault(join_path(path, "callback"),
                                "goes not together with a workflow; that ends by itself");
        }
        if (type == "Choice") {
            const auto* choices = list_at(state, "choices");
            if (!choices || choices->empty())
                findings_.fault(join_path(path, "choices"), "is missing; give one rule or more");
        }
        if (type == "Wait") {
            const auto text = text_at(state, "duration");
            const auto ms = base::parse_duration_ms(text);
            if (text.empty())
                findings_.fault(join_path(path, "duration"), "is missing; such as 30s");
            else if (ms && *ms > kLongestWaitMs)
                findings_.fault(join_path(path, "duration"), "is more than 8760h");
        }
    }

    void check_rule(const json::object& rule, const std::string& path) {
        int forms = 0;
        for (const char* list : {"and", "or"}) {
            const auto* items = list_at(rule, list);
            if (!items) continue;
            ++forms;
            for (std::size_t i = 0; i < items->size(); ++i) {
                auto at = join_path(path, list);
                append_index(at, i);
                if (const auto* item = (*items)[i].if_object()) check_condition(*item, at);
            }
            if (items->empty()) findings_.fault(join_path(path, list), "is empty");
        }
        if (const auto* item = object_at(rule, "not")) {
            ++forms;
            check_condition(*item, join_path(path, "not"));
        }
        const bool leaf = rule.if_contains("variable") != nullptr;
        if (forms == 0 || leaf) check_condition(rule, path);
        if (forms + (leaf ? 1 : 0) > 1)
            findings_.fault(path, "takes one of a condition, and, or and not");
    }

    void check_condition(const json::object& condition, const std::string& path) {
        if (text_at(condition, "variable").empty())
            findings_.fault(join_path(path, "variable"), "is missing; such as $.total");
        int tests = 0;
        for (const char* key : {"stringEquals", "numericEquals", "numericGreaterThan",
                                "numericLessThan", "booleanEquals", "isPresent", "isNull"})
            tests += condition.if_contains(key) ? 1 : 0;
        if (tests != 1)
            findings_.fault(path, "needs exactly one comparison, such as stringEquals, but has " +
                                      std::to_string(tests));
    }

    void check_branches(const json::object& state, std::string_view type, const std::string& path) {
        if (type != "Parallel" && type != "Map") return;
        const auto* branches = list_at(state, "branches");
        const auto count = branches ? branches->size() : 0;
        const auto at = join_path(path, "branches");
        if (count == 0) findings_.fault(at, "is missing");
        if (type == "Map" && count > 1)
            findings_.fault(at, "of a Map is one branch, which runs for each item");
        if (count > kMostBranches)
            findings_.fault(at, "are more than " + std::to_string(kMostBranches));
        for (std::size_t i = 0; i < count; ++i) {
            auto one = at;
            append_index(one, i);
            if (const auto* branch = (*branches)[i].if_object())
                MachineRules(*branch, one, findings_).check();
        }
    }

    void check_reached(const std::string& start, const std::string& at) {
        std::set<std::string> reached{start};
        std::vector<std::string> open{start};
        while (!open.empty()) {
            const auto from = std::move(open.back());
            open.pop_back();
            for (const auto& way : ways_[from])
                if (known(way.to) && reached.insert(way.to).second) open.push_back(way.to);
        }
        for (const auto& name : names_)
            if (!reached.contains(name))
                findings_.fault(join_path(at, name), "is never reached from startAt \"" + start +
                                                         "\"; remove it or lead a state to it");
    }

    /// A way around that passes no Wait and no callback would turn as fast as functions answer.
    void check_cycles() {
        std::set<std::string> done;
        for (const auto& name : names_) {
            std::vector<std::string> trail;
            walk(name, trail, done);
        }
    }

    void walk(const std::string& name, std::vector<std::string>& trail,
              std::set<std::string>& done) {
        if (waits_.contains(name) || done.contains(name)) return;
        trail.push_back(name);
        for (const auto& way : ways_[name]) {
            const auto before = std::ranges::find(trail, way.to);
            if (before == trail.end()) {
                walk(way.to, trail, done);
                continue;
            }
            std::string circle;
            for (auto at = before; at != trail.end(); ++at) circle += *at + " -> ";
            findings_.fault(way.path, "closes the circle " + circle + way.to +
                                          ", which has no Wait and no callback: put one into it");
        }
        trail.pop_back();
        done.insert(name);
    }

    const json::object& machine_;
    const std::string path_;
    Findings& findings_;
    std::vector<std::string> names_;
    std::map<std::string, std::vector<Way>> ways_;
    std::set<std::string> waits_;
};

}  // namespace

void check_workflow_rules(const Resource& resource, Findings& findings) {
    const auto& spec = resource.spec;
    const auto* steps = list_at(spec, "steps");
    if (steps && !steps->empty()) {
        if (steps->size() > kMostSteps)
            findings.fault("spec.steps", "are more than " + std::to_string(kMostSteps));
        for (const char* key : {"startAt", "states"})
            if (spec.if_contains(key))
                findings.fault(join_path("spec", key),
                               "goes not together with steps; remove one of them");
        return;
    }
    if (!spec.if_contains("states")) {
        findings.fault("spec.states", "is missing; give states and startAt, or steps: [a, b, c]");
        return;
    }
    if (text_at(spec, "startAt").empty())
        findings.fault("spec.startAt", "is missing; name the first state");
    MachineRules(spec, "spec", findings).check();
}

}  // namespace hearth::model
