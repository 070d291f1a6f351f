#include <charconv>
#include <cmath>
#include <cstdint>

#include "model/readers.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

bool all_digits(std::string_view text, int base) {
    if (text.empty()) return false;
    for (const char c : text) {
        int digit = 99;
        if (c >= '0' && c <= '9') digit = c - '0';
        if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
        if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        if (digit >= base) return false;
    }
    return true;
}

Scalar integer(std::string_view digits, int base, bool negative) {
    std::uint64_t magnitude = 0;
    const auto [end, ec] =
        std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
    if (ec == std::errc::result_out_of_range || (negative && magnitude > (1ull << 63))) {
        return {nullptr, "the number does not fit in 64 bits; write it in quotes if it is text"};
    }
    if (negative) return {static_cast<std::int64_t>(0 - magnitude), ""};
    if (magnitude <= static_cast<std::uint64_t>(INT64_MAX)) {
        return {static_cast<std::int64_t>(magnitude), ""};
    }
    return {magnitude, ""};
}

/// [-+]? ( . [0-9]+ | [0-9]+ ( . [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
        const std::size_t start = i;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
        return i - start;
    };
    std::size_t mantissa = digits();
    if (i < text.size() && text[i] == '.') {
        ++i;
        mantissa += digits();
    }
    if (mantissa == 0) return false;
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
        if (digits() == 0) return false;
    }
    return i == text.size();
}

bool is_infinity_or_nan(std::string_view text) {
    return text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
           text == ".NAN";
}

}  // namespace

Scalar resolve_plain(std::string_view text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
        return {};
    if (text == "true" || text == "True" || text == "TRUE") return {true, ""};
    if (text == "false" || text == "False" || text == "FALSE") return {false, ""};
    const char first = text.front();
    if (first != '-' && first != '+' && first != '.' && (first < '0' || first > '9')) {
        return {json::string(text), ""};
    }
    if (text.starts_with("0o") && all_digits(text.substr(2), 8)) {
        return integer(text.substr(2), 8, false);
    }
    if (text.starts_with("0x") && all_digits(text.substr(2), 16)) {
        return integer(text.substr(2), 16, false);
    }
    const bool negative = first == '-';
    const std::string_view body = negative || first == '+' ? text.substr(1) : text;
    if (is_infinity_or_nan(body)) {
        return {nullptr, "the number is not finite; write it in quotes if it is text"};
    }
    if (all_digits(body, 10)) return integer(body, 10, negative);
    if (!is_float(body)) return {json::string(text), ""};
    // strtod and not from_chars: it tells overflow (infinity) from underflow (zero).
    double number = std::strtod(std::string(body).c_str(), nullptr);
    if (!std::isfinite(number)) {
        return {nullptr, "the number is too large; write it in quotes if it is text"};
    }
    return {negative ? -number : number, ""};
}

Document::Place place_of(std::string_view text, std::size_t offset) {
    Document::Place place{1, 1};
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        ++place.column;
        if (text[i] == '\n') {
            ++place.line;
            place.column = 1;
        }
    }
    return place;
}

namespace {

/// Length of the UTF-8 sequence at `i`, 0 when it is none.
std::size_t sequence_length(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t at) -> unsigned {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    const auto tail = [&](std::size_t at) { return (byte(at) & 0xC0u) == 0x80u; };
    const unsigned lead = byte(i);
    if (lead >= 0xC2 && lead <= 0xDF) return tail(i + 1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (!tail(i + 1) || !tail(i + 2)) return 0;
        if (lead == 0xE0 && byte(i + 1) < 0xA0) return 0;
        if (lead == 0xED && byte(i + 1) > 0x9F) return 0;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3)) return 0;
        if (lead == 0xF0 && byte(i + 1) < 0x90) return 0;
        if (lead == 0xF4 && byte(i + 1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

}  // namespace

std::optional<std::size_t> first_bad_byte(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c < 0x80) {
            const bool allowed = c >= 0x20 || c == '\n' || c == '\t' || c == '\r';
            if (!allowed || c == 0x7F) return i;
            ++i;
            continue;
        }
        const std::size_t length = sequence_length(text, i);
        if (length == 0) return i;
        i += length;
    }
    return std::nullopt;
}

bool repair_escapes(std::string& text) {
    std::string repaired;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        const std::size_t length = c < 0x80 ? 1 : sequence_length(text, i);
        if (length > 0) {
            i += length;
            continue;
        }
        if (c != 0x85 && c != 0xA0) return false;
        repaired.append(text, kept, i - kept);
        repaired += '\xC2';
        kept = i++;
    }
    if (kept == 0 && repaired.empty()) return true;
    repaired.append(text, kept);
    text = std::move(repaired);
    return true;
}

}  // namespace hearth::model
