#include "model/cron_fields.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <span>
#include <vector>

namespace hearth::model {
namespace {

namespace chrono = std::chrono;

struct Field {
    std::string_view name;
    int min, max;
    std::span<const std::string_view> words;  ///< for min, min + 1 and so on
};

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr Field kSecond{"second", 0, 59, {}}, kMinute{"minute", 0, 59, {}},
    kHour{"hour", 0, 23, {}}, kDay{"day of month", 1, 31, {}}, kMonth{"month", 1, 12, kMonths},
    kWeekday{"day of week", 0, 7, kWeekdays};
constexpr int kYearsAhead = 9;

struct Bits {
    std::uint64_t set = 0;
    bool any = false;
};

Error wrong(const Field& field, std::string why) {
    return Error(Errc::invalid_argument, fmt::format("{}: {}", field.name, why));
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto cut = text.find_first_of(separators);
        parts.push_back(text.substr(0, cut));
        if (cut == std::string_view::npos) return parts;
        text.remove_prefix(cut + 1);
    }
}

bool same_word(std::string_view text, std::string_view word) {
    if (text.size() != word.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] | 0x20) != word[i]) return false;
    }
    return true;
}

std::optional<int> whole_number(std::string_view text) {
    int value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool fine = fault == std::errc() && end == text.data() + text.size() && value >= 0;
    return fine && !text.empty() ? std::optional(value) : std::nullopt;
}

Result<int> value_of(const Field& field, std::string_view text) {
    for (std::size_t i = 0; i < field.words.size(); ++i) {
        if (same_word(text, field.words[i])) return field.min + static_cast<int>(i);
    }
    const auto value = whole_number(text);
    if (!value) return wrong(field, fmt::format("\"{}\" is no value of it", text));
    if (*value < field.min || *value > field.max)
        return wrong(field, fmt::format("{} is not within {} to {}", *value, field.min, field.max));
    return *value;
}

Result<Bits> part_of(const Field& field, std::string_view text) {
    const auto slash = text.find('/');
    const std::string_view range = text.substr(0, slash);
    int step = 1;
    if (slash != std::string_view::npos) {
        const auto given = whole_number(text.substr(slash + 1));
        if (!given || *given == 0)
            return wrong(field,
                         fmt::format("\"{}\" needs a step of 1 or more after the '/'", text));
        step = *given;
    }
    Bits bits;
    int first = field.min, last = field.max;
    if (range == "*" || range == "?") {
        bits.any = step == 1;
        // Sunday is 0 here already.
        if (&field == &kWeekday) last = 6;
    } else {
        const auto dash = range.find('-');
        const auto from = value_of(field, range.substr(0, dash));
        if (!from) return from.error();
        first = *from;
        if (dash != std::string_view::npos) {
            const auto to = value_of(field, range.substr(dash + 1));
            if (!to) return to.error();
            last = *to;
        } else if (slash == std::string_view::npos) {
            last = first;
        } else if (&field == &kWeekday) {
            last = std::max(first, 6);
        }
        if (first > last)
            return wrong(field, fmt::format("the range {} begins after its end", range));
    }
    for (int value = first; value <= last; value += step) bits.set |= std::uint64_t{1} << value;
    return bits;
}

Result<Bits> bits_of(const Field& field, std::string_view text) {
    Bits bits;
    for (const auto part : split(text, ",")) {
        const auto more = part_of(field, part);
        if (!more) return more.error();
        bits.set |= more->set;
        bits.any = bits.any || more->any;
    }
    return bits;
}

/// The lowest bit from `from` on, or -1.
int next_bit(std::uint64_t set, unsigned from) {
    const std::uint64_t rest = from < 64 ? set >> from : 0;
    return rest == 0 ? -1 : static_cast<int>(from) + std::countr_zero(rest);
}

}  // namespace

Result<CronFields> CronFields::parse(std::string_view text) {
    std::vector<std::string_view> words;
    for (const auto word : split(text, " \t")) {
        if (!word.empty()) words.push_back(word);
    }
    if (words.size() != 5 && words.size() != 6) {
        return Error(Errc::invalid_argument,
                     fmt::format("has {} fields; it takes minute, hour, day of month, month and "
                                 "day of week, with seconds in front or not",
                                 words.size()));
    }
    if (words.size() == 5) words.insert(words.begin(), "0");
    constexpr std::array<const Field*, 6> kOrder = {&kSecond, &kMinute, &kHour,
                                                    &kDay,    &kMonth,  &kWeekday};
    std::array<Bits, 6> bits;
    for (std::size_t i = 0; i < kOrder.size(); ++i) {
        auto read = bits_of(*kOrder[i], words[i]);
        if (!read) return read.error();
        bits[i] = *read;
    }
    CronFields fields;
    fields.seconds = bits[0].set;
    fields.minutes = bits[1].set;
    fields.hours = static_cast<std::uint32_t>(bits[2].set);
    fields.days = static_cast<std::uint32_t>(bits[3].set);
    fields.any_day = bits[3].any;
    fields.months = static_cast<std::uint32_t>(bits[4].set);
    fields.weekdays = static_cast<std::uint32_t>((bits[5].set | bits[5].set >> 7) & 0x7F);
    fields.any_weekday = bits[5].any;
    return fields;
}

bool CronFields::fits(chrono::year_month_day date) const {
    const bool day = (days >> unsigned(date.day()) & 1) != 0;
    const bool weekday =
        (weekdays >> chrono::weekday(chrono::sys_days(date)).c_encoding() & 1) != 0;
    return any_day || any_weekday ? day && weekday : day || weekday;
}

std::optional<WallSeconds> CronFields::next(WallSeconds after) const {
    const auto start = after + chrono::seconds(1);
    auto day = chrono::floor<chrono::days>(start);
    auto within = start - day;
    const auto last_year = chrono::year_month_day(day).year() + chrono::years(kYearsAhead);
    while (true) {
        const chrono::year_month_day date(day);
        if (date.year() > last_year) return std::nullopt;
        if ((months >> unsigned(date.month()) & 1) == 0) {
            const auto following = date.year() / date.month() / 1 + chrono::months(1);
            day = chrono::sys_days(following);
            within = chrono::seconds(0);
            continue;
        }
        // A time that is left of this day: the first hour that has one, then minute and second.
        const chrono::hh_mm_ss from(within);
        int hour = fits(date) ? next_bit(hours, unsigned(from.hours().count())) : -1;
        int minute = 0, second = 0;
        while (hour >= 0) {
            const bool same_hour = hour == from.hours().count();
            minute = next_bit(minutes, same_hour ? unsigned(from.minutes().count()) : 0);
            const bool same_minute = same_hour && minute == from.minutes().count();
            second = next_bit(seconds, same_minute ? unsigned(from.seconds().count()) : 0);
            if (minute >= 0 && second < 0) {
                minute = next_bit(minutes, unsigned(minute) + 1);
                second = next_bit(seconds, 0);
            }
            if (minute >= 0) break;
            hour = next_bit(hours, unsigned(hour) + 1);
        }
        if (hour >= 0) {
            return day + chrono::hours(hour) + chrono::minutes(minute) + chrono::seconds(second);
        }
        day += chrono::days(1);
        within = chrono::seconds(0);
    }
}

}  // namespace hearth::model
