#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hearth::base {

/// Random version-4 UUID in lower case (RFC 9562 section 5.4). Thread: any.
std::string new_uuid();

/// `count` random bytes as lower-case hex. Thread: any.
std::string random_hex(std::size_t count);

std::string to_hex(std::span<const unsigned char> bytes);

/// Lower-case hex SHA-256 of `data` (FIPS 180-4, by OpenSSL).
std::string sha256_hex(std::string_view data);

/// Standard base64 with padding (RFC 4648 section 4). decode returns false for anything else.
std::string base64_encode(std::string_view data);
bool base64_decode(std::string_view text, std::string& out);

}  // namespace hearth::base
