#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/http/message.hpp"

namespace hearth::http {

/// How a message's body is delimited on the wire.
enum class Framing {
    none,    ///< no body and no framing header (204, 304, 1xx)
    length,  ///< Content-Length
    chunked,
    close,  ///< the end of the connection
};

/// Hop-by-hop and framing fields, which every hop makes for itself (RFC 9110 section 7.6.1).
bool is_hop_by_hop(std::string_view name);
/// Whether a Connection header of `headers` names any field at all, as they rarely do.
bool connection_names_fields(const HeaderList& headers);
/// True when a Connection header of `headers` names it.
bool named_by_connection(const HeaderList& headers, std::string_view name);

void append_header(std::string& out, std::string_view name, std::string_view value);
void append_number(std::string& out, std::uint64_t number);
void append_status_line(std::string& out, int status);
void append_framing(std::string& out, Framing framing, std::uint64_t length);
/// "1f\r\n"
void append_chunk_size(std::string& out, std::size_t size);

/// Up to here a copy of the body beside its head is cheaper than a second buffer in the call.
inline constexpr std::size_t kJoinBody = 8 * 1024;

inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace hearth::http
