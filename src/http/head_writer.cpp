#include "http/head_writer.hpp"

#include <algorithm>
#include <charconv>

#include "http/ascii.hpp"

namespace hearth::http {

bool is_hop_by_hop(std::string_view name) {
    switch (name.size()) {
        case 2:
            return same_name(name, "TE");
        case 7:
            return same_name(name, "Upgrade") || same_name(name, "Trailer");
        case 10:
            return same_name(name, "Connection") || same_name(name, "Keep-Alive");
        case 14:
            return same_name(name, "Content-Length") || same_name(name, "HTTP2-Settings");
        case 16:
            return same_name(name, "Proxy-Connection");
        case 17:
            return same_name(name, "Transfer-Encoding");
        case 18:
            return same_name(name, "Proxy-Authenticate");
        case 19:
            return same_name(name, "Proxy-Authorization");
        default:
            return false;
    }
}

bool connection_names_fields(const HeaderList& headers) {
    bool names = false;
    for (std::size_t i = 0; i < headers.size() && !names; ++i) {
        const auto [key, value] = headers.at(i);
        if (!same_name(key, "Connection")) continue;
        for_each_item(value, [&](std::string_view item) {
            names = !same_name(item, "keep-alive") && !same_name(item, "close");
            return !names;
        });
    }
    return names;
}

bool named_by_connection(const HeaderList& headers, std::string_view name) {
    bool named = false;
    for (std::size_t i = 0; i < headers.size() && !named; ++i) {
        const auto [key, value] = headers.at(i);
        if (!same_name(key, "Connection")) continue;
        for_each_item(value, [&](std::string_view item) {
            named = same_name(item, name);
            return !named;
        });
    }
    return named;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    const auto before = out.size();
    out.resize(before + name.size() + value.size() + 4);
    auto to =
        std::copy(name.begin(), name.end(), out.begin() + static_cast<std::ptrdiff_t>(before));
    *to++ = ':';
    *to++ = ' ';
    to = std::copy(value.begin(), value.end(), to);
    *to++ = '\r';
    *to = '\n';
}

void append_number(std::string& out, std::uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

void append_status_line(std::string& out, int status) {
    if (status == 200) {
        out.append("HTTP/1.1 200 OK\r\n");
        return;
    }
    out.append("HTTP/1.1 ");
    append_number(out, static_cast<std::uint64_t>(status));
    out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_framing(std::string& out, Framing framing, std::uint64_t length) {
    if (framing == Framing::chunked) {
        out.append("Transfer-Encoding: chunked\r\n");
    } else if (framing == Framing::length) {
        out.append("Content-Length: ");
        append_number(out, length);
        out.append("\r\n");
    }
}

void append_chunk_size(std::string& out, std::size_t size) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, size, 16).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
}

}  // namespace hearth::http
