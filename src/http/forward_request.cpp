#include "hearth/http/cookie.hpp"
#include "http/ascii.hpp"
#include "http/forward_run.hpp"

namespace hearth::http {
namespace {

// Servers that turn headers into variable names read '_' and '-' as the same.
bool has_prefix(std::string_view name, std::string_view prefix) {
    if (name.size() < prefix.size()) return false;
    for (std::size_t i = 0; i < prefix.size(); ++i) {
        const char a = name[i] == '_' ? '-' : to_lower(name[i]);
        const char b = prefix[i] == '_' ? '-' : to_lower(prefix[i]);
        if (a != b) return false;
    }
    return true;
}

}  // namespace

bool ForwardRun::is_dropped(std::string_view name) const {
    if (is_hop_by_hop(name) || same_name(name, "Host") || same_name(name, "Expect")) return true;
    for (const auto* list : plan_.set_headers) {
        if (list != nullptr && list->has(name)) return true;
    }
    if (plan_.drop_prefixes != nullptr) {
        for (const auto& prefix : *plan_.drop_prefixes) {
            if (has_prefix(name, prefix)) return true;
        }
    }
    return false;
}

void ForwardRun::append_client_headers(std::string& out) {
    const auto& headers = client_.request().headers;
    const bool names_some = connection_names_fields(headers);
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const auto [name, value] = headers.at(i);
        if (is_dropped(name) || (names_some && named_by_connection(headers, name))) continue;
        const auto drop = plan_.drop_cookie;
        if (!drop.empty() && same_name(name, "Cookie") && cookie_value(value, drop)) {
            const auto others = without_cookie(value, drop);
            if (!others.empty()) append_header(out, name, others);
            continue;
        }
        append_header(out, name, value);
    }
}

void ForwardRun::serialise_request() {
    const auto& head = client_.request();
    auto& out = peer_->out;
    out.clear();
    out.append(head.method).append(" ", 1).append(plan_.target).append(" HTTP/1.1\r\n");
    std::string_view host = upstream_.host;
    if (host.empty()) host = head.headers.find("Host").value_or("localhost");
    append_header(out, "Host", host);
    append_client_headers(out);
    for (const auto* list : plan_.set_headers) {
        if (list == nullptr) continue;
        for (std::size_t i = 0; i < list->size(); ++i) {
            const auto [name, value] = list->at(i);
            if (!is_hop_by_hop(name) && !same_name(name, "Host")) append_header(out, name, value);
        }
    }
    if (websocket_) {
        out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if (!body_length_) {
        append_framing(out, Framing::chunked, 0);
    } else if (*body_length_ > 0 || head.content_length || head.chunked) {
        append_framing(out, Framing::length, *body_length_);
    }
    out.append("\r\n");
}

Fault ForwardRun::send_request() {
    written_before_ = peer_->stream.bytes_written();
    peer_->stream.write_limit = plan_.deadline.at();
    const auto body = body_.value_or(std::string_view());
    if (body.size() <= kJoinBody) {
        peer_->out.append(body);
        return peer_->stream.try_write(peer_->out);
    }
    const std::array<iovec, 2> parts = {iovec{peer_->out.data(), peer_->out.size()},
                                        iovec{const_cast<char*>(body.data()), body.size()}};
    return peer_->stream.try_write(parts);
}

void ForwardRun::note_request_sent(Fault fault) {
    const auto bytes = peer_->stream.bytes_written() - written_before_;
    if (plan_.timed) sent_at_ = std::chrono::steady_clock::now();
    if (bytes > 0) {
        sent_any_ = true;
        result_.request_bytes = bytes;
    }
    if (fault != Fault::none) fail_upstream(fault, "while the request was sent");
}

}  // namespace hearth::http
