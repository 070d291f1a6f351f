#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/model/json_path.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::model {

/// How often a task is tried. The pause doubles from base to cap.
struct StepRetry {
    int max_attempts = 1;
    std::chrono::milliseconds backoff_base{1'000}, backoff_cap{60'000};
};

struct StepCatch {
    std::string error_type, next;
    std::optional<JsonPath> result_path;   ///< absent: the error takes the document's place
};

struct ChoiceCondition {
    enum class Test { text_equals, number_equals, number_above, number_below, boolean_equals, present, null };
    JsonPath variable;
    Test test = Test::present;
    std::string text;
    double number = 0;
    bool flag = false;
};

struct ChoiceRule {
    enum class Mode { all, any, none };
    Mode mode = Mode::all;
    std::vector<ChoiceCondition> conditions;
    std::string next;
};

struct WorkflowState;

/// States with a beginning: a whole workflow or one branch.
struct WorkflowMachine {
    std::string start_at;
    std::vector<WorkflowState> states;
    const WorkflowState* find(std::string_view name) const;
};

struct WorkflowState {
    enum class Type { task, choice, parallel, map, wait, succeed, fail };
    std::string name;
    Type type = Type::task;
    std::string function;                  ///< of a task: what is called; empty with `workflow`, or a bare callback
    std::string workflow;                  ///< of a task: a run of it is the step
    bool callback = false;                 ///< of a task: it ends when its token comes back
    std::optional<std::chrono::milliseconds> timeout;   ///< of an attempt, of a callback or a sub-workflow
    StepRetry retry;
    std::vector<StepCatch> catches;
    std::vector<ChoiceRule> choices;
    std::string fallback;                  ///< of a choice: when no rule holds
    std::vector<WorkflowMachine> branches; ///< of parallel; of map the only one
    JsonPath items_path;
    int max_concurrency = 10;              ///< branches at once
    std::chrono::milliseconds duration{0}; ///< of wait
    std::string error_type, cause;         ///< of fail
    JsonPath input_path, output_path;
    std::optional<JsonPath> result_path;   ///< absent: the result takes the document's place
    std::string next;                      ///< empty: the machine ends
};

struct WorkflowSpec {
    WorkflowMachine machine;
    std::chrono::milliseconds timeout{24 * 3'600'000LL};
    std::optional<std::size_t> keep_count;               ///< finished runs; absent: the server's bound
    std::optional<std::chrono::milliseconds> keep_age;
};

/// `steps` has become states by then. Errors: internal, for what check() would not have let through.
Result<WorkflowSpec> decode_workflow(const Resource& resource);
/// The same of a spec alone; `name` is for messages.
Result<WorkflowSpec> decode_workflow_spec(const boost::json::object& spec, const std::string& name);

/// A function or workflow that a state names, with the path of the field that does.
struct WorkflowReference {
    bool workflow = false;
    std::string name, path;
};
std::vector<WorkflowReference> workflow_references(const Resource& resource);

/// The picture of a workflow in Mermaid's flowchart language.
std::string workflow_graph(const WorkflowSpec& spec);

}  // namespace hearth::model
