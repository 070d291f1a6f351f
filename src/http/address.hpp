#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

#include "hearth/http/endpoint.hpp"

namespace hearth::http {

/// An endpoint as the socket calls take it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    int family() const { return storage.ss_family; }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// For a unix socket or a numeric address; nothing for a name, which has to be resolved.
std::optional<SocketAddress> numeric_address(const Endpoint& endpoint);
/// With names too. Blocks while it resolves them. Errors: unavailable.
Result<SocketAddress> resolve_blocking(const Endpoint& endpoint);

/// Numeric address without the port; empty for a unix socket.
std::string peer_text(const SocketAddress& address);
/// The port a socket is bound to, 0 for a unix socket.
std::uint16_t bound_port(int fd);

/// A non-blocking, close-on-exec socket; TCP without Nagle's delay. -1 on failure, errno says why.
int open_socket(int family);
void set_no_delay(int fd, int family);

}  // namespace hearth::http
