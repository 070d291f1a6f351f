#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "hearth/base/ids.hpp"
#include "hearth/model/json_path.hpp"
#include "model/field_tree.hpp"
#include "model/watched_type.hpp"

namespace hearth::model {

using namespace std::string_view_literals;

namespace {

bool lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool letter_or_digit(char c) {
    return letter(c) || digit(c);
}
bool only(std::string_view text, bool (*allowed)(char)) {
    return std::all_of(text.begin(), text.end(), allowed);
}

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= 63 && lower_or_digit(text.front()) &&
           lower_or_digit(text.back()) &&
           only(text, [](char c) { return lower_or_digit(c) || c == '-'; });
}

/// Fission's builder refuses the same, but only when it runs.
std::string build_command(std::string_view text) {
    const auto at = text.find_first_of(";|&`$()<>\n\0"sv);
    if (at == std::string_view::npos) return {};
    return std::string("is run without a shell and may not hold ") +
           (text[at] == '\n' ? "a line break" : std::string(1, text[at])) +
           "; put such commands into a script of the package";
}

std::string dns1123(std::string_view text) {
    if (is_label(text)) return {};
    if (text.empty()) return "must not be empty";
    if (text.size() > 63) return "has more than 63 characters";
    return "may hold lower-case letters, digits and '-' only, and begins and ends with a letter or "
           "digit; it is " +
           boost::json::serialize(boost::json::value(boost::json::string(text)));
}

bool is_hostname(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    for (;;) {
        const std::size_t dot = text.find('.');
        if (!is_label(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

std::string hostname(std::string_view text) {
    if (text.empty() || text == "*") return {};
    if (text.starts_with("*.")) text.remove_prefix(2);
    if (is_hostname(text)) return {};
    return "must be a DNS name in lower case without port, such as api.example.com or "
           "*.example.com";
}

std::string env_name(std::string_view text) {
    const auto allowed = [](char c) {
        return letter_or_digit(c) || c == '_' || c == '-' || c == '.';
    };
    if (text.empty()) return "must not be empty";
    if (digit(text.front()) || !only(text, allowed)) {
        return "may hold letters, digits, '_', '-' and '.' only, and does not begin with a "
               "digit";
    }
    static constexpr std::array<std::string_view, 10> kReserved = {"RESOURCE_VERSION_COUNT",
                                                                   "HTTP_PROXY",
                                                                   "HTTPS_PROXY",
                                                                   "NO_PROXY",
                                                                   "http_proxy",
                                                                   "https_proxy",
                                                                   "no_proxy",
                                                                   "LD_PRELOAD",
                                                                   "NODE_OPTIONS",
                                                                   "PYTHONPATH"};
    const bool reserved = text.starts_with("FISSION_") || text.starts_with("HEARTH_") ||
                          std::find(kReserved.begin(), kReserved.end(), text) != kReserved.end();
    if (reserved) return "is reserved for the platform; choose another name";
    return {};
}

std::string relative_path(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > 1024) return "has more than 1024 bytes";
    if (text.front() == '/') return "must be a relative path";
    if (text.find('\\') != std::string_view::npos) return "must not hold '\\'";
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find('/', start), text.size());
        const std::string_view part = text.substr(start, end - start);
        if (part == "..") return "must stay below its folder: '..' is refused";
        if (part.size() > 255) return "has a part of more than 255 bytes";
        start = end + 1;
    }
    const bool control =
        std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; });
    return control ? "holds a control character" : "";
}

/// A file's path: a mount path that names something.
std::string file_path(std::string_view text) {
    if (text.empty()) return "must not be empty";
    if (auto fault = relative_path(text); !fault.empty()) return fault;
    if (text.back() == '/' || text == "." || text.ends_with("/.")) return "must name a file";
    return {};
}

std::string data_key(std::string_view text) {
    const auto allowed = [](char c) {
        return letter_or_digit(c) || c == '_' || c == '-' || c == '.';
    };
    const bool fine = !text.empty() && text.size() <= 253 && text != "." && text != ".." &&
                      !text.starts_with("..") && only(text, allowed);
    return fine ? "" : "a key may hold letters, digits, '_', '-' and '.' only, at most 253";
}

bool is_label_value(std::string_view text) {
    const auto allowed = [](char c) {
        return letter_or_digit(c) || c == '_' || c == '-' || c == '.';
    };
    return text.empty() || (text.size() <= 63 && letter_or_digit(text.front()) &&
                            letter_or_digit(text.back()) && only(text, allowed));
}

std::string label_value(std::string_view text) {
    if (is_label_value(text)) return {};
    return "a label's value has at most 63 letters, digits, '_', '-', '.', and begins and ends "
           "with a letter or digit";
}

