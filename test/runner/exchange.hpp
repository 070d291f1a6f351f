#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "support/wire.hpp"

namespace hearth::test {

/// A connection to a port of this machine.
inline Wire wire_to(unsigned short port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        throw std::runtime_error("cannot connect to port " + std::to_string(port));
    }
    return Wire(fd);
}

struct Answer {
    int status = 0;
    std::string head, body;
    boost::json::object json() const { return boost::json::parse(body).as_object(); }
    /// A member of the body as a text; "" when it is none.
    std::string text(std::string_view name) const {
        const auto object = json();
        const auto* value = object.if_contains(name);
        return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
    }
};

/// Value of a header, whatever its name's case in the text; "" without it.
inline std::string header(const std::string& head, std::string name) {
    const auto lower = [](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), ::tolower);
        return text;
    };
    name = "\r\n" + lower(std::move(name)) + ": ";
    const auto at = lower(head).find(name);
    if (at == std::string::npos) return "";
    const auto from = at + name.size();
    return head.substr(from, head.find("\r\n", from) - from);
}

/// Head and body of one message; the body by its length, or chunked.
inline std::pair<std::string, std::string> read_message(Wire& wire) {
    std::string head = wire.read_until("\r\n\r\n"), body;
    if (header(head, "transfer-encoding") == "chunked") {
        for (;;) {
            const auto size = std::strtoul(wire.read_until("\r\n").c_str(), nullptr, 16);
            body += wire.read_exactly(size);
            wire.read_until("\r\n");
            if (size == 0) break;
        }
    } else if (const std::string length = header(head, "content-length"); !length.empty()) {
        body = wire.read_exactly(std::stoul(length));
    }
    return {std::move(head), std::move(body)};
}

inline Answer read_answer(Wire& wire) {
    Answer out;
    std::tie(out.head, out.body) = read_message(wire);
    if (out.head.size() > 12) out.status = std::atoi(out.head.c_str() + 9);
    return out;
}

inline std::string request_text(std::string_view method, std::string_view target,
                                std::string_view headers, std::string_view body) {
    std::string out =
        std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\nHost: runner\r\n";
    out += headers;
    if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out + "\r\n" + std::string(body);
}

}  // namespace hearth::test
