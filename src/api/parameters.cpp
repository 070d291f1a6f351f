#include "api/parameters.hpp"

#include <algorithm>

#include "hearth/base/ids.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kLongestRequestId = 192;
constexpr std::size_t kLongestValue = 2048;

/// Edits that turn one word into the other, letter case aside.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            const std::size_t change = diagonal + (low(a[i - 1]) == low(b[j - 1]) ? 0 : 1);
            row[j] = std::min({above + 1, row[j - 1] + 1, change});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string known_names(const Operation& operation, std::string_view wrong) {
    std::string list;
    std::string_view nearest;
    std::size_t best = 3;
    for (const auto& parameter : operation.parameters) {
        if (parameter.in != "query") continue;
        list += (list.empty() ? "" : ", ") + std::string(parameter.name);
        const auto edits = distance(wrong.substr(0, 64), parameter.name);
        if (edits < best) {
            best = edits;
            nearest = parameter.name;
        }
    }
    if (!nearest.empty()) return "did you mean " + std::string(nearest) + "?";
    return list.empty() ? "this request takes none" : "known: " + list;
}

std::string printable(std::string_view text) {
    std::string out(text.substr(0, 64));
    for (char& c : out) c = c < 0x20 || c > 0x7e ? '?' : c;
    return out;
}

Result<void> check_value(const Parameter& parameter, const std::string& value) {
    const auto refuse = [&](std::string_view rule) {
        return Error(Errc::invalid_argument, "the query parameter " + std::string(parameter.name) +
                                                 " " + std::string(rule));
    };
    if (value.size() > kLongestValue) return refuse("is too long");
    if (value.find('\0') != std::string::npos) return refuse("holds a NUL");
    if (parameter.type == "boolean" && value != "true" && value != "false")
        return refuse("must be true or false");
    if (parameter.type == "integer") {
        const bool digits =
            !value.empty() && value.size() <= 18 &&
            std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!digits) return refuse("must be a whole number");
    }
    if (parameter.name == "namespace" && !is_name(value))
        return refuse("must be the name of a namespace (a DNS label)");
    return {};
}

}  // namespace

Result<void> check_parameters(const Operation& operation, std::string_view query) {
    std::vector<std::string> seen;
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto part = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
        if (part.empty()) continue;
        const auto equals = part.find('=');
        const auto name = http::percent_decode(part.substr(0, equals), true);
        if (!name) return name.error();
        const auto value = http::percent_decode(
            equals == std::string_view::npos ? "" : part.substr(equals + 1), true);
        if (!value) return value.error();
        const auto known =
            std::find_if(operation.parameters.begin(), operation.parameters.end(),
                         [&](const Parameter& p) { return p.in == "query" && p.name == *name; });
        if (known == operation.parameters.end()) {
            return Error(Errc::invalid_argument, "the query parameter \"" + printable(*name) +
                                                     "\" is not known here; " +
                                                     known_names(operation, *name));
        }
        if (std::find(seen.begin(), seen.end(), *name) != seen.end()) {
            return Error(Errc::invalid_argument,
                         "the query parameter " + *name + " is there twice");
        }
        seen.push_back(*name);
        if (value->empty() && !known->required && known->type == "string") continue;
        if (auto good = check_value(*known, *value); good.has_error()) return good.error();
    }
    for (const auto& parameter : operation.parameters) {
        if (!parameter.required) continue;
        if (std::find(seen.begin(), seen.end(), parameter.name) == seen.end()) {
            return Error(Errc::invalid_argument,
                         "the query parameter " + std::string(parameter.name) + " is missing");
        }
    }
    return {};
}

bool is_name(std::string_view text) {
    const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const auto allowed = [&](char c) { return alnum(c) || c == '-'; };
    return !text.empty() && text.size() <= 63 && alnum(text.front()) && alnum(text.back()) &&
           std::all_of(text.begin(), text.end(), allowed);
}

std::string request_id_of(const http::RequestHead& head) {
    const auto given = head.headers.find("X-Request-Id");
    const auto printable_ascii = [](char c) { return c > 0x20 && c < 0x7f; };
    const bool usable = given && !given->empty() && given->size() <= kLongestRequestId &&
                        std::all_of(given->begin(), given->end(), printable_ascii);
    return usable ? std::string(*given) : base::new_uuid();
}

}  // namespace hearth::api
