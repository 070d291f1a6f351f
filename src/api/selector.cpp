#include "api/selector.hpp"

#include <algorithm>

namespace hearth::api {
namespace {

constexpr std::size_t kMostConditions = 50;

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool valid_word(std::string_view word, bool key) {
    const auto allowed = [key](char c) {
        const bool alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return alnum || c == '-' || c == '_' || c == '.' || (key && c == '/');
    };
    if (key && word.empty()) return false;
    return word.size() <= 317 && std::all_of(word.begin(), word.end(), allowed);
}

Error refuse(std::string_view condition) {
    std::string shown(condition.substr(0, 80));
    for (char& c : shown) c = c < 0x20 || c > 0x7e ? '?' : c;
    return Error(Errc::invalid_argument,
                 "labelSelector: \"" + shown +
                     "\" is not one of a=b, a!=b, a, !a (several separated by commas)");
}

}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
    LabelSelector selector;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto part = trim(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        Condition condition;
        const auto operation = part.find('=');
        std::string_view key = part, value;
        if (operation != std::string_view::npos) {
            const bool different = operation > 0 && part[operation - 1] == '!';
            const bool doubled = part.substr(operation).starts_with("==");
            condition.test = different ? Test::different : Test::equal;
            key = trim(part.substr(0, different ? operation - 1 : operation));
            value = trim(part.substr(operation + (doubled ? 2 : 1)));
        } else if (part.starts_with('!')) {
            condition.test = Test::absent;
            key = trim(part.substr(1));
        }
        if (!valid_word(key, true) || !valid_word(value, false)) return refuse(part);
        condition.key = key;
        condition.value = value;
        selector.conditions_.push_back(std::move(condition));
        if (selector.conditions_.size() > kMostConditions) return refuse("more than 50 conditions");
    }
    return selector;
}

bool LabelSelector::matches(const std::map<std::string, std::string>& labels) const {
    return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
        const auto label = labels.find(condition.key);
        const bool there = label != labels.end();
        switch (condition.test) {
            case Test::equal:
                return there && label->second == condition.value;
            case Test::different:
                return !there || label->second != condition.value;
            case Test::present:
                return there;
            case Test::absent:
                return !there;
        }
        return false;
    });
}

}  // namespace hearth::api
