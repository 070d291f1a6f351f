#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::test {

/// A blocking connection to a port of this machine. Every wait ends after ten seconds at the
/// latest.
class Wire {
 public:
    explicit Wire(unsigned short port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            ::close(fd_);
            throw std::runtime_error("cannot connect to port " + std::to_string(port));
        }
    }
    enum class Owned {};
    Wire(Owned, int fd) : fd_(fd) {}
    Wire(Wire&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), held_(std::move(other.held_)) {}
    Wire(const Wire&) = delete;
    ~Wire() { close(); }

    /// False when the peer has gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    /// Up to and including `mark`; what there is when the peer ends or nothing comes.
    std::string until(std::string_view mark) {
        while (held_.find(mark) == std::string::npos && receive()) {
        }
        const auto at = held_.find(mark);
        return take(at == std::string::npos ? held_.size() : at + mark.size());
    }
    std::string exactly(std::size_t count) {
        while (held_.size() < count && receive()) {
        }
        return take(std::min(count, held_.size()));
    }
    /// True when the peer has ended and everything was read.
    bool at_end() { return held_.empty() && !receive() && !timed_out_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

 private:
    bool receive() {
        pollfd wait{fd_, POLLIN, 0};
        // The end of a child of this process interrupts calls, in whichever thread.
        int ready = -1;
        do ready = ::poll(&wait, 1, 10'000);
        while (ready < 0 && errno == EINTR);
        timed_out_ = ready <= 0;
        if (timed_out_) return false;
        char bytes[65536];
        ssize_t n = -1;
        do n = ::recv(fd_, bytes, sizeof bytes, 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0) return false;
        held_.append(bytes, static_cast<std::size_t>(n));
        return true;
    }
    std::string take(std::size_t count) {
        std::string out = held_.substr(0, count);
        held_.erase(0, count);
        return out;
    }

    int fd_;
    std::string held_;
    bool timed_out_ = false;
};

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
    std::string head = wire.until("\r\n\r\n"), body;
    if (header(head, "transfer-encoding") == "chunked") {
        for (;;) {
            const auto size = std::strtoul(wire.until("\r\n").c_str(), nullptr, 16);
            body += wire.exactly(size);
            wire.until("\r\n");
            if (size == 0) break;
        }
    } else if (const std::string length = header(head, "content-length"); !length.empty()) {
        body = wire.exactly(std::stoul(length));
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
