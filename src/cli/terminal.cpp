#include "cli/terminal.hpp"

#include <algorithm>

namespace hearth::cli {
namespace {

constexpr std::size_t kTitle = 12;  // the longest title and two spaces

}  // namespace

std::string Terminal::paint(Paint paint, std::string_view text) const {
    if (!color || paint == Paint::none) return std::string(text);
    const char* code = "0";
    switch (paint) {
        case Paint::red:
            code = "31";
            break;
        case Paint::green:
            code = "32";
            break;
        case Paint::yellow:
            code = "33";
            break;
        case Paint::dim:
            code = "2";
            break;
        case Paint::bold:
            code = "1";
            break;
        case Paint::none:
            break;
    }
    return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

void Terminal::field(std::string title, std::string_view text) {
    if (text.empty()) return;
    title.resize(kTitle, ' ');
    out << paint(Paint::bold, title) << strip_escapes(text) << '\n';
}

int Terminal::fail(const Error& error) {
    err << paint(Paint::red, "hearth:") << ' ' << strip_escapes(error.message) << '\n';
    if (!error.detail.empty()) {
        err << strip_escapes(error.detail);
        if (!error.detail.ends_with('\n')) err << '\n';
    }
    err.flush();
    return exit_code_of(error.code);
}

namespace {

/// Where the escape sequence that begins at `start` (an ESC) ends.
std::size_t sequence_end(std::string_view text, std::size_t start) {
    std::size_t at = start + 1;
    if (at >= text.size()) return at;
    const char kind = text[at];
    if (kind == '[') {  // CSI: parameters, then one final byte
        for (++at; at < text.size(); ++at) {
            if (text[at] >= '@' && text[at] <= '~') return at + 1;
        }
        return at;
    }
    if (kind == ']' || kind == 'P' || kind == '_' || kind == '^' ||
        kind == 'X') {  // strings up to BEL or ST
        for (++at; at < text.size(); ++at) {
            if (text[at] == '\x07') return at + 1;
            if (text[at] == '\x1b' && at + 1 < text.size() && text[at + 1] == '\\') return at + 2;
        }
        return at;
    }
    while (at < text.size() && text[at] >= ' ' && text[at] <= '/') ++at;
    return std::min(at + 1, text.size());
}

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

}  // namespace

std::string strip_escapes(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const unsigned char c = static_cast<unsigned char>(text[at]);
        if (c == 0x1b) {
            at = sequence_end(text, at);
            continue;
        }
        // The C1 controls, which some terminals obey as well, in their UTF-8 form.
        const bool c1 =
            c == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
        if (c1) {
            at += 2;
            continue;
        }
        if (c >= 0x20 || c == '\n' || c == '\t') {
            if (c != 0x7F) out += text[at];
        }
        ++at;
    }
    return out;
}

void Table::print(std::ostream& out, bool with_header) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    }
    for (std::size_t r = with_header ? 0 : 1; r < rows_.size(); ++r) {
        const auto& row = rows_[r];
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        while (line.ends_with(' ')) line.pop_back();
        out << line << '\n';
    }
}

}  // namespace hearth::cli