std::string qualified_key(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view name = slash == std::string_view::npos ? text : text.substr(slash + 1);
    const bool prefix_fine = slash == std::string_view::npos || is_hostname(text.substr(0, slash));
    if (prefix_fine && !name.empty() && is_label_value(name)) return {};
    return "a key is a name of at most 63 letters, digits, '_', '-', '.', with a DNS name and '/' "
           "before it or not";
}

std::string base64(std::string_view text) {
    std::string decoded;
    return base::base64_decode(text, decoded) ? "" : "is not base64 (RFC 4648 with padding)";
}

std::string sha256(std::string_view text) {
    if (text.empty()) return {};
    const bool fine = text.size() == 64 && only(text, [](char c) {
                          return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
                      });
    return fine ? "" : "must be 64 hexadecimal digits";
}

std::string url_path(std::string_view text) {
    if (text.front() != '/') return "must begin with '/'";
    if (text.size() > 2048) return "has more than 2048 bytes";
    const bool odd = std::any_of(text.begin(), text.end(), [](unsigned char c) {
        return c <= 0x20 || c >= 0x7F || c == '?' || c == '#' || c == '\\';
    });
    if (odd) return "must be a path as it stands in a URL, without query, '#', '\\' or spaces";
    for (std::size_t start = 1; start <= text.size();) {
        const std::size_t end = std::min(text.find('/', start), text.size());
        const std::string_view part = text.substr(start, end - start);
        if (part == ".." || part == ".") return "must not hold '.' or '..' as a segment";
        if (part.empty() && end < text.size()) return "must not hold an empty segment ('//')";
        start = end + 1;
    }
    if (text == "/fission-function" || text.starts_with("/fission-function/")) {
        return "is below /fission-function/, which is kept for internal calls";
    }
    return {};
}

std::string parameter(std::string_view segment, std::vector<std::string_view>& seen) {
    if (segment.find_first_of("{}") == std::string_view::npos) return {};
    const bool whole = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    const std::string_view name = whole ? segment.substr(1, segment.size() - 2) : "";
    if (!whole || name.find_first_of("{}") != std::string_view::npos) {
        return "a parameter is a whole segment, such as /users/{id}";
    }
    if (name.find(':') != std::string_view::npos) {
        return "patterns in parameters are not supported; write {" +
               std::string(name.substr(0, name.find(':'))) + "}";
    }
    const auto allowed = [](char c) { return letter_or_digit(c) || c == '_' || c == '-'; };
    if (digit(name.front()) || !only(name, allowed)) {
        return "a parameter's name holds letters, digits, '_' and '-' only";
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        return "the parameter {" + std::string(name) + "} is there twice";
    }
    seen.push_back(name);
    return {};
}

std::string route(std::string_view text) {
    if (text.empty()) return {};
    if (auto fault = url_path(text); !fault.empty()) return fault;
    std::vector<std::string_view> seen;
    for (std::size_t start = 1; start <= text.size();) {
        const std::size_t end = std::min(text.find('/', start), text.size());
        if (auto fault = parameter(text.substr(start, end - start), seen); !fault.empty())
            return fault;
        start = end + 1;
    }
    return {};
}

std::string prefix(std::string_view text) {
    if (text.empty()) return {};
    if (auto fault = url_path(text); !fault.empty()) return fault;
    if (text.find_first_of("{}") != std::string_view::npos) {
        return "parameters are for relativeurl; a prefix is taken as it is";
    }
    return {};
}

std::string origin(std::string_view text) {
    if (text == "*" || text == "null") return {};
    std::string_view rest;
    if (text.starts_with("http://")) rest = text.substr(7);
    if (text.starts_with("https://")) rest = text.substr(8);
    const std::size_t colon = rest.rfind(':');
    const bool port_fine =
        colon == std::string_view::npos || (colon + 1 < rest.size() && rest.size() - colon <= 6 &&
                                            only(rest.substr(colon + 1), digit));
    const std::string_view host = rest.substr(0, colon);
    const bool host_fine = is_hostname(host.starts_with("*.") ? host.substr(2) : host);
    if (!rest.empty() && port_fine && host_fine) return {};
    return "an origin is '*' or scheme and host alone, such as https://app.example.com";
}

