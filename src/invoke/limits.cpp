#include "invoke/limits.hpp"

namespace hearth::invoke {
namespace {

using Time = Deadline::Clock::time_point;

Deadline after(Time began, std::chrono::milliseconds limit) {
    return limit >= Time::max() - began ? Deadline::never() : Deadline(began + limit);
}

}  // namespace

Limits limits_of(const model::FunctionSpec& spec, const std::optional<Deadline>& deadline,
                 Time began) {
    Limits limits;
    limits.allowed = spec.function_timeout;
    limits.wait = after(began, spec.function_timeout);
    limits.whole = limits.wait;
    if (spec.streaming) {
        limits.idle = spec.streaming->idle;
        limits.allowed = spec.streaming->max;
        limits.whole =
            spec.streaming->max.count() > 0 ? after(began, spec.streaming->max) : Deadline::never();
    }
    if (!deadline) return limits;
    if (*deadline < limits.whole) limits.allowed = {};
    limits.wait = limits.wait.sooner(*deadline);
    limits.whole = limits.whole.sooner(*deadline);
    return limits;
}

}  // namespace hearth::invoke
