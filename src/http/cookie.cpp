#include "hearth/http/cookie.hpp"

namespace hearth::http {
namespace {

/// Takes the next `name=value` off a Cookie header's value.
std::string_view next_pair(std::string_view& rest) {
    const auto end = rest.find(';');
    auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t')) pair.remove_prefix(1);
    while (!pair.empty() && (pair.back() == ' ' || pair.back() == '\t')) pair.remove_suffix(1);
    return pair;
}

bool is_named(std::string_view pair, std::string_view name) {
    return pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=';
}

}  // namespace

std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name) {
    while (!header.empty()) {
        const auto pair = next_pair(header);
        if (is_named(pair, name)) return pair.substr(name.size() + 1);
    }
    return std::nullopt;
}

std::string without_cookie(std::string_view header, std::string_view name) {
    std::string kept;
    while (!header.empty()) {
        const auto pair = next_pair(header);
        if (pair.empty() || is_named(pair, name)) continue;
        if (!kept.empty()) kept += "; ";
        kept += pair;
    }
    return kept;
}

}  // namespace hearth::http
