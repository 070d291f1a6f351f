#include "backend/kube_names.hpp"

#include <algorithm>

#include "hearth/base/ids.hpp"

namespace hearth::backend::kube_names {
namespace {

constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kShortHash = 40;
constexpr std::size_t kStem = 40;

bool alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool label_byte(char c) {
    return alphanumeric(c) || c == '-' || c == '_' || c == '.';
}

void trim_ends(std::string& text) {
    while (!text.empty() && !alphanumeric(text.back())) text.pop_back();
    std::size_t first = 0;
    while (first < text.size() && !alphanumeric(text[first])) ++first;
    text.erase(0, first);
}

}  // namespace

std::string label_value(std::string_view text) {
    std::string value;
    for (const char c : text) value.push_back(label_byte(c) ? c : '-');
    trim_ends(value);
    if (value == text && value.size() <= kLongestLabel) return value;
    value.resize(std::min(value.size(), kStem));
    trim_ends(value);
    if (!value.empty()) value += "-";
    return value + base::sha256_hex(text).substr(0, 12);
}

std::string short_hash(std::string_view hash) {
    if (hash.size() <= kShortHash) return label_value(hash);
    const bool plain = std::all_of(hash.begin(), hash.end(), alphanumeric);
    if (plain) return std::string(hash.substr(0, kShortHash));
    // One made of several, which may begin alike.
    return base::sha256_hex(hash).substr(0, kShortHash);
}

std::string object_name(std::string_view text, std::string_view suffix) {
    std::string name;
    for (char c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        name.push_back(alphanumeric(c) ? c : '-');
    }
    trim_ends(name);
    name.resize(std::min(name.size(), kStem));
    trim_ends(name);
    // A Service's name must begin with a letter.
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(0, "h");
    return name + "-" + std::string(suffix);
}

std::string selector(std::string_view installation) {
    std::string text(kManagedBy);
    text.append("=").append(kManager).append(",").append(kInstallation).append("=");
    return text.append(label_value(installation));
}

bool glob_matches(std::string_view glob, std::string_view text) {
    std::size_t g = 0, t = 0, star = std::string_view::npos, mark = 0;
    while (t < text.size()) {
        if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t]) && glob[g] != '*') {
            ++g, ++t;
        } else if (g < glob.size() && glob[g] == '*') {
            star = g++;
            mark = t;
        } else if (star != std::string_view::npos) {
            g = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (g < glob.size() && glob[g] == '*') ++g;
    return g == glob.size();
}

}  // namespace hearth::backend::kube_names