std::string method(std::string_view text) {
    static constexpr std::array<std::string_view, 9> kMethods = {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"};
    if (text.empty()) return {};
    std::string upper(text);
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    if (std::find(kMethods.begin(), kMethods.end(), upper) != kMethods.end()) return {};
    return "must be one of GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE";
}

std::string url(std::string_view text) {
    if (text.empty()) return {};
    const bool http = text.starts_with("http://") || text.starts_with("https://");
    const bool archive = text.starts_with("archive://") && text.size() > 10;
    const bool odd = std::any_of(text.begin(), text.end(),
                                 [](unsigned char c) { return c <= 0x20 || c >= 0x7F; });
    if ((http || archive) && !odd) return {};
    return "must be archive:// with the SHA-256 of an uploaded archive, or an http(s) address";
}

std::string header(std::string_view text) {
    const auto allowed = [](char c) {
        return letter_or_digit(c) ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    };
    return !text.empty() && only(text, allowed) ? "" : "must be the name of a header";
}

bool printable_ascii(std::string_view text) {
    return only(text, [](char c) { return c >= 0x20 && c < 0x7F; });
}

std::string printable(std::string_view text) {
    return printable_ascii(text) ? "" : "may hold printable ASCII characters only";
}

std::string subpath(std::string_view text) {
    if (text.size() > 2048) return "has more than 2048 bytes";
    const bool odd = !printable_ascii(text) || text.find_first_of(" #\\") != std::string_view::npos;
    return odd ? "must be a path as it stands in a URL, without '#', '\\' or spaces" : "";
}

std::string watched_type(std::string_view text) {
    if (parse_watched_type(text)) return {};
    return "must be POD, SERVICE, REPLICATIONCONTROLLER or JOB, or group/version/Kind such as "
           "apps/v1/Deployment, v1/ConfigMap";
}

std::string nonempty_item(std::string_view text) {
    return text.empty() ? "must not be empty" : "";
}

std::string rfc3339(std::string_view text) {
    if (text.empty()) return {};
    static constexpr std::string_view kShape = "0000-00-00T00:00:00";
    bool fine = text.size() >= kShape.size() + 1;
    for (std::size_t i = 0; fine && i < kShape.size(); ++i) {
        const char want = kShape[i];
        fine = want == '0' ? digit(text[i]) : (text[i] == want || (want == 'T' && text[i] == 't'));
    }
    if (fine) {
        const auto two = [&](std::size_t at) {
            return (text[at] - '0') * 10 + (text[at + 1] - '0');
        };
        fine = two(5) >= 1 && two(5) <= 12 && two(8) >= 1 && two(8) <= 31 && two(11) < 24 &&
               two(14) < 60 && two(17) <= 60;
        std::string_view zone = text.substr(kShape.size());
        if (zone.starts_with('.')) {
            const std::size_t end = zone.find_first_not_of("0123456789", 1);
            zone = end == std::string_view::npos || end == 1 ? "" : zone.substr(end);
        }
        const bool offset = zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') &&
                            digit(zone[1]) && digit(zone[2]) && zone[3] == ':' && digit(zone[4]) &&
                            digit(zone[5]);
        fine = fine && (zone == "Z" || zone == "z" || offset);
    }
    return fine ? "" : "must be a date and time such as 2027-01-31T12:00:00Z";
}

/// A number that stands in a map of texts.
std::string small_count(std::string_view text) {
    const bool digits = !text.empty() && text.size() <= 4 &&
                        text.find_first_not_of("0123456789") == std::string_view::npos;
    int value = 0;
    for (const char c : text.substr(0, digits ? text.size() : 0)) value = value * 10 + (c - '0');
    return value >= 1 && value <= 1000 ? std::string()
                                       : "must be a whole number from 1 to 1000, as text";
}

std::string state_name(std::string_view text) {
    const bool fine = !text.empty() && text.size() <= 64 &&
                      std::all_of(text.begin(), text.end(), [](unsigned char c) {
                          return std::isalnum(c) != 0 || c == '_' || c == '-';
                      });
    return fine ? "" : "must be 1 to 64 letters, digits, `_` or `-`";
}

std::string json_path(std::string_view text) {
    if (text.empty()) return {};
    const auto path = JsonPath::parse(text);
    return path ? std::string() : path.error().message;
}

}  // namespace

TextRule text_rule(std::string_view name) {
    struct Row {
        std::string_view name;
        TextRule rule;
    };
    static constexpr Row kRules[] = {
        {"dns1123", dns1123},
        {"hostname", hostname},
        {"env", env_name},
        {"relpath", relative_path},
        {"filepath", file_path},
        {"data", data_key},
        {"labelvalue", label_value},
        {"label", qualified_key},
        {"annotation", qualified_key},
        {"base64", base64},
        {"sha256", sha256},
        {"route", route},
        {"prefix", prefix},
        {"origin", origin},
        {"method", method},
        {"url", url},
        {"header", header},
        {"printable", printable},
        {"subpath", subpath},
        {"watched-type", watched_type},
        {"nonempty-items", nonempty_item},
        {"buildcmd", build_command},
        {"rfc3339", rfc3339},
        {"count", small_count},
        {"statename", state_name},
        {"jsonpath", json_path},
    };
    for (const Row& row : kRules) {
        if (row.name == name) return row.rule;
    }
    return pod_text_rule(name);
}

}  // namespace hearth::model
