#include "invoke/parts.hpp"

#include "hearth/aio/one_shot.hpp"
#include "invoke/call_headers.hpp"

namespace hearth::invoke {
namespace {

// The exit of a process is told by another thread than the end of its connection, usually within a
// millisecond.
constexpr std::chrono::milliseconds kExitLook{2};

}  // namespace

Task<Verdict> Parts::settle(const executor::FunctionInfo& function, std::string_view method,
                            std::chrono::milliseconds allowed, executor::Lease lease,
                            const http::ForwardResult& result) {
    const bool died = !result.client_fault && result.error->code != Errc::cancelled &&
                      result.error->code != Errc::deadline_exceeded;
    std::optional<std::string> reason;
    if (died) reason = co_await end_reason(lease);
    AttemptState state{function, lease.instance_name(), std::move(reason), method, allowed};
    auto verdict = judge(result, state);
    if (verdict.instance_failed) {
        forwarder.forget(lease.upstream().id);
        lease.release(executor::LeaseOutcome::instance_failed);
    }
    co_return verdict;
}

Task<std::optional<std::string>> Parts::end_reason(const executor::Lease& lease) const {
    const auto last = Deadline::after(exit_patience);
    while (!last.passed()) {
        if (auto reason = lease.end_reason()) co_return reason;
        const bool on = co_await aio::sleep_until(Deadline::after(kExitLook));
        if (!on) break;
    }
    co_return lease.end_reason();
}

void Parts::record(const executor::FunctionInfo& function, const CallKnown& known,
                   const http::RequestHead& head, std::string_view request_id,
                   const CallReport& report, std::string& text) {
    known.series->observe(report.status, report.total);
    append_record(text, head, report);
    telemetry::LogLine line;
    line.time = std::chrono::system_clock::now();
    line.stream = telemetry::LogEntry::Stream::call;
    line.request_id = request_id;
    line.instance = report.instance;
    line.message = text;
    function_log.append(function.metadata.ns, function.metadata.name, line);
}

}  // namespace hearth::invoke
