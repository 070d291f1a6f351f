#include "gateway/forwarded.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace hearth::gateway {

namespace {

using Address = std::array<unsigned char, 16>;
constexpr unsigned kMappedBits = 96;

/// Both families in one space: IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
std::optional<Address> parse_address(std::string_view text, bool& v4) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (text.size() >= buffer.size()) return std::nullopt;
    std::memcpy(buffer.data(), text.data(), text.size());
    Address address{};
    v4 = ::inet_pton(AF_INET, buffer.data(), address.data() + 12) == 1;
    if (v4) {
        address[10] = address[11] = 0xff;
        return address;
    }
    if (::inet_pton(AF_INET6, buffer.data(), address.data()) == 1) return address;
    return std::nullopt;
}

/// All values of a header that may come several times, as one list.
void append_list(const http::RequestHead& head, std::string_view name, std::string& out) {
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
        const auto field = head.headers.at(i);
        if (!http::same_name(field.name, name) || field.value.empty()) continue;
        if (!out.empty()) out += ", ";
        out += field.value;
    }
}

bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

/// A value of a Forwarded parameter: bare when it is a token, else a quoted string.
void append_value(std::string_view value, std::string& out) {
    if (is_token(value)) {
        out += value;
        return;
    }
    out += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

void append_node(std::string_view peer, std::string& out) {
    if (peer.empty()) {
        out += "unknown";
    } else if (peer.find(':') != std::string_view::npos) {
        out += "\"[";
        out += peer;
        out += "]\"";
    } else {
        out += peer;
    }
}

/// X-Forwarded-Port, -Prefix and the like, and X-Real-IP: what an untrusted peer sent must not pass
/// for a proxy's word.
void overrule_other_claims(const http::RequestHead& head, std::string_view peer,
                           http::HeaderList& out) {
    constexpr std::string_view kFamily = "X-Forwarded-";
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
        const auto name = head.headers.at(i).name;
        const bool claim = name.size() > kFamily.size() &&
                           http::same_name(name.substr(0, kFamily.size()), kFamily);
        if (claim && !out.has(name)) out.add(name, "");
        if (http::same_name(name, "X-Real-IP") && !out.has(name)) out.add(name, peer);
    }
}

}  // namespace

Result<void> TrustedProxies::add(std::string_view cidr) {
    const auto slash = cidr.find('/');
    bool v4 = false;
    const auto address = parse_address(cidr.substr(0, slash), v4);
    unsigned bits = v4 ? 32 : 128;
    if (address && slash != std::string_view::npos) {
        const auto text = cidr.substr(slash + 1);
        unsigned given = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), given);
        if (ec != std::errc() || end != text.data() + text.size() || given > bits) {
            return Error(Errc::invalid_argument, fmt::format("\"{}\" is no address range", cidr));
        }
        bits = given;
    }
    if (!address)
        return Error(Errc::invalid_argument, fmt::format("\"{}\" is no address range", cidr));
    ranges_.push_back(Range{*address, v4 ? bits + kMappedBits : bits});
    return {};
}

bool TrustedProxies::contains(std::string_view text) const {
    if (text.empty()) return true;
    if (ranges_.empty()) return false;
    bool v4 = false;
    const auto address = parse_address(text, v4);
    if (!address) return false;
    return std::ranges::any_of(ranges_, [&](const Range& range) {
        const auto whole = range.bits / 8;
        if (!std::equal(address->begin(), address->begin() + whole, range.address.begin()))
            return false;
        const auto rest = range.bits % 8;
        if (rest == 0) return true;
        const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
        return ((*address)[whole] & mask) == (range.address[whole] & mask);
    });
}

void add_forwarding_headers(const http::RequestHead& head, std::string_view peer, bool trusted,
                            http::HeaderList& out, std::string& scratch) {
    const auto host = head.headers.find("Host").value_or("");

    scratch.clear();
    if (trusted) append_list(head, "X-Forwarded-For", scratch);
    if (!peer.empty()) {
        if (!scratch.empty()) scratch += ", ";
        scratch += peer;
    }
    if (!scratch.empty()) out.add("X-Forwarded-For", scratch);

    const auto given_host = trusted ? head.headers.find("X-Forwarded-Host") : std::nullopt;
    if (const auto shown = given_host.value_or(host); !shown.empty())
        out.add("X-Forwarded-Host", shown);
    const auto given_proto = trusted ? head.headers.find("X-Forwarded-Proto") : std::nullopt;
    out.add("X-Forwarded-Proto", given_proto.value_or("http"));

    if (!trusted) overrule_other_claims(head, peer, out);

    scratch.clear();
    if (trusted) append_list(head, "Forwarded", scratch);
    if (!scratch.empty()) scratch += ", ";
    scratch += "for=";
    append_node(peer, scratch);
    if (!host.empty()) {
        scratch += ";host=";
        append_value(host, scratch);
    }
    scratch += ";proto=http";
    out.add("Forwarded", scratch);
}

}  // namespace hearth::gateway
