#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/http/message.hpp"

namespace hearth::gateway {

/// Addresses whose word about the original client counts. Immutable. Thread: any.
class TrustedProxies {
 public:
    /// Adds "10.0.0.0/8", "fd00::/8" or a single address. Errors: invalid_argument.
    Result<void> add(std::string_view cidr);
    /// IPv4 addresses written as IPv6 (::ffff:1.2.3.4) count as IPv4. A peer without address came
    /// through a unix socket, which only a local proxy can open: trusted.
    bool contains(std::string_view address) const;

 private:
    struct Range {
        std::array<unsigned char, 16> address;
        unsigned bits;
    };
    std::vector<Range> ranges_;
};

/// Sets X-Forwarded-For, -Host, -Proto and Forwarded (RFC 7239): made anew from the connection, or
/// continued when the peer is trusted. Other X-Forwarded-* and X-Real-IP of an untrusted peer are
/// overruled. `scratch` saves allocations.
void add_forwarding_headers(const http::RequestHead& head, std::string_view peer, bool trusted,
                            http::HeaderList& out, std::string& scratch);

}  // namespace hearth::gateway
