#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "runner/fault.hpp"
#include "runner/net.hpp"

namespace hearth::runner {

/// The bytes of one message, piece by piece, so that memory does not grow with them.
class Body {
 public:
    virtual ~Body() = default;
    /// The next piece, empty at the end; it stays valid until the next call.
    /// Errors: 408 `cancelled` when the sender breaks off or stalls.
    virtual Task<Result<std::string_view>> read() = 0;
};

/// What an HTTP parser has still to read. The referenced objects must outlive it.
template <bool IsRequest>
class MessageBody final : public Body {
 public:
    using Parser = beast::http::parser<IsRequest, beast::http::buffer_body>;
    /// A sender that lets this much time pass without a byte is given up.
    static constexpr auto kStall = std::chrono::seconds(20);

    MessageBody(Stream& stream, beast::flat_buffer& buffer, Parser& parser)
        : stream_(stream), buffer_(buffer), parser_(parser) {}

    Task<Result<std::string_view>> read() override {
        if (!room_) room_ = std::make_unique<Room>();
        while (!parser_.is_done()) {
            auto& body = parser_.get().body();
            body.data = room_->data();
            body.size = room_->size();
            stream_.expires_after(kStall);
            auto [ec, count] =
                co_await beast::http::async_read_some(stream_, buffer_, parser_, use_task);
            if (ec && ec != beast::http::error::need_buffer) {
                co_return Fault(408, "cancelled", "the sender broke off: " + ec.message());
            }
            const std::size_t got = room_->size() - body.size;
            if (got > 0) co_return std::string_view(room_->data(), got);
        }
        co_return std::string_view();
    }
    bool done() const { return parser_.is_done(); }

 private:
    using Room = std::array<char, 32 * 1024>;
    Stream& stream_;
    beast::flat_buffer& buffer_;
    Parser& parser_;
    std::unique_ptr<Room> room_;
};

}  // namespace hearth::runner
