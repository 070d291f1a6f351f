#include "model/watched_type.hpp"

#include <algorithm>

namespace hearth::model {
namespace {

struct Known {
    std::string_view word, api_version, kind;
};
constexpr Known kFissions[] = {
    {"pod", "v1", "Pod"},
    {"service", "v1", "Service"},
    {"replicationcontroller", "v1", "ReplicationController"},
    {"job", "batch/v1", "Job"},
};

bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_version(std::string_view text) {
    return text.size() >= 2 && text.size() <= 63 && text[0] == 'v' && digit(text[1]) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return digit(c) || (c >= 'a' && c <= 'z'); });
}

bool is_group(std::string_view text) {
    return !text.empty() && text.size() <= 253 && text.front() != '.' && text.back() != '.' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
           });
}

bool is_kind(std::string_view text) {
    return !text.empty() && text.size() <= 63 && text.front() >= 'A' && text.front() <= 'Z' &&
           std::all_of(text.begin(), text.end(), [](char c) { return letter(c) || digit(c); });
}

}  // namespace

std::optional<WatchedType> parse_watched_type(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    for (const Known& known : kFissions) {
        if (known.word == lower)
            return WatchedType{std::string(known.api_version), std::string(known.kind)};
    }
    const auto slash = text.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto api_version = text.substr(0, slash), kind = text.substr(slash + 1);
    const auto cut = api_version.find('/');
    const bool core = cut == std::string_view::npos;
    const bool fine =
        core ? is_version(api_version)
             : is_group(api_version.substr(0, cut)) && is_version(api_version.substr(cut + 1));
    if (!fine || !is_kind(kind)) return std::nullopt;
    return WatchedType{std::string(api_version), std::string(kind)};
}

}  // namespace hearth::model
