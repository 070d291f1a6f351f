#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/executor/executor.hpp"
#include "hearth/http/forward.hpp"
#include "hearth/invoke/invoker.hpp"

namespace hearth::invoke {

/// Client headers with these prefixes never reach a function: they are the platform's own word, or
/// a credential for the platform.
const std::vector<std::string>& dropped_prefixes(const Call& call);

/// What the platform tells a function about itself (Fission's names): the same for all its calls.
http::HeaderList function_headers(const model::Metadata& function);
/// The request's id, in both spellings.
void add_request_id(std::string_view request_id, http::HeaderList& headers);

/// The call's line in the function's log: `METHOD path status duration ms [cold] [component]`.
void append_record(std::string& out, const http::RequestHead& head, const CallReport& report);

/// Value of Server-Timing: queue, start, load, connect, function, each with dur in milliseconds.
std::string server_timing(const executor::LeaseTimings& lease, std::chrono::nanoseconds connect,
                          std::chrono::nanoseconds function);

/// Adds the platform's headers to the function's answer.
class AnswerHeaders final : public http::ResponseHook {
 public:
    explicit AnswerHeaders(const Call& call) : call_(call) {}
    void of_lease(const executor::LeaseTimings& timings) { timings_ = timings; }
    void on_response(int status, const http::HeaderList& from_upstream,
                     std::chrono::nanoseconds connect, std::chrono::nanoseconds upstream_wait,
                     http::HeaderList& add) override;

 private:
    const Call& call_;
    executor::LeaseTimings timings_;
};

}  // namespace hearth::invoke
