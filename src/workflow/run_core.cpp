#include "workflow/run_core.hpp"

#include <algorithm>

namespace hearth::workflow {

using catalog::RunPhase;

RunCore::RunCore(std::shared_ptr<const model::WorkflowSpec> spec, ValueSource& source,
                 History* history)
    : spec_(std::move(spec)), values_(source, RunLimits().outside_from), history_(history) {}

Effects RunCore::apply(const Event& event) {
    effects_ = Effects();
    now_ = event.at;
    keep(event.value);
    if (event.type == Event::Type::begun) {
        begin(event);
    } else if (event.type == Event::Type::redriven) {
        const bool may = phase_ != RunPhase::running && phase_ != RunPhase::succeeded;
        effects_.applied = may;
        if (may) redrive();
    } else if (phase_ == RunPhase::running) {
        effects_.applied = apply_to_step(event);
    }
    work();
    effects_.values = values_.take();
    return std::move(effects_);
}

void RunCore::begin(const Event& event) {
    effects_.applied = true;
    limits_ = event.limits;
    secret_ = event.secret;
    since_ = now_;
    // The fresh book knows nothing yet: only its threshold changes.
    values_.set_outside_from(limits_.outside_from);
    auto& lane = lanes_[next_lane_];
    lane.id = next_lane_++;
    lane.machine = &spec_->machine;
    tasks_.push_back({lane.id, lane.machine->start_at, event.value});
}

bool RunCore::apply_to_step(const Event& event) {
    if (event.type == Event::Type::cancelled) {
        end(RunPhase::cancelled, "", "it was cancelled");
        return true;
    }
    if (event.type == Event::Type::timed_out) {
        end(RunPhase::timed_out, std::string(kTimeout),
            "it took longer than the workflow's timeout of " +
                std::to_string(spec_->timeout.count() / 1000) + " s");
        return true;
    }
    auto* lane = lane_of(event.step);
    if (!lane) return false;
    switch (event.type) {
        case Event::Type::answered:
            if (lane->stage != Stage::calling || lane->attempt != event.attempt) return false;
            answered(*lane, event);
            return true;
        case Event::Type::child_ended:
            if (lane->stage != Stage::child || lane->attempt != event.attempt) return false;
            answered(*lane, event);
            return true;
        case Event::Type::called_back: {
            const bool open = lane->state->callback &&
                              (lane->stage == Stage::for_token || lane->stage == Stage::calling ||
                               lane->stage == Stage::pausing);
            if (!open) return false;
            if (event.failure) {
                give_up(*lane, *event.failure);
            } else {
                leave(*lane, event.value);
            }
            return true;
        }
        case Event::Type::due:
            break;
        default:
            return false;
    }
    if (event.attempt == 0 && lane->expires > 0 && lane->expires <= now_) {
        if (lane->stage == Stage::child) effects_.dropped_children.push_back(lane->step);
        fail(*lane, Failure{std::string(kTimeout), std::string(kTimeout),
                            "it did not end within its timeout", lane->stage != Stage::child});
        return true;
    }
    if (lane->stage == Stage::waiting && lane->due <= now_) {
        leave(*lane, input_of(*lane));
        return true;
    }
    if (lane->stage != Stage::pausing || lane->attempt != event.attempt || lane->due > now_)
        return false;
    ++lane->attempt;
    begin_task(*lane);
    return true;
}

void RunCore::answered(Lane& lane, const Event& event) {
    const auto* failure = event.failure ? &*event.failure : nullptr;
    if (history_) history_->attempt_ended(lane.step, failure, now_);
    if (failure) return fail(lane, *failure);
    if (!lane.state->callback) return leave(lane, event.value);
    // The function has taken the token and answered; now the token is waited for.
    lane.stage = Stage::for_token;
    if (history_) history_->waits(lane.step);
}

void RunCore::redrive() {
    phase_ = RunPhase::running;
    since_ = now_;
    ended_ = 0;
    error_type_.clear();
    cause_.clear();
    std::vector<std::int64_t> ids;
    for (const auto& [id, lane] : lanes_) ids.push_back(id);
    for (const auto id : ids) {
        const auto found = lanes_.find(id);
        if (found != lanes_.end() && phase_ == RunPhase::running) go_on(found->second);
    }
}

void RunCore::go_on(Lane& lane) {
    if (lane.stage != Stage::failed) {
        // What was cut off by the end goes on as after a restart.
        emit(lane, effects_, true);
        return;
    }
    if (lane.done > 0 && lane.done == lane.items.size()) {
        lane.stage = Stage::fan_out;
        tasks_.push_back({lane.id, "", Value()});
        return;
    }
    if (lane.state->type == model::WorkflowState::Type::task) {
        lane.budget_from = lane.attempt;
        if (!lane.state->workflow.empty()) {
            lane.stage = Stage::child;
            lane.expires = lane.state->timeout ? now_ + lane.state->timeout->count() : 0;
            if (history_) history_->attempt(lane.step, lane.attempt, now_);
            emit(lane, effects_, true);
            return;
        }
        ++lane.attempt;
    }
    execute(lane);
}

/// Until nothing is left that follows at once. Recursion would be as deep as a Map is long.
void RunCore::work() {
    // What an end leaves over is for a redrive.
    while (!tasks_.empty() && phase_ == RunPhase::running) {
        const auto task = std::move(tasks_.front());
        tasks_.pop_front();
        const auto found = lanes_.find(task.lane);
        if (found == lanes_.end()) continue;
        if (task.state.empty()) {
            refill(found->second);
        } else {
            enter(found->second, task.state, task.document);
        }
    }
}

void RunCore::end(RunPhase phase, std::string error_type, std::string cause) {
    phase_ = phase;
    ended_ = now_;
    error_type_ = std::move(error_type);
    cause_ = std::move(cause);
    effects_.ended = true;
    // Only what would be done for nothing: the lanes stay as they are, for a redrive.
    effects_.calls.clear();
    effects_.children.clear();
    effects_.wakes.clear();
    for (const auto& [id, lane] : lanes_)
        if (lane.stage == Stage::child) effects_.dropped_children.push_back(lane.step);
}

RunCore::Lane* RunCore::lane_of(std::int64_t step) {
    const auto found = lane_of_step_.find(step);
    return found == lane_of_step_.end() ? nullptr : &lanes_.at(found->second);
}

std::int64_t RunCore::step_of(std::string_view token) const {
    const auto found = step_of_token_.find(token);
    return found == step_of_token_.end() ? 0 : found->second;
}

Effects RunCore::outstanding() {
    Effects all;
    if (phase_ != RunPhase::running) return all;
    for (const auto& [id, lane] : lanes_) emit(lane, all);
    all.values = values_.take();
    return all;
}

}  // namespace hearth::workflow
