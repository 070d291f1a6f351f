#include "hearth/http/endpoint.hpp"

#include <charconv>

namespace hearth::http {
namespace {

constexpr std::size_t kMaxUnixPath = 107;  // sockaddr_un::sun_path less its final NUL

Error wrong(std::string_view text, std::string_view why) {
    return Error(Errc::invalid_argument,
                 "the address '" + std::string(text) + "' " + std::string(why));
}

Result<std::uint16_t> parse_port(std::string_view whole, std::string_view digits) {
    unsigned value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, ec] = std::from_chars(digits.data(), end, value);
    if (digits.empty() || ec != std::errc() || stop != end || value > 65535) {
        return wrong(whole, "has no valid port; write HOST:PORT with a port from 0 to 65535");
    }
    return static_cast<std::uint16_t>(value);
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
    Endpoint endpoint;
    if (text.starts_with("unix:")) {
        endpoint.type = Type::unix_socket;
        endpoint.host = std::string(text.substr(5));
        if (endpoint.host.empty() || endpoint.host.front() != '/') {
            return wrong(text, "needs an absolute path; write unix:/path");
        }
        if (endpoint.host.size() > kMaxUnixPath) {
            return wrong(text, "is longer than the 107 bytes a unix socket's path may have");
        }
        return endpoint;
    }
    auto rest = text;
    if (rest.starts_with("tcp:")) rest.remove_prefix(4);
    std::string_view host, port;
    if (rest.starts_with("[")) {
        const auto close = rest.find(']');
        if (close == std::string_view::npos || close + 1 >= rest.size() || rest[close + 1] != ':') {
            return wrong(text, "is not complete; write an IPv6 address as [::1]:PORT");
        }
        host = rest.substr(1, close - 1);
        port = rest.substr(close + 2);
    } else {
        const auto colon = rest.rfind(':');
        if (colon == std::string_view::npos) return wrong(text, "has no port; write HOST:PORT");
        host = rest.substr(0, colon);
        port = rest.substr(colon + 1);
        if (host.find(':') != std::string_view::npos) {
            return wrong(text, "is not clear; write an IPv6 address as [::1]:PORT");
        }
    }
    if (host.empty()) return wrong(text, "has no host; write HOST:PORT, such as 127.0.0.1:8888");
    auto number = parse_port(text, port);
    if (!number) return number.error();
    endpoint.host = std::string(host);
    endpoint.port = *number;
    return endpoint;
}

std::string Endpoint::to_string() const {
    if (type == Type::unix_socket) return "unix:" + host;
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace hearth::http
