#pragma once

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

#include "hearth/model/workflow.hpp"
#include "workflow/history.hpp"
#include "workflow/run_event.hpp"

namespace hearth::workflow {

/// A function that is to be called for a step.
struct StepCall {
    std::int64_t step = 0;
    int attempt = 1;
    const model::WorkflowState* state = nullptr;
    std::string branch;
    Value input;
    std::string token;  ///< of a step that ends by its callback; else empty
};

/// A run of another workflow that is to be a step. `again`: it has ended and is to go on.
struct StepChild {
    std::int64_t step = 0;
    int attempt = 1;
    std::string workflow;
    Value input;
    bool again = false;
};

struct StepWake {
    std::int64_t step = 0;
    int attempt = 0;
    UnixMs at = 0;
};

/// What is to be done after an event, once the event is durable.
struct Effects {
    bool applied = false;  ///< false: the event came too late and is not to be written
    std::vector<StepCall> calls;
    std::vector<StepChild> children;
    std::vector<StepWake> wakes;
    std::vector<std::int64_t> dropped_children;  ///< steps whose run is to be cancelled
    std::vector<catalog::RunValue> values;       ///< to be stored with the event
    bool ended = false;
};

/// One run of one workflow: pure. Every event goes through apply(), in the journal's order; the
/// same events make the same state, so that a run goes on after a restart where it was. Thread: one
/// at a time; the source of values may block. After ValueLost was thrown the core is of no use any
/// more.
class RunCore {
 public:
    /// `history` may be null. Both outlive it.
    RunCore(std::shared_ptr<const model::WorkflowSpec> spec, ValueSource& source,
            History* history = nullptr);
    Effects apply(const Event& event);
    /// All that must be under way now, for a run that was read from its journal.
    Effects outstanding();

    catalog::RunPhase phase() const { return phase_; }
    UnixMs since() const { return since_; }  ///< when it began, or was redriven last
    UnixMs ended() const { return ended_; }
    const std::string& error_type() const { return error_type_; }
    const std::string& cause() const { return cause_; }
    const Value& output() const { return output_; }
    /// Whether computing may have to load a long value.
    bool may_block() const { return outside_; }
    /// The step that waits for a token; 0: none does.
    std::int64_t step_of(std::string_view token) const;
    const RunLimits& limits() const { return limits_; }

 private:
    enum class Stage { computing, calling, pausing, waiting, for_token, child, fan_out, failed };

    /// One sequence of states: the workflow itself or a branch, in one state at a time.
    struct Lane {
        std::int64_t id = 0, owner = 0;  ///< owner 0: the workflow itself
        std::size_t index = 0;           ///< of the branch or item
        const model::WorkflowMachine* machine = nullptr;
        std::string branch;
        const model::WorkflowState* state = nullptr;
        Value document;
        std::int64_t step = 0;
        int attempt = 1, budget_from = 0;
        Stage stage = Stage::computing;
        UnixMs due = 0;      ///< of a pause or wait
        UnixMs expires = 0;  ///< of a callback or sub-workflow; 0: never
        // Of a fan-out.
        std::vector<Value> items, results;
        std::size_t next = 0, done = 0, running = 0;
    };
    struct Task {
        std::int64_t lane = 0;
        std::string state;  ///< to enter; empty: start more branches
        Value document;
    };

    // run_core.cpp: events.
    void begin(const Event& event);
    void answered(Lane& lane, const Event& event);
    void redrive();
    void go_on(Lane& lane);
    bool apply_to_step(const Event& event);
    void work();
    void end(catalog::RunPhase phase, std::string error_type, std::string cause);
    Lane* lane_of(std::int64_t step);
    // run_states.cpp: what states do.
    void enter(Lane& lane, const std::string& name, Value document);
    void execute(Lane& lane);
    void begin_task(Lane& lane);
    void begin_fan_out(Lane& lane);
    void refill(Lane& owner);
    void join(Lane& owner);
    void leave(Lane& lane, const Value& result);
    void finish(Lane& lane, Value document);
    void fail(Lane& lane, Failure failure);
    void give_up(Lane& lane, Failure failure);
    void drop_branches(const Lane& owner);
    void forget(std::map<std::int64_t, Lane>::iterator lane);
    void emit(const Lane& lane, Effects& into, bool again = false);
    Value input_of(const Lane& lane);
    std::string token_of(const Lane& lane) const;
    void keep(const Value& value) { outside_ = outside_ || value.outside(); }

    std::shared_ptr<const model::WorkflowSpec> spec_;
    ValueBook values_;
    History* history_;
    RunLimits limits_;
    std::string secret_;
    catalog::RunPhase phase_ = catalog::RunPhase::running;
    UnixMs now_ = 0, since_ = 0, ended_ = 0;
    std::string error_type_, cause_;
    Value output_;
    bool outside_ = false;
    std::int64_t next_lane_ = 1, next_step_ = 1;
    std::map<std::int64_t, Lane> lanes_;
    std::unordered_map<std::int64_t, std::int64_t> lane_of_step_;
    std::map<std::string, std::int64_t, std::less<>> step_of_token_;
    std::deque<Task> tasks_;
    Effects effects_;
};

}  // namespace hearth::workflow
