#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "hearth/invoke/invoker.hpp"
#include "invoke/call_series.hpp"
#include "invoke/failure.hpp"

namespace hearth::invoke {

/// What every call works with, and what calls with and without a client have in common.
/// Thread: any; the coroutine on a shard.
struct Parts {
    executor::Executor& executor;
    http::Forwarder& forwarder;
    telemetry::FunctionLog& function_log;
    telemetry::Logger& log;
    CallCache cache;
    std::chrono::milliseconds exit_patience;

    /// What is to become of a forward that failed; an instance at fault is taken out. `allowed` is
    /// the time the function had, for the text.
    Task<Verdict> settle(const executor::FunctionInfo& function, std::string_view method,
                         std::chrono::milliseconds allowed, executor::Lease lease,
                         const http::ForwardResult& result);
    /// Counts the call and leaves its line in the function's log. `text` is a spare buffer.
    void record(const executor::FunctionInfo& function, const CallKnown& known,
                const http::RequestHead& head, std::string_view request_id,
                const CallReport& report, std::string& text);

 private:
    Task<std::optional<std::string>> end_reason(const executor::Lease& lease) const;
};

}  // namespace hearth::invoke
