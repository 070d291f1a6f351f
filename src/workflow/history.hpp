#pragma once

#include <map>

#include "hearth/catalog/run_desk.hpp"
#include "workflow/run_event.hpp"

namespace hearth::workflow {

/// Writes down what a core does, for people. A run that goes on needs none: it is made by a replay
/// when someone asks. Thread: that of its core.
class History {
 public:
    void entered(std::int64_t step, const std::string& state, std::string_view type,
                 const std::string& branch, const std::string& child, UnixMs at);
    void works_on(std::int64_t step, const Value& input, const std::string& token);
    void attempt(std::int64_t step, int number, UnixMs at);
    void attempt_ended(std::int64_t step, const Failure* failure, UnixMs at);
    void waits(std::int64_t step);
    /// `status`: Succeeded, Failed, Caught, Dropped.
    void left(std::int64_t step, std::string_view status, const Failure* failure,
              const Value* output, UnixMs at);

    struct Step {
        catalog::RunStep step;
        Value input, output;
    };
    std::map<std::int64_t, Step>& steps() { return steps_; }

 private:
    std::map<std::int64_t, Step> steps_;
};

}  // namespace hearth::workflow
