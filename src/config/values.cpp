#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "config/keys.hpp"
#include "hearth/base/quantity.hpp"

namespace hearth::config {

namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

std::string format_bytes(std::uint64_t bytes) {
    static constexpr std::array<std::string_view, 5> kUnits = {"", "Ki", "Mi", "Gi", "Ti"};
    std::size_t unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
        bytes /= 1024;
        ++unit;
    }
    return fmt::format("{}{}", bytes, kUnits[unit]);
}

std::string format_duration(std::chrono::milliseconds value) {
    const auto ms = value.count();
    if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
    if (ms > 60'000 && ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
    if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
    return fmt::format("{}ms", ms);
}

std::string format_millicores(std::uint32_t value) {
    return value % 1000 == 0 ? fmt::format("{}", value / 1000) : fmt::format("{}m", value);
}

Result<std::uint64_t> parse_integer(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc() || end != text.data() + text.size() || text.empty()) {
        return Error(Errc::invalid_argument,
                     fmt::format("\"{}\" is not a whole number of 0 or more", text));
    }
    return value;
}

/// Any number a rule or a value of this form can hold, in the form's base unit.
Result<std::uint64_t> parse_number(Form form, std::string_view text) {
    if (text == "0") return std::uint64_t{0};
    switch (form) {
        case Form::bytes:
            return base::parse_bytes(text);
        case Form::cpu: {
            const auto cores = base::parse_millicores(text);
            if (!cores) return cores.error();
            return std::uint64_t{*cores};
        }
        case Form::duration: {
            const auto ms = base::parse_duration_ms(text);
            if (!ms) return ms.error();
            return static_cast<std::uint64_t>(*ms);
        }
        default:
            return parse_integer(text);
    }
}

std::string check_range(const KeyRow& row, std::uint64_t value, std::string_view text) {
    if (!row.rule.starts_with("range:")) return {};
    const auto bounds = row.rule.substr(6);
    const auto dots = bounds.find("..");
    const auto low = parse_number(row.form, bounds.substr(0, dots));
    const auto high = parse_number(row.form, bounds.substr(dots + 2));
    if (low && high && value >= *low && value <= *high) return {};
    return fmt::format("{} is out of range; use {} to {}", text, bounds.substr(0, dots),
                       bounds.substr(dots + 2));
}

std::string check_enum(std::string_view choices, std::string_view text) {
    std::string shown;
    for (std::size_t at = 0; at <= choices.size();) {
        const auto comma = std::min(choices.find(',', at), choices.size());
        const auto choice = choices.substr(at, comma - at);
        if (choice == text) return {};
        if (!shown.empty()) shown += ", ";
        shown += choice;
        at = comma + 1;
    }
    return fmt::format("\"{}\" is none of {}", text, shown);
}

struct HostPort {
    std::string_view host, port;
};

std::optional<HostPort> split_listen(std::string_view text) {
    if (text.starts_with("tcp:")) text.remove_prefix(4);
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    HostPort parts{text.substr(0, colon), text.substr(colon + 1)};
    if (parts.host.starts_with('[')) {
        if (!parts.host.ends_with(']')) return std::nullopt;
        parts.host = parts.host.substr(1, parts.host.size() - 2);
    } else if (parts.host.find(':') != std::string_view::npos) {
        return std::nullopt;
    }
    if (parts.host.empty()) return std::nullopt;
    return parts;
}

std::string check_listen(std::string_view text) {
    if (text.starts_with("unix:")) {
        const auto path = text.substr(5);
        if (!path.starts_with('/'))
            return "a unix socket needs an absolute path: unix:/run/hearth.sock";
        // sockaddr_un holds 107 bytes and the final zero.
        if (path.size() > 107) return "the socket's path is longer than the 107 bytes Linux allows";
        return {};
    }
    const auto parts = split_listen(text);
    if (!parts) {
        return fmt::format("\"{}\" is no address; write HOST:PORT, [IPV6]:PORT or unix:/path",
                           text);
    }
    const auto port = parse_integer(parts->port);
    if (!port || *port > 65535) {
        return fmt::format("\"{}\" is no port; use 0 to 65535 (0 picks a free one)", parts->port);
    }
    return {};
}

std::string check_cidr(std::string_view text) {
    const auto slash = text.find('/');
    const std::string address(text.substr(0, slash));
    std::array<unsigned char, 16> bytes;
    const bool v4 = ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1;
    const bool v6 = !v4 && ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
    if (v4 || v6) {
        if (slash == std::string_view::npos) return {};
        const auto bits = parse_integer(text.substr(slash + 1));
        if (bits && *bits <= (v4 ? 32u : 128u)) return {};
    }
    return fmt::format("\"{}\" is no address range; write 10.0.0.0/8 or fd00::/8", text);
}

/// A DNS label, or with `dots` several of them joined.
std::string check_name(std::string_view text, bool dots) {
    const auto label = [](std::string_view part) {
        const auto fine = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        };
        return !part.empty() && part.size() <= 63 && part.front() != '-' && part.back() != '-' &&
               std::all_of(part.begin(), part.end(), fine);
    };
    bool good = text.size() <= 253;
    for (auto rest = text; good;) {
        const auto dot = dots ? rest.find('.') : std::string_view::npos;
        good = label(rest.substr(0, dot));
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
    }
    if (good) return {};
    return fmt::format("\"{}\" is no name of Kubernetes; use lower-case letters, digits{} and '-'",
                       text, dots ? ", '.'" : "");
}

