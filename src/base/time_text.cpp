#include "hearth/base/time_text.hpp"

#include <charconv>
#include <chrono>

namespace hearth::base {
namespace {

/// Takes exactly `digits` digits off the front.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
    if (text.size() < digits) return false;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return false;
    }
    std::from_chars(text.data(), text.data() + digits, value);
    text.remove_prefix(digits);
    return true;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

bool take_offset(std::string_view& text, std::chrono::minutes& offset) {
    offset = std::chrono::minutes(0);
    if (take(text, 'Z') || take(text, 'z')) return true;
    const bool east = !text.empty() && text.front() == '+';
    if (!east && (text.empty() || text.front() != '-')) return false;
    text.remove_prefix(1);
    int hours = 0, minutes = 0;
    if (!take_number(text, 2, hours) || !take(text, ':') || !take_number(text, 2, minutes))
        return false;
    if (hours > 23 || minutes > 59) return false;
    offset = std::chrono::minutes((hours * 60 + minutes) * (east ? 1 : -1));
    return true;
}

}  // namespace

std::optional<WallTime> parse_rfc3339(std::string_view text) {
    namespace chrono = std::chrono;
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    const bool date = take_number(text, 4, year) && take(text, '-') &&
                      take_number(text, 2, month) && take(text, '-') && take_number(text, 2, day);
    if (!date || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
    const bool time = take_number(text, 2, hour) && take(text, ':') &&
                      take_number(text, 2, minute) && take(text, ':') &&
                      take_number(text, 2, second);
    if (!time || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    chrono::nanoseconds fraction(0);
    if (take(text, '.')) {
        std::int64_t unit = 100'000'000;
        bool any = false;
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
            fraction += chrono::nanoseconds((text.front() - '0') * unit);
            unit /= 10;
            any = true;
            text.remove_prefix(1);
        }
        if (!any) return std::nullopt;
    }
    chrono::minutes offset(0);
    if (!take_offset(text, offset) || !text.empty()) return std::nullopt;
    const chrono::year_month_day ymd{chrono::year(year),
                                     chrono::month(static_cast<unsigned>(month)),
                                     chrono::day(static_cast<unsigned>(day))};
    if (!ymd.ok()) return std::nullopt;
    const auto at = chrono::sys_days(ymd) + chrono::hours(hour) + chrono::minutes(minute) +
                    chrono::seconds(second) - offset + fraction;
    return chrono::time_point_cast<WallTime::duration>(at);
}

}  // namespace hearth::base
