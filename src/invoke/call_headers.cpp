#include "invoke/call_headers.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace hearth::invoke {
namespace {

double ms(std::chrono::nanoseconds t) {
    return std::chrono::duration<double, std::milli>(t).count();
}

}  // namespace

const std::vector<std::string>& dropped_prefixes(const Call& call) {
    static const std::vector<std::string> prefixes = {"x-fission-", "x-hearth-"};
    static const std::vector<std::string> with_credential = {"x-fission-", "x-hearth-",
                                                             "authorization"};
    return call.drop_authorization ? with_credential : prefixes;
}

http::HeaderList function_headers(const model::Metadata& function) {
    http::HeaderList headers;
    headers.add("X-Fission-Function-Uid", function.uid);
    headers.add("X-Fission-Function-Name", function.name);
    headers.add("X-Fission-Function-Namespace", function.ns);
    headers.add("X-Fission-Function-ResourceVersion", std::to_string(function.revision));
    return headers;
}

void add_request_id(std::string_view request_id, http::HeaderList& headers) {
    headers.add("X-Request-Id", request_id);
    headers.add("X-Fission-Request-ID", request_id);
}

void append_record(std::string& out, const http::RequestHead& head, const CallReport& report) {
    constexpr std::size_t kLoggedPath = 512;
    const auto number = [&out](auto value) {
        std::array<char, 24> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
    };
    out.append(head.method).append(" ").append(head.path().substr(0, kLoggedPath)).append(" ");
    number(report.status);
    out.append(" ");
    const auto us = std::chrono::round<std::chrono::microseconds>(report.total).count();
    number(us / 1000);
    // A thousand more, so that the three digits keep their leading zeros; its own digit becomes the
    // point.
    const auto point = out.size();
    number(1000 + us % 1000);
    out[point] = '.';
    out.append(" ms");
    if (report.cold) out.append(" cold");
    if (!report.component.empty()) out.append(" ").append(report.component);
}

std::string server_timing(const executor::LeaseTimings& lease, std::chrono::nanoseconds connect,
                          std::chrono::nanoseconds function) {
    return fmt::format(
        "queue;dur={:.3f}, start;dur={:.3f}, load;dur={:.3f}, connect;dur={:.3f}, "
        "function;dur={:.3f}",
        ms(lease.queue), ms(lease.start), ms(lease.load), ms(connect), ms(function));
}

void AnswerHeaders::on_response(int, const http::HeaderList&, std::chrono::nanoseconds connect,
                                std::chrono::nanoseconds upstream_wait, http::HeaderList& add) {
    add.add("X-Request-Id", call_.request_id);
    if (call_.response_headers != nullptr)
        for (std::size_t i = 0; i < call_.response_headers->size(); ++i) {
            const auto [name, value] = call_.response_headers->at(i);
            add.add(name, value);
        }
    if (call_.server_timing)
        add.add("Server-Timing", server_timing(timings_, connect, upstream_wait));
}

}  // namespace hearth::invoke