std::string assign_number(const KeyRow& row, std::string_view text, DaemonConfig& config) {
    const auto number = parse_number(row.form, text);
    if (!number) return number.error().message;
    if (auto reason = check_range(row, *number, text); !reason.empty()) return reason;
    const auto value = *number;
    return std::visit(
        Overloaded{[value](std::uint64_t* to) { return *to = value, std::string(); },
                   [value](std::uint32_t* to) {
                       if (value > std::numeric_limits<std::uint32_t>::max()) {
                           return std::string("is too large");
                       }
                       return *to = static_cast<std::uint32_t>(value), std::string();
                   },
                   [value](int* to) { return *to = static_cast<int>(value), std::string(); },
                   [value](std::chrono::milliseconds* to) {
                       return *to = std::chrono::milliseconds(value), std::string();
                   },
                   [](auto*) { return std::string("is no number"); }},
        row.slot(config));
}

std::string assign_word(const KeyRow& row, std::string_view text, DaemonConfig& config) {
    if (row.rule.starts_with("enum:")) {
        if (auto reason = check_enum(row.rule.substr(5), text); !reason.empty()) return reason;
    }
    if (row.rule == "listen") {
        if (auto reason = check_listen(text); !reason.empty()) return reason;
    }
    if ((row.rule == "name" || row.rule == "subdomain") && !text.empty()) {
        if (auto reason = check_name(text, row.rule == "subdomain"); !reason.empty()) return reason;
    }
    if (text.find('\0') != std::string_view::npos) return "holds a zero byte";
    const auto slot = row.slot(config);
    if (auto* const* path = std::get_if<std::filesystem::path*>(&slot)) {
        if (row.name == "data" && text.empty()) return "must name a folder";
        **path = std::filesystem::path(text);
    } else if (auto* const* word = std::get_if<std::string*>(&slot)) {
        **word = std::string(text);
    }
    return {};
}

/// The environment variable's form of a list ("a,b") or a map ("a=b,c=d").
std::string assign_joined(const KeyRow& row, std::string_view text, DaemonConfig& config) {
    std::vector<std::string> list;
    std::map<std::string, std::string> map;
    for (std::size_t at = 0; at < text.size();) {
        const auto comma = std::min(text.find(',', at), text.size());
        const auto item = text.substr(at, comma - at);
        at = comma + 1;
        if (item.empty()) return "holds an empty item between commas";
        if (row.form == Form::list) {
            if (auto reason = check_item(row, item); !reason.empty()) return reason;
            list.emplace_back(item);
            continue;
        }
        const auto equals = item.find('=');
        if (equals == std::string_view::npos || equals == 0 || equals + 1 == item.size()) {
            return fmt::format("\"{}\" is no pair; write GLOB=NAME,GLOB=NAME", item);
        }
        map.emplace(item.substr(0, equals), item.substr(equals + 1));
    }
    const auto slot = row.slot(config);
    if (auto* const* to = std::get_if<std::vector<std::string>*>(&slot)) **to = std::move(list);
    if (auto* const* to = std::get_if<std::map<std::string, std::string>*>(&slot))
        **to = std::move(map);
    return {};
}

}  // namespace

std::string text_of(const KeyRow& row, const DaemonConfig& config) {
    // slot() only hands out addresses; nothing is written through them here.
    const auto slot = row.slot(const_cast<DaemonConfig&>(config));
    return std::visit(
        Overloaded{
            [](const std::string* v) { return *v; },
            [](const std::filesystem::path* v) { return v->string(); },
            [](const bool* v) { return std::string(*v ? "true" : "false"); },
            [&](const std::uint64_t* v) {
                return row.form == Form::bytes ? format_bytes(*v) : fmt::format("{}", *v);
            },
            [&](const std::uint32_t* v) {
                return row.form == Form::cpu ? format_millicores(*v) : fmt::format("{}", *v);
            },
            [](const int* v) { return fmt::format("{}", *v); },
            [](const std::chrono::milliseconds* v) { return format_duration(*v); },
            [](const std::vector<std::string>* v) { return fmt::format("{}", fmt::join(*v, ",")); },
            [](const std::map<std::string, std::string>* v) {
                std::string text;
                for (const auto& [glob, name] : *v) {
                    text += fmt::format("{}{}={}", text.empty() ? "" : ",", glob, name);
                }
                return text;
            }},
        slot);
}

std::string assign_text(const KeyRow& row, std::string_view text, DaemonConfig& config) {
    switch (row.form) {
        case Form::text:
        case Form::path:
            return assign_word(row, text, config);
        case Form::boolean: {
            if (text != "true" && text != "false") {
                return fmt::format("\"{}\" is neither true nor false", text);
            }
            *std::get<bool*>(row.slot(config)) = text == "true";
            return {};
        }
        case Form::list:
        case Form::map:
            return assign_joined(row, text, config);
        default:
            return assign_number(row, text, config);
    }
}

std::string check_item(const KeyRow& row, std::string_view item) {
    if (row.rule == "cidr") return check_cidr(item);
    return row.rule == "subdomain" ? check_name(item, true) : std::string();
}

bool is_loopback(std::string_view listen) {
    if (listen.starts_with("unix:")) return true;
    const auto parts = split_listen(listen);
    if (!parts) return false;
    const std::string host(parts->host);
    std::array<unsigned char, 16> bytes{};
    if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return bytes[0] == 127;
    return host == "localhost" || host == "::1";
}

}  // namespace hearth::config
