#include <algorithm>
#include <array>
#include <cstring>

#include "hearth/http/request_gate.hpp"
#include "http/ascii.hpp"

namespace hearth::http {
namespace {

using Refusal = std::optional<GateRefusal>;

GateRefusal refuse(int status, std::string_view reason) {
    return GateRefusal{status, std::string(reason)};
}

// Registered methods that a function may serve (IANA). CONNECT asks for a tunnel, which this is
// not.
constexpr std::array<std::string_view, 22> kMethods = {
    "GET",      "HEAD",      "POST",  "PUT",  "DELETE", "OPTIONS", "PATCH",  "TRACE",
    "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",   "LOCK",    "UNLOCK", "REPORT",
    "SEARCH",   "QUERY",     "PURGE", "LINK", "UNLINK", "ACL"};

Refusal check_method(const RequestHead& head) {
    if (std::find(kMethods.begin(), kMethods.end(), head.method) != kMethods.end()) return {};
    if (head.method == "CONNECT") return refuse(400, "CONNECT is not served here");
    return refuse(400, "the method is not one of the known ones in upper case");
}

Refusal check_target(const RequestHead& head, const GateLimits& limits) {
    const std::string& target = head.target;
    if (target.size() > limits.target_bytes) {
        return refuse(414, "the request target is longer than the limit");
    }
    if (target == "*") {
        if (head.method == "OPTIONS") return {};
        return refuse(400, "the target '*' is for OPTIONS only");
    }
    if (target.empty() || target.front() != '/') {
        return refuse(400, "the request target must begin with '/'");
    }
    for (const char c : target) {
        if (c < 0x21 || c > 0x7E) {
            return refuse(400, "the request target holds a byte that must be percent-encoded");
        }
        if (c == '#') return refuse(400, "the request target holds a fragment");
    }
    return {};
}

// Works on the raw lines because the parser joins folded lines without a word.
Refusal check_lines(std::string_view raw) {
    if (std::memchr(raw.data(), '\0', raw.size()) != nullptr) {
        return refuse(400, "the head holds a NUL byte");
    }
    std::size_t at = 0;
    while (at < raw.size()) {
        const auto end = raw.find('\n', at);
        if (end == std::string_view::npos)
            return refuse(400, "the head does not end with an empty line");
        if (end == at || raw[end - 1] != '\r')
            return refuse(400, "a line of the head ends with a bare LF");
        if (raw.find('\r', at) != end - 1) return refuse(400, "the head holds a bare CR");
        if (raw[at] == ' ' || raw[at] == '\t') {
            return refuse(400, "a header line is folded onto the next one");
        }
        at = end + 1;
    }
    return {};
}

bool valid_port(std::string_view port) {
    return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

bool valid_host(std::string_view host) {
    if (host.empty() || host.size() > 262) return false;
    if (host.front() == '[') {
        const auto close = host.find(']');
        if (close == std::string_view::npos || close < 3) return false;
        for (const char c : host.substr(1, close - 1)) {
            if (hex_value(c) < 0 && c != ':' && c != '.') return false;
        }
        const auto rest = host.substr(close + 1);
        return rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1)));
    }
    const auto colon = host.find(':');
    const auto name = host.substr(0, colon);
    if (name.empty()) return false;
    for (const char c : name) {
        if (!is_alnum(c) && c != '-' && c != '.' && c != '_') return false;
    }
    return colon == std::string_view::npos || valid_port(host.substr(colon + 1));
}

struct Framing {
    int hosts = 0, lengths = 0, encodings = 0;
    std::string_view host, length, encoding;
};

Refusal check_names(const RequestHead& head, Framing& framing) {
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
        const auto [name, value] = head.headers.at(i);
        if (name.find('_') != std::string_view::npos) {
            return refuse(400, "a header name holds an underscore");
        }
        for (const char c : value) {
            const auto byte = static_cast<unsigned char>(c);
            if ((byte < 0x20 && c != '\t') || byte == 0x7F) {
                return refuse(400, "a header value holds a control character");
            }
        }
        if (name.size() == 4 && same_name(name, "Host")) {
            ++framing.hosts;
            framing.host = value;
        } else if (name.size() == 14 && same_name(name, "Content-Length")) {
            ++framing.lengths;
            framing.length = value;
        } else if (name.size() == 17 && same_name(name, "Transfer-Encoding")) {
            ++framing.encodings;
            framing.encoding = value;
        }
    }
    return {};
}

Refusal check_framing(const RequestHead& head, const Framing& framing) {
    if (framing.hosts > 1) return refuse(400, "there is more than one Host header");
    if (framing.hosts == 0 && head.minor_version >= 1)
        return refuse(400, "the Host header is missing");
    if (framing.hosts == 1 && !valid_host(framing.host))
        return refuse(400, "the Host header is not valid");
    if (framing.lengths > 1) return refuse(400, "there is more than one Content-Length header");
    if (framing.lengths == 1) {
        const auto digits = framing.length;
        if (digits.empty() || digits.size() > 19 ||
            !std::all_of(digits.begin(), digits.end(), is_digit)) {
            return refuse(400, "Content-Length must be 1 to 19 digits");
        }
    }
    if (framing.encodings > 0) {
        if (head.minor_version < 1) return refuse(400, "Transfer-Encoding is not part of HTTP/1.0");
        if (framing.lengths > 0)
            return refuse(400, "Transfer-Encoding and Content-Length exclude each other");
        if (framing.encodings > 1 || !same_name(framing.encoding, "chunked")) {
            return refuse(400, "Transfer-Encoding must be exactly one 'chunked'");
        }
    }
    return {};
}

}  // namespace

std::optional<GateRefusal> check_request(std::string_view raw_head, const RequestHead& head,
                                         const GateLimits& limits) {
    const auto line_end = raw_head.find("\r\n");
    const auto request_line = line_end == std::string_view::npos ? raw_head.size() : line_end + 2;
    if (auto refusal = check_target(head, limits)) return refusal;
    if (raw_head.size() - request_line > limits.header_bytes) {
        return refuse(431, "the headers are larger than the limit");
    }
    if (head.headers.size() > limits.header_count) {
        return refuse(431, "there are more headers than the limit");
    }
    if (auto refusal = check_lines(raw_head)) return refusal;
    if (auto refusal = check_method(head)) return refusal;
    Framing framing;
    if (auto refusal = check_names(head, framing)) return refusal;
    return check_framing(head, framing);
}

}  // namespace hearth::http
