#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <string_view>

#include "hearth/http/message.hpp"

namespace hearth::http {

namespace beast = boost::beast;

/// What came of feeding bytes to a parser.
enum class ParseStep { need_more, progress, done, bad };

/// Beast's grammar with flat header storage: no allocation per header, body bytes as views of the
/// input. Trailers are checked and dropped. One object per message.
template <bool isRequest, class Head>
class MessageParser : public beast::http::basic_parser<isRequest> {
 public:
    explicit MessageParser(Head& head) : head_(&head) {
        this->body_limit(boost::none);
        this->header_limit(UINT32_MAX);  // the caller bounds what it feeds
    }

    /// The whole head, up to and including the empty line. False: malformed.
    bool parse_head(std::string_view raw);
    /// Feeds body bytes; `consumed` says how many were used and piece() holds the decoded bytes
    /// among them.
    ParseStep feed(std::string_view input, std::size_t& consumed);
    std::string_view piece() const { return piece_; }
    int minor_version() const { return minor_version_; }

 protected:
    void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                         int version, beast::error_code&) override;
    void on_response_impl(int status, beast::string_view, int version, beast::error_code&) override;
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                       beast::error_code& ec) override;
    void on_header_impl(beast::error_code&) override { in_body_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view body, beast::error_code&) override;
    void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions,
                              beast::error_code& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                   beast::error_code&) override;
    void on_finish_impl(beast::error_code&) override {}

 private:
    Head* head_;
    std::string_view piece_;
    int minor_version_ = 1;
    int trailers_ = 0;
    std::uint32_t extension_bytes_ = 0;
    bool in_body_ = false;
};

using RequestParser = MessageParser<true, RequestHead>;
using ResponseParser = MessageParser<false, ResponseHead>;

extern template class MessageParser<true, RequestHead>;
extern template class MessageParser<false, ResponseHead>;

/// The end of the head in `input` (past its empty line), or npos; looks from `from` on.
inline std::size_t find_head_end(std::string_view input, std::size_t from) {
    const auto at = input.find("\r\n\r\n", from > 3 ? from - 3 : 0);
    return at == std::string_view::npos ? at : at + 4;
}

}  // namespace hearth::http
