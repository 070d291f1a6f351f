#include "hearth/http/request_gate.hpp"
#include "http/ascii.hpp"

namespace hearth::http {
namespace {

bool is_unreserved(char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

Error wrong(std::string_view why) {
    return Error(Errc::invalid_argument, "the path " + std::string(why));
}

bool is_dot_segment(std::string_view segment) {
    // Some servers cut parameters off before they look for dots.
    const auto name = segment.substr(0, segment.find(';'));
    return name == "." || name == "..";
}

}  // namespace

Result<std::string> canonical_path(std::string_view path) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    if (path.empty() || path.front() != '/') return wrong("must begin with '/'");
    std::string out;
    out.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i) {
        const char c = path[i];
        if (c == '\\') return wrong("holds a backslash");
        if (c < 0x21 || c > 0x7E) return wrong("holds a byte that must be percent-encoded");
        if (c != '%') {
            out.push_back(c);
            continue;
        }
        const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
        const int low = i + 2 < path.size() ? hex_value(path[i + 2]) : -1;
        if (high < 0 || low < 0) return wrong("holds a '%' without two hexadecimal digits");
        const char decoded = static_cast<char>(high * 16 + low);
        if (decoded == '/' || decoded == '\\') return wrong("holds an encoded slash or backslash");
        if (decoded == '\0') return wrong("holds an encoded NUL");
        if (is_unreserved(decoded)) {
            out.push_back(decoded);
        } else {
            out.push_back('%');
            out.push_back(kHex[high]);
            out.push_back(kHex[low]);
        }
        i += 2;
    }
    for (std::size_t at = 1; at <= out.size();) {
        auto end = out.find('/', at);
        if (end == std::string::npos) end = out.size();
        if (is_dot_segment(std::string_view(out).substr(at, end - at)))
            return wrong("holds a dot segment");
        at = end + 1;
    }
    return out;
}

}  // namespace hearth::http
