#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::http {

/// An http or https address, taken apart. User names, passwords and fragments are refused.
struct WebAddress {
    bool tls = true;
    std::string host;          ///< name or numeric address, without brackets
    std::uint16_t port = 443;
    std::string target = "/";  ///< path and query, percent-encoded

    /// Errors: invalid_argument.
    static Result<WebAddress> parse(std::string_view url);
    /// Where a Location header of this address's answer leads. Errors: invalid_argument.
    Result<WebAddress> follow(std::string_view location) const;
    /// "host", "host:8443", "[::1]:8443": as in a Host header.
    std::string authority() const;
    /// For messages and records: without the query, which may hold a signature.
    std::string to_string() const;
    bool operator==(const WebAddress&) const = default;
};

/// Whether a numeric address is one of the public internet. False for loopback, private, shared (CGNAT), link-local,
/// multicast, documentation, benchmarking and reserved ones, for IPv4 written as IPv6, for what tunnels or translates
/// to IPv4 (6to4, Teredo, NAT64), and for what is no numeric address.
bool is_public_address(std::string_view numeric);

}  // namespace hearth::http
