#include "cli/glob.hpp"

#include <algorithm>
#include <set>

namespace hearth::cli {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> parts_of(std::string_view path) {
    std::vector<std::string> parts;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view part = path.substr(start, end - start);
        if (!part.empty() && part != ".") parts.emplace_back(part);
        start = end + 1;
    }
    return parts;
}

/// `pattern[at]` is '['; whether `c` is in the set, and where the set ends (npos: it is none).
bool in_set(std::string_view pattern, std::size_t at, char c, std::size_t& end) {
    std::size_t i = at + 1;
    const bool inverted = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
    if (inverted) ++i;
    bool found = false;
    for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
        char low = pattern[i], high = low;
        if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
            high = pattern[i + 2];
            i += 2;
        }
        found = found || (low <= c && c <= high);
        ++i;
    }
    end = i < pattern.size() ? i : std::string_view::npos;
    return found != inverted;
}

bool part_match(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
    while (t < text.size()) {
        std::size_t end = 0;
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = t;
            continue;
        }
        bool fits = false;
        std::size_t next = p + 1;
        if (p < pattern.size() && pattern[p] == '[') {
            const bool inside = in_set(pattern, p, text[t], end);
            fits = end == std::string_view::npos ? text[t] == '[' : inside;
            if (end != std::string_view::npos) next = end + 1;
        } else if (p < pattern.size()) {
            fits = pattern[p] == '?' || pattern[p] == text[t];
        }
        if (fits) {
            p = next;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

bool parts_match(const std::vector<std::string>& pattern, std::size_t p,
                 const std::vector<std::string>& path, std::size_t t) {
    for (; p < pattern.size(); ++p, ++t) {
        if (pattern[p] == "**") {
            for (std::size_t skip = t; skip <= path.size(); ++skip) {
                if (parts_match(pattern, p + 1, path, skip)) return true;
            }
            return false;
        }
        if (t >= path.size() || !part_match(pattern[p], path[t])) return false;
    }
    return t == path.size();
}

void expand(const fs::path& root, const fs::path& at, const std::vector<std::string>& pattern,
            std::size_t p, std::set<fs::path>& found) {
    std::error_code ec;
    if (p == pattern.size()) {
        if (fs::exists(root / at, ec)) found.insert(at);
        return;
    }
    const bool last = p + 1 == pattern.size();
    const std::string& part = pattern[p];
    if (part.find_first_of("*?[") == std::string::npos) {
        return expand(root, at / part, pattern, p + 1, found);
    }
    const bool deep = part == "**" && !last;
    if (deep) expand(root, at, pattern, p + 1, found);
    for (fs::directory_iterator entry(root / at, ec), end; !ec && entry != end;
         entry.increment(ec)) {
        const fs::path next = at / entry->path().filename();
        if (deep) {
            if (entry->is_directory(ec) && !entry->is_symlink(ec))
                expand(root, next, pattern, p, found);
        } else if (part == "**" || part_match(part, entry->path().filename().string())) {
            expand(root, next, pattern, p + 1, found);
        }
    }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view path) {
    return parts_match(parts_of(pattern), 0, parts_of(path), 0);
}

Result<std::vector<fs::path>> expand_glob(const fs::path& root, std::string_view pattern) {
    const auto parts = parts_of(pattern);
    const bool leaves = std::find(parts.begin(), parts.end(), "..") != parts.end();
    if (pattern.starts_with('/') || leaves || parts.empty()) {
        return Error(
            Errc::invalid_argument,
            "\"" + std::string(pattern) + "\" must be a relative path below " + root.string());
    }
    std::set<fs::path> found;
    expand(root, {}, parts, 0, found);
    return std::vector<fs::path>(found.begin(), found.end());
}

}  // namespace hearth::cli
