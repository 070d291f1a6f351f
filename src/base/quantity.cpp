#include "hearth/base/quantity.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace hearth::base {
namespace {

/// Reads the decimal number at the front of `text` and leaves the rest in it.
bool take_number(std::string_view& text, double& value) {
    if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return false;
    const auto [end, ec] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (ec != std::errc() || !std::isfinite(value)) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

Error bad(std::string_view what, std::string_view text, std::string_view example) {
    return Error(Errc::invalid_argument, "\"" + std::string(text) + "\" is not a " +
                                             std::string(what) + "; write it like " +
                                             std::string(example));
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
    static constexpr std::pair<std::string_view, double> kUnits[] = {
        {"", 1},         {"k", 1e3},           {"M", 1e6},
        {"G", 1e9},      {"T", 1e12},          {"Ki", 1024},
        {"Mi", 1048576}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0}};
    std::string_view rest = text;
    double value = 0;
    if (take_number(rest, value)) {
        for (const auto& [unit, factor] : kUnits) {
            if (rest == unit && value * factor < 9.2e18)
                return static_cast<std::uint64_t>(value * factor);
        }
    }
    return bad("size", text, "64Mi, 1G or 1048576");
}

Result<std::uint32_t> parse_millicores(std::string_view text) {
    std::string_view rest = text;
    double value = 0;
    if (take_number(rest, value)) {
        const double milli = rest == "m" ? value : rest.empty() ? value * 1000 : -1;
        if (milli >= 0 && milli <= std::numeric_limits<std::uint32_t>::max()) {
            return static_cast<std::uint32_t>(std::lround(milli));
        }
    }
    return bad("CPU quantity", text, "250m, 1 or 0.5");
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
    static constexpr std::pair<std::string_view, double> kUnits[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    std::string_view rest = text;
    double total = 0;
    bool any = false;
    while (!rest.empty()) {
        double value = 0;
        if (!take_number(rest, value)) return bad("duration", text, "250ms, 5s, 2m or 1h30m");
        std::string_view unit = rest.substr(0, rest.starts_with("ms") ? 2 : 1);
        double factor = 0;
        for (const auto& [name, f] : kUnits) {
            if (unit == name) factor = f;
        }
        if (factor == 0) return bad("duration", text, "250ms, 5s, 2m or 1h30m");
        rest.remove_prefix(unit.size());
        total += value * factor;
        any = true;
    }
    if (!any || total > 9e15) return bad("duration", text, "250ms, 5s, 2m or 1h30m");
    return static_cast<std::int64_t>(std::llround(total));
}

}  // namespace hearth::base
