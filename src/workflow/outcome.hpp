#pragma once

#include "hearth/invoke/invoker.hpp"
#include "workflow/run_event.hpp"

namespace hearth::workflow {

/// What an answer means for the step: a JSON text, or why it failed.
struct StepOutcome {
    std::optional<Failure> failure;
    std::string text;
    StepOutcome() = default;
};
StepOutcome outcome_of(const invoke::CallAnswer& answer, std::uint64_t most_bytes);

/// What the function is sent. `key` is the same over all attempts at the step.
invoke::DetachedCall call_of(const std::string& run_id, std::int64_t step, int attempt,
                             const std::string& branch, const std::string& token,
                             std::string input);
/// The same for a run that is a step: a new one for each attempt.
std::string child_key(const std::string& run_id, std::int64_t step, int attempt);

}  // namespace hearth::workflow
