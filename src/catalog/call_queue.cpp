#include "hearth/catalog/call_queue.hpp"

#include <boost/json.hpp>

#include <charconv>

#include "hearth/base/ids.hpp"

namespace hearth::catalog {
namespace {

constexpr std::string_view kStates[] = {"waiting", "running", "succeeded", "failed"};
constexpr std::size_t kSecretBytes = 16;

}  // namespace

std::string_view call_state_text(CallState state) {
    return kStates[static_cast<std::size_t>(state)];
}

std::optional<CallState> call_state_of(std::string_view text) {
    for (std::size_t i = 0; i < std::size(kStates); ++i)
        if (kStates[i] == text) return static_cast<CallState>(i);
    return std::nullopt;
}

Result<std::int64_t> call_seq_of(std::string_view id) {
    const auto dash = id.find('-');
    std::int64_t seq = 0;
    const auto digits = id.substr(0, dash);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), seq);
    const bool whole = ec == std::errc() && end == digits.data() + digits.size() && seq > 0;
    if (!whole || dash == std::string_view::npos || id.size() != dash + 1 + 2 * kSecretBytes)
        return Error(Errc::not_found, "there is no call \"" + std::string(id.substr(0, 80)) + "\"");
    return seq;
}

std::string new_call_id(std::int64_t seq) {
    return std::to_string(seq) + "-" + base::random_hex(kSecretBytes);
}

bool is_text(std::string_view bytes) {
    boost::system::error_code ec;
    boost::json::parse(boost::json::serialize(boost::json::string(bytes)), ec);
    return !ec;
}

std::string lane_of(const CallRequest& request) {
    return request.url.empty() ? request.ns + "/" + request.function : request.url;
}

}  // namespace hearth::catalog
