#include "http/parser.hpp"

#include <array>

#include "http/ascii.hpp"

namespace hearth::http {
namespace {

// One chunk header or the trailers must fit: Beast wants each of them whole before it goes on.
constexpr std::size_t kMaxChunkLine = 4 * 1024;
constexpr std::uint32_t kMaxExtensionBytes = 16 * 1024;
constexpr int kMaxTrailers = 32;

// Fields that frame, route or authenticate: a trailer must not carry them (RFC 9110 section 6.5.1).
constexpr std::array<std::string_view, 20> kForbiddenTrailers = {"Transfer-Encoding",
                                                                 "Content-Length",
                                                                 "Host",
                                                                 "Connection",
                                                                 "Trailer",
                                                                 "TE",
                                                                 "Upgrade",
                                                                 "Expect",
                                                                 "Authorization",
                                                                 "Proxy-Authorization",
                                                                 "Cookie",
                                                                 "Set-Cookie",
                                                                 "Content-Type",
                                                                 "Content-Encoding",
                                                                 "Content-Range",
                                                                 "Cache-Control",
                                                                 "Max-Forwards",
                                                                 "Range",
                                                                 "Keep-Alive",
                                                                 "X-Forwarded-For"};

bool forbidden_trailer(std::string_view name) {
    if (name.find('_') != std::string_view::npos) return true;
    for (const auto forbidden : kForbiddenTrailers) {
        if (same_name(name, forbidden)) return true;
    }
    return false;
}

std::string_view view(beast::string_view text) {
    return std::string_view(text.data(), text.size());
}

}  // namespace

template <bool isRequest, class Head>
bool MessageParser<isRequest, Head>::parse_head(std::string_view raw) {
    beast::error_code ec;
    const auto used = this->put(boost::asio::const_buffer(raw.data(), raw.size()), ec);
    return !ec && used == raw.size() && this->is_header_done();
}

template <bool isRequest, class Head>
ParseStep MessageParser<isRequest, Head>::feed(std::string_view input, std::size_t& consumed) {
    consumed = 0;
    while (!this->is_done()) {
        if (consumed == input.size()) return ParseStep::need_more;
        piece_ = {};
        beast::error_code ec;
        const auto rest = input.substr(consumed);
        consumed += this->put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
        if (ec == beast::http::error::need_more) {
            const bool too_long = this->chunked() && input.size() - consumed > kMaxChunkLine;
            return too_long ? ParseStep::bad : ParseStep::need_more;
        }
        if (ec) return ParseStep::bad;
        if (!piece_.empty()) return ParseStep::progress;
    }
    return ParseStep::done;
}

template <bool isRequest, class Head>
void MessageParser<isRequest, Head>::on_request_impl(beast::http::verb, beast::string_view method,
                                                     beast::string_view target, int version,
                                                     beast::error_code&) {
    minor_version_ = version - 10;
    if constexpr (isRequest) {
        head_->method.assign(method.data(), method.size());
        head_->target.assign(target.data(), target.size());
        head_->minor_version = minor_version_;
    }
}

template <bool isRequest, class Head>
void MessageParser<isRequest, Head>::on_response_impl(int status, beast::string_view, int version,
                                                      beast::error_code&) {
    minor_version_ = version - 10;
    if constexpr (!isRequest) head_->status = status;
}

template <bool isRequest, class Head>
void MessageParser<isRequest, Head>::on_field_impl(beast::http::field, beast::string_view name,
                                                   beast::string_view value,
                                                   beast::error_code& ec) {
    if (!in_body_) {
        if (!head_->headers.add(view(name), view(value))) ec = beast::http::error::bad_value;
        return;
    }
    if (++trailers_ > kMaxTrailers || forbidden_trailer(view(name)))
        ec = beast::http::error::bad_field;
}

template <bool isRequest, class Head>
std::size_t MessageParser<isRequest, Head>::on_body_impl(beast::string_view body,
                                                         beast::error_code&) {
    piece_ = view(body);
    return body.size();
}

template <bool isRequest, class Head>
void MessageParser<isRequest, Head>::on_chunk_header_impl(std::uint64_t,
                                                          beast::string_view extensions,
                                                          beast::error_code& ec) {
    extension_bytes_ += static_cast<std::uint32_t>(extensions.size());
    if (extension_bytes_ > kMaxExtensionBytes || extensions.size() > 1024) {
        ec = beast::http::error::bad_chunk_extension;
    }
    for (const char c : extensions) {
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
            ec = beast::http::error::bad_chunk_extension;
        }
    }
}

template <bool isRequest, class Head>
std::size_t MessageParser<isRequest, Head>::on_chunk_body_impl(std::uint64_t,
                                                               beast::string_view body,
                                                               beast::error_code&) {
    piece_ = view(body);
    return body.size();
}

template class MessageParser<true, RequestHead>;
template class MessageParser<false, ResponseHead>;

}  // namespace hearth::http
