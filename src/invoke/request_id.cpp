#include <sys/random.h>

#include "hearth/base/ids.hpp"
#include "hearth/invoke/invoker.hpp"

namespace hearth::invoke {
namespace {

constexpr std::size_t kLongestRequestId = 192;

std::optional<std::string_view> given_id(const http::RequestHead& head) {
    for (const std::string_view name : {"X-Request-Id", "X-Fission-Request-ID"})
        if (const auto value = head.headers.find(name); value && usable_request_id(*value))
            return value;
    return std::nullopt;
}

}  // namespace

bool usable_request_id(std::string_view id) {
    if (id.empty() || id.size() > kLongestRequestId) return false;
    for (const char c : id)
        if (c < 0x21 || c > 0x7e) return false;
    return true;
}

std::string RequestIds::next() {
    static constexpr char kDigits[] = "0123456789abcdef";
    if (used_ == bytes_.size()) {
        if (::getrandom(bytes_.data(), bytes_.size(), 0) != static_cast<ssize_t>(bytes_.size()))
            return base::new_uuid();
        used_ = 0;
    }
    auto* bytes = bytes_.data() + used_;
    used_ += kEach;
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text(36, '-');
    std::size_t at = 0;
    for (std::size_t i = 0; i < kEach; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
        text[at++] = kDigits[bytes[i] >> 4];
        text[at++] = kDigits[bytes[i] & 15];
    }
    return text;
}

std::string new_traceparent() {
    constexpr std::size_t kTraceId = 16, kParentId = 8;
    return "00-" + base::random_hex(kTraceId) + "-" + base::random_hex(kParentId) + "-01";
}

std::string request_id_of(const http::RequestHead& head) {
    if (const auto given = given_id(head)) return std::string(*given);
    return base::new_uuid();
}

std::string request_id_of(const http::RequestHead& head, RequestIds& ids) {
    if (const auto given = given_id(head)) return std::string(*given);
    return ids.next();
}

}  // namespace hearth::invoke
