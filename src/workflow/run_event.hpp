#pragma once

#include <optional>

#include "workflow/value.hpp"

namespace hearth::workflow {

using catalog::UnixMs;

/// Why a step failed.
struct Failure {
    std::string type;   ///< what catch routes name: the function's own word, or a built-in one
    std::string kind;   ///< the built-in one that it belongs to
    std::string cause;  ///< a sentence for people
    bool permanent = false;
    bool operator==(const Failure&) const = default;
};

inline constexpr std::string_view kPermanentError = "Fission.PermanentError",
                                  kFunctionError = "Fission.FunctionError",
                                  kTimeout = "Fission.Timeout",
                                  kBranchFailed = "Fission.BranchFailed",
                                  kInvalidPath = "Fission.InvalidPath",
                                  kNoChoice = "Fission.NoChoiceMatched", kAll = "Fission.All",
                                  kTooLarge = "Hearth.TooLarge",
                                  kTooManySteps = "Hearth.TooManySteps";

/// What a run may do. Written down when it begins, so that a replay decides as the run did.
struct RunLimits {
    std::uint64_t outside_from = 64 * 1024;  ///< bytes; longer values stand outside the events
    std::uint64_t value_bytes = 4u << 20;    ///< of one value
    std::int64_t items = 10'000;             ///< of one Map
    std::int64_t steps = 100'000;            ///< of one run
    bool operator==(const RunLimits&) const = default;
};

/// What happens to a run. In this order they are its journal.
struct Event {
    enum class Type {
        begun,        ///< `value`: the input; secret and limits
        answered,     ///< an attempt has ended
        due,          ///< a time has come; attempt 0: that of a step's timeout
        called_back,  ///< a token came
        child_ended,  ///< the run that is a step
        cancelled,
        timed_out,
        redriven,
    };
    Type type = Type::begun;
    UnixMs at = 0;
    std::int64_t step = 0;
    int attempt = 0;
    std::optional<Failure> failure;
    Value value;
    std::string secret;
    RunLimits limits;
    bool operator==(const Event&) const = default;
};

catalog::RunEvent encode(const Event& event);
/// Errors: internal, for what encode() does not write.
Result<Event> decode(const catalog::RunEvent& event);

}  // namespace hearth::workflow
