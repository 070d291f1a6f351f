#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::http {

/// Where something listens.
struct Endpoint {
    enum class Type { tcp, unix_socket };
    Type type = Type::tcp;
    std::string host;         ///< numeric address or name; the socket's path for unix_socket
    std::uint16_t port = 0;

    /// "tcp:host:port", "unix:/path", "host:port", "[::1]:port". Errors: invalid_argument.
    static Result<Endpoint> parse(std::string_view text);
    /// "host:port" or "unix:/path".
    std::string to_string() const;
    bool operator==(const Endpoint&) const = default;
};

}  // namespace hearth::http
