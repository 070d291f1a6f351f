#include <boost/json.hpp>

#include <algorithm>

#include "hearth/base/ids.hpp"
#include "workflow/run_core.hpp"
#include "workflow/shape.hpp"

namespace hearth::workflow {

using catalog::RunPhase;
using Type = model::WorkflowState::Type;

namespace {

constexpr std::size_t kLongestCause = 1024;
/// A token that nobody guesses and every replay makes again.
constexpr std::size_t kTokenDigits = 32;

std::string_view type_word(Type type) {
    static constexpr std::string_view kWords[] = {"Task", "Choice",  "Parallel", "Map",
                                                  "Wait", "Succeed", "Fail"};
    return kWords[static_cast<std::size_t>(type)];
}

Failure builtin(std::string_view type, std::string cause) {
    return Failure{std::string(type), std::string(type), std::move(cause), true};
}

Failure invalid_path(std::string cause) {
    return builtin(kInvalidPath, std::move(cause));
}

bool fits(const model::StepCatch& route, const Failure& failure) {
    return route.error_type == failure.type || route.error_type == failure.kind ||
           route.error_type == kAll;
}

}  // namespace

void RunCore::enter(Lane& lane, const std::string& name, Value document) {
    lane.state = lane.machine->find(name);
    lane.document = std::move(document);
    lane.step = next_step_++;
    lane.attempt = 1;
    lane.budget_from = 0;
    lane.due = lane.expires = 0;
    lane.items.clear();
    lane.results.clear();
    lane.next = lane.done = lane.running = 0;
    keep(lane.document);
    lane_of_step_[lane.step] = lane.id;
    if (history_)
        history_->entered(lane.step, lane.state->name, type_word(lane.state->type), lane.branch,
                          lane.state->workflow, now_);
    if (lane.step > limits_.steps)
        return give_up(lane, builtin(kTooManySteps, "the run has come to more than " +
                                                        std::to_string(limits_.steps) + " steps"));
    execute(lane);
}

void RunCore::execute(Lane& lane) {
    lane.stage = Stage::computing;
    const auto& state = *lane.state;
    if (history_) history_->works_on(lane.step, input_of(lane), "");
    switch (state.type) {
        case Type::task:
            return begin_task(lane);
        case Type::choice: {
            const auto input = input_of(lane);
            const auto next = chosen(state, parsed(values_.read(input)));
            if (next.empty())
                return fail(lane, builtin(kNoChoice, "no rule of \"" + state.name +
                                                         "\" holds, and it has no default"));
            const auto output = part_of(state.output_path, input, values_);
            lane_of_step_.erase(lane.step);
            if (history_) history_->left(lane.step, "Succeeded", nullptr, &output, now_);
            tasks_.push_back({lane.id, next, output});
            return;
        }
        case Type::parallel:
        case Type::map:
            return begin_fan_out(lane);
        case Type::wait:
            lane.stage = Stage::waiting;
            lane.due = now_ + state.duration.count();
            if (history_) history_->waits(lane.step);
            return emit(lane, effects_);
        case Type::succeed:
            return leave(lane, input_of(lane));
        case Type::fail:
            return give_up(
                lane, Failure{state.error_type, std::string(kFunctionError), state.cause, true});
    }
}

void RunCore::begin_task(Lane& lane) {
    const auto& state = *lane.state;
    const bool bare = state.function.empty() && state.workflow.empty();
    if (history_ && !bare) history_->attempt(lane.step, lane.attempt, now_);
    const bool first = lane.attempt == lane.budget_from + 1;
    if ((state.callback || !state.workflow.empty()) && (first || !state.workflow.empty()))
        lane.expires = state.timeout ? now_ + state.timeout->count() : 0;
    if (state.callback) {
        const auto token = token_of(lane);
        step_of_token_[token] = lane.step;
        if (history_) history_->works_on(lane.step, input_of(lane), token);
    }
    if (!state.workflow.empty()) {
        lane.stage = Stage::child;
    } else if (bare) {
        lane.stage = Stage::for_token;
        if (history_) history_->waits(lane.step);
    } else {
        lane.stage = Stage::calling;
    }
    emit(lane, effects_);
}

void RunCore::begin_fan_out(Lane& lane) {
    const auto input = input_of(lane);
    if (lane.state->type == Type::parallel) {
        lane.items.assign(lane.state->branches.size(), input);
    } else {
        const auto whole = parsed(values_.read(input));
        const auto* found = lane.state->items_path.find(whole);
        const auto* list = found ? found->if_array() : nullptr;
        if (!list)
            return fail(lane,
                        invalid_path("itemsPath of \"" + lane.state->name + "\" leads to no list"));
        if (static_cast<std::int64_t>(list->size()) > limits_.items)
            return fail(lane, builtin(kTooLarge, "the list has " + std::to_string(list->size()) +
                                                     " items; " + std::to_string(limits_.items) +
                                                     " are the most"));
        lane.items.reserve(list->size());
        for (const auto& item : *list)
            lane.items.push_back(values_.make(boost::json::serialize(item)));
    }
    lane.stage = Stage::fan_out;
    lane.results.assign(lane.items.size(), Value());
    lane.next = lane.done = lane.running = 0;
    if (lane.items.empty()) return leave(lane, Value("[]"));
    tasks_.push_back({lane.id, "", Value()});
}

void RunCore::refill(Lane& owner) {
    if (owner.stage != Stage::fan_out) return;
    if (owner.done == owner.items.size()) return join(owner);
    const auto& branches = owner.state->branches;
    const bool map = owner.state->type == Type::map;
    while (owner.next < owner.items.size() &&
           owner.running < static_cast<std::size_t>(owner.state->max_concurrency)) {
        const auto index = owner.next++;
        ++owner.running;
        auto& lane = lanes_[next_lane_];
        lane.id = next_lane_++;
        lane.owner = owner.id;
        lane.index = index;
        lane.machine = &branches[map ? 0 : index];
        lane.branch = std::to_string(owner.step) + "[" + std::to_string(index) + "]";
        tasks_.push_back({lane.id, lane.machine->start_at, std::move(owner.items[index])});
    }
}

void RunCore::join(Lane& owner) {
    std::string text = "[";
    for (auto& result : owner.results) {
        if (text.size() > 1) text += ',';
        text += values_.read(result);
        if (text.size() > limits_.value_bytes)
            return fail(owner, builtin(kTooLarge, "the results are longer than " +
                                                      std::to_string(limits_.value_bytes) +
                                                      " bytes together"));
    }
    leave(owner, values_.make(text + "]"));
}

void RunCore::leave(Lane& lane, const Value& result) {
    const auto& state = *lane.state;
    keep(result);
    auto merged = put_into(state.result_path, lane.document, result, values_);
    if (!merged) return fail(lane, invalid_path("resultPath: " + merged.error().message));
    if (merged->bytes > limits_.value_bytes)
        return fail(lane, builtin(kTooLarge, "the document is longer than " +
                                                 std::to_string(limits_.value_bytes) + " bytes"));
    auto output = part_of(state.output_path, *merged, values_);
    keep(output);
    if (state.callback) step_of_token_.erase(token_of(lane));
    lane_of_step_.erase(lane.step);
    if (history_) history_->left(lane.step, "Succeeded", nullptr, &output, now_);
    lane.items.clear();
    lane.results.clear();
    if (state.next.empty() || state.type == Type::succeed) return finish(lane, std::move(output));
    tasks_.push_back({lane.id, state.next, std::move(output)});
}

void RunCore::finish(Lane& lane, Value document) {
    if (lane.owner == 0) {
        output_ = std::move(document);
        lanes_.clear();
        return end(RunPhase::succeeded, "", "");
    }
    auto& owner = lanes_.at(lane.owner);
    owner.results[lane.index] = std::move(document);
    ++owner.done;
    --owner.running;
    tasks_.push_back({owner.id, "", Value()});
    lanes_.erase(lane.id);
}

/// Tries a task again when that may help, else gives it up.
void RunCore::fail(Lane& lane, Failure failure) {
    const auto& retry = lane.state->retry;
    const int made = lane.attempt - lane.budget_from;
    const bool again = lane.state->type == Type::task && !failure.permanent &&
                       made < retry.max_attempts &&
                       (lane.stage == Stage::calling || lane.stage == Stage::child);
    if (!again) return give_up(lane, std::move(failure));
    auto pause = retry.backoff_base.count();
    for (int i = 1; i < made && pause < retry.backoff_cap.count(); ++i) pause *= 2;
    lane.stage = Stage::pausing;
    lane.due = now_ + std::min<std::int64_t>(pause, retry.backoff_cap.count());
    if (history_) history_->waits(lane.step);
    emit(lane, effects_);
}

/// The nearest catch that fits takes the failure: of the step, or of a fan-out around it. Without
/// one the run has failed, and stays as it is for a redrive.
void RunCore::give_up(Lane& lane, Failure failure) {
    if (history_) history_->attempt_ended(lane.step, &failure, now_);
    failure.cause.resize(std::min(failure.cause.size(), kLongestCause));
    auto* at = &lane;
    auto seen = failure;
    for (;;) {
        const auto& catches = at->state->catches;
        const auto route = std::ranges::find_if(
            catches, [&](const model::StepCatch& one) { return fits(one, seen); });
        if (route != catches.end()) {
            auto document = put_into(route->result_path, at->document,
                                     Value(error_text(seen.type, seen.cause)), values_);
            if (!document) document = Value(error_text(seen.type, seen.cause));
            if (history_ && at != &lane)
                history_->left(lane.step, "Failed", &failure, nullptr, now_);
            if (history_) history_->left(at->step, "Caught", &seen, nullptr, now_);
            drop_branches(*at);
            if (at->state->callback) step_of_token_.erase(token_of(*at));
            lane_of_step_.erase(at->step);
            at->stage = Stage::computing;
            tasks_.push_back({at->id, route->next, std::move(*document)});
            return;
        }
        if (at->owner == 0) break;
        const auto index = at->index;
        at = &lanes_.at(at->owner);
        seen = builtin(kBranchFailed, "branch " + std::to_string(index) + " of \"" +
                                          at->state->name + "\": " + seen.type + ": " + seen.cause);
    }
    lane.stage = Stage::failed;
    if (history_) history_->left(lane.step, "Failed", &failure, nullptr, now_);
    seen.cause.resize(std::min(seen.cause.size(), kLongestCause));
    end(RunPhase::failed, seen.type, seen.cause);
}

void RunCore::drop_branches(const Lane& owner) {
    for (auto at = lanes_.begin(); at != lanes_.end();) {
        const auto next = std::next(at);
        if (at->second.owner == owner.id) {
            const auto id = at->first;
            drop_branches(at->second);
            forget(lanes_.find(id));
            at = lanes_.upper_bound(id);
            continue;
        }
        at = next;
    }
}

void RunCore::forget(std::map<std::int64_t, Lane>::iterator found) {
    auto& lane = found->second;
    const bool open = lane_of_step_.erase(lane.step) > 0;
    if (lane.stage == Stage::child) effects_.dropped_children.push_back(lane.step);
    if (lane.state && lane.state->callback) step_of_token_.erase(token_of(lane));
    // One that has just failed has been told of already.
    if (history_ && open && history_->steps()[lane.step].step.left == 0)
        history_->left(lane.step, "Dropped", nullptr, nullptr, now_);
    const auto step = lane.step;
    std::erase_if(effects_.calls, [&](const StepCall& call) { return call.step == step; });
    std::erase_if(effects_.children, [&](const StepChild& child) { return child.step == step; });
    lanes_.erase(found);
}

/// What must be under way for the lane as it is.
void RunCore::emit(const Lane& lane, Effects& into, bool again) {
    if (lane.expires > 0) into.wakes.push_back({lane.step, 0, lane.expires});
    switch (lane.stage) {
        case Stage::calling:
            into.calls.push_back({lane.step, lane.attempt, lane.state, lane.branch, input_of(lane),
                                  lane.state->callback ? token_of(lane) : std::string()});
            return;
        case Stage::child:
            into.children.push_back(
                {lane.step, lane.attempt, lane.state->workflow, input_of(lane), again});
            return;
        case Stage::pausing:
        case Stage::waiting:
            into.wakes.push_back({lane.step, lane.attempt, lane.due});
            return;
        case Stage::computing:
        case Stage::for_token:
        case Stage::fan_out:
        case Stage::failed:
            return;
    }
}

Value RunCore::input_of(const Lane& lane) {
    auto input = part_of(lane.state->input_path, lane.document, values_);
    keep(input);
    return input;
}

std::string RunCore::token_of(const Lane& lane) const {
    return base::sha256_hex(secret_ + "/" + std::to_string(lane.step)).substr(0, kTokenDigits);
}

}  // namespace hearth::workflow
