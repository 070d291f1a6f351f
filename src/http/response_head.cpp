#include "http/response_head.hpp"

namespace hearth::http {
namespace {

constexpr int kMostInterim = 16;

std::string_view wrong_with(const UpstreamConnection& peer, bool websocket) {
    const auto& head = peer.head;
    const auto encoding = head.headers.find("Transfer-Encoding");
    const auto length = head.headers.find("Content-Length");
    if (head.status < 100 || head.status > 599) return "its status is not between 100 and 599";
    if (encoding && (!same_name(*encoding, "chunked") || peer.parser->minor_version() == 0 ||
                     head.headers.count("Transfer-Encoding") > 1))
        return "its Transfer-Encoding is not exactly one 'chunked'";
    if (length && (encoding || head.headers.count("Content-Length") > 1 ||
                   length->find(',') != std::string_view::npos))
        return "its Content-Length is ambiguous";
    if (head.status != 101) return {};
    const auto protocol = head.headers.find("Upgrade");
    if (!websocket || !protocol || !same_name(*protocol, "websocket"))
        return "it switches to a protocol nobody asked for";
    return {};
}

}  // namespace

bool may_repeat(std::string_view method) {
    return method != "POST" && method != "PATCH" && method != "LOCK" && method != "LINK";
}

HeadStep ResponseHeadReader::bad(std::string fault) {
    fault_ = std::move(fault);
    return HeadStep::bad;
}

HeadStep ResponseHeadReader::read(UpstreamConnection& peer, std::string_view method,
                                  std::size_t limit, bool websocket) {
    for (;;) {
        const auto end = find_head_end(peer.in.view(), 0);
        if (end == std::string_view::npos || end > limit) {
            if (end == std::string_view::npos && peer.in.size() <= limit)
                return HeadStep::need_more;
            return bad("the function's response head is larger than the limit of " +
                       std::to_string(limit) + " bytes");
        }
        peer.head.headers.clear();
        peer.parser.emplace(peer.head);
        if (method == "HEAD") peer.parser->skip(true);
        if (!peer.parser->parse_head(peer.in.view().substr(0, end)))
            return bad("the function's response head is not valid HTTP/1.1");
        peer.in.consume(end);
        const int status = peer.head.status;
        // 100 is answered by this hop itself and 103 is advice that may be left out.
        if (status / 100 == 1 && status != 101) {
            if (++interim_ <= kMostInterim) continue;
            return bad("the function sent too many interim responses");
        }
        const auto wrong = wrong_with(peer, websocket);
        if (wrong.empty()) return HeadStep::complete;
        return bad("the function's response cannot be used: " + std::string(wrong));
    }
}

}  // namespace hearth::http
