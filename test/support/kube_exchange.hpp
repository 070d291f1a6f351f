#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <cctype>
#include <cstdio>
#include <map>
#include <string>

namespace hearth::test {

using KubeStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

/// What a client sent to a KubeServer.
struct KubeRequest {
    std::string method, target, body;
    std::map<std::string, std::string> headers;  ///< names in lower case
    int connection = 0;                          ///< counts from 1
    bool resumed = false;                        ///< the TLS session was
    std::string peer;                            ///< subject of the client's certificate

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string() : found->second;
    }
    /// Whether the query holds "name=value", as encoded.
    bool has(const std::string& pair) const {
        const auto at = target.find(pair);
        if (at == std::string::npos || (target[at - 1] != '?' && target[at - 1] != '&'))
            return false;
        const auto end = at + pair.size();
        return end == target.size() || target[end] == '&';
    }
    std::string path() const { return target.substr(0, target.find('?')); }
};

/// A Status as the API server writes one.
inline std::string kube_status_text(int code, const std::string& reason,
                                    const std::string& message) {
    return "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"" +
           message + "\",\"reason\":\"" + reason + "\",\"code\":" + std::to_string(code) + "}";
}

/// One connection's way to answer.
class KubeReply {
 public:
    explicit KubeReply(KubeStream& stream) : stream_(&stream) {}
    bool dropped() const { return dropped_; }
    void raw(const std::string& bytes) {
        boost::system::error_code ignored;
        boost::asio::write(*stream_, boost::asio::buffer(bytes), ignored);
    }
    void json(int status, const std::string& body, const std::string& more_headers = {}) {
        raw("HTTP/1.1 " + std::to_string(status) +
            " X\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n" + more_headers + "\r\n" + body);
    }
    void status(int code, const std::string& reason, const std::string& message,
                const std::string& more_headers = {}) {
        json(code, kube_status_text(code, reason, message), more_headers);
    }
    void begin_stream(const std::string& type = "application/json") {
        raw("HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n\r\n");
    }
    void chunk(const std::string& text) {
        char size[32];
        std::snprintf(size, sizeof size, "%zx\r\n", text.size());
        raw(size + text + "\r\n");
    }
    void event(const std::string& type, const std::string& object) {
        chunk("{\"type\":\"" + type + "\",\"object\":" + object + "}\n");
    }
    void end_stream() { raw("0\r\n\r\n"); }
    /// The connection ends after this answer, without TLS's farewell.
    void drop() { dropped_ = true; }
    /// Says nothing more until the client or the server goes.
    void hold() {
        char byte = 0;
        boost::system::error_code ec;
        while (!ec) stream_->read_some(boost::asio::buffer(&byte, 1), ec);
        dropped_ = true;
    }

 private:
    KubeStream* stream_;
    bool dropped_ = false;
};

inline void parse_kube_head(const std::string& head, KubeRequest& request) {
    auto at = head.find("\r\n");
    const auto first = head.substr(0, at);
    const auto space = first.find(' ');
    request.method = first.substr(0, space);
    request.target = first.substr(space + 1, first.rfind(' ') - space - 1);
    while (at != std::string::npos) {
        const auto next = head.find("\r\n", at + 2);
        const auto line = head.substr(at + 2, next == std::string::npos ? next : next - at - 2);
        const auto colon = line.find(": ");
        if (colon != std::string::npos) {
            std::string name = line.substr(0, colon);
            for (char& c : name) c = static_cast<char>(std::tolower(c));
            auto& value = request.headers[name];
            value += (value.empty() ? "" : ",") + line.substr(colon + 2);
        }
        at = next;
    }
}

inline bool read_kube_bytes(KubeStream& stream, std::string& input) {
    char buffer[8192];
    boost::system::error_code ec;
    const auto n = stream.read_some(boost::asio::buffer(buffer), ec);
    input.append(buffer, n);
    return !ec;
}

inline bool read_kube_request(KubeStream& stream, std::string& input, KubeRequest& request) {
    std::size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos)
        if (!read_kube_bytes(stream, input)) return false;
    request.headers.clear();
    parse_kube_head(input.substr(0, end), request);
    const auto length = request.header("content-length");
    const auto size = end + 4 + (length.empty() ? 0 : std::stoul(length));
    while (input.size() < size)
        if (!read_kube_bytes(stream, input)) return false;
    request.body = input.substr(end + 4, size - end - 4);
    input.erase(0, size);
    request.resumed = SSL_session_reused(stream.native_handle()) == 1;
    X509* peer = SSL_get1_peer_certificate(stream.native_handle());
    request.peer.clear();
    if (peer != nullptr) {
        char name[256];
        X509_NAME_oneline(X509_get_subject_name(peer), name, sizeof name);
        request.peer = name;
        X509_free(peer);
    }
    return true;
}

}  // namespace hearth::test
