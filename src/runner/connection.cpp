#include "runner/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <array>
#include <limits>

namespace hearth::runner {
namespace {

namespace http = beast::http;

constexpr std::size_t kLongestHead = 16 * 1024;
constexpr std::size_t kBuffer = kLongestHead + 64 * 1024;
constexpr auto kFirstRequest = std::chrono::seconds(10);
constexpr auto kIdle = std::chrono::seconds(120);
constexpr auto kSend = std::chrono::seconds(20);
/// What is read of a body nobody wants, so that its sender sees the answer.
constexpr auto kDrain = std::chrono::seconds(2);

std::string text_of(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

Server::Connection::Connection(Stream::socket_type socket)
    : stream(std::move(socket)), buffer_(kBuffer) {}

Task<Result<Call>> Server::Connection::next() {
    body_.reset();
    parser_.emplace();
    parser_->header_limit(kLongestHead);
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    idle = true;
    since = Clock::now();
    stream.expires_after(first_ ? Clock::duration(kFirstRequest) : Clock::duration(kIdle));
    auto [ec, count] = co_await http::async_read_header(stream, buffer_, *parser_, use_task);
    idle = false;
    first_ = false;
    if (ec) {
        const bool nonsense =
            ec.category() == http::make_error_code(http::error::bad_target).category() &&
            ec != http::error::end_of_stream && ec != http::error::partial_message;
        co_return nonsense ? refused("that is no HTTP request: " + ec.message())
                           : Fault(408, "cancelled", ec.message());
    }
    body_.emplace(stream, buffer_, *parser_);
    const auto& head = parser_->get();
    Call call;
    call.method = text_of(head.method_string());
    const std::string target = text_of(head.target());
    const auto mark = std::min(target.find('?'), target.size());
    call.path = target.substr(0, mark);
    if (mark < target.size()) call.query = target.substr(mark + 1);
    call.authorization = text_of(head[http::field::authorization]);
    call.content_type = text_of(head[http::field::content_type]);
    if (auto length = parser_->content_length(); length) call.content_length = *length;
    if (beast::iequals(head[http::field::expect], "100-continue") && !co_await send_continue()) {
        co_return Fault(408, "cancelled", "the client has gone");
    }
    co_return call;
}

Task<bool> Server::Connection::send_continue() {
    static constexpr std::string_view kText = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto bytes = net::buffer(kText.data(), kText.size());
    stream.expires_after(kSend);
    auto [ec, sent] = co_await net::async_write(stream, bytes, use_task);
    co_return !ec;
}

Task<bool> Server::Connection::finish(Reply reply) {
    const bool keep = parser_->keep_alive();
    const bool sent =
        co_await send(std::move(reply), keep ? Connection::After::keep : Connection::After::close);
    if (!sent) co_return false;
    const bool drained = co_await drain();
    co_return drained&& keep;
}

Task<bool> Server::Connection::drain() {
    const auto deadline = Clock::now() + kDrain;
    while (!body_->done() && Clock::now() < deadline) {
        auto piece = co_await body_->read();
        if (!piece) co_return false;
    }
    co_return body_->done();
}

Task<bool> Server::Connection::send(Reply reply, After after) {
    if (reply.stream) co_return co_await send_stream(reply, after);
    http::response<http::string_body> message;
    message.version(11);
    message.result(static_cast<unsigned>(reply.status));
    message.set(http::field::content_type, reply.content_type);
    if (!reply.allow.empty()) message.set(http::field::allow, reply.allow);
    if (reply.status == 401) message.set(http::field::www_authenticate, "Bearer");
    message.keep_alive(after == After::keep);
    message.body() = std::move(reply.body);
    message.prepare_payload();
    stream.expires_after(kSend);
    auto [ec, sent] = co_await http::async_write(stream, message, use_task);
    co_return !ec;
}

Task<bool> Server::Connection::send_stream(Reply& reply, After after) {
    http::response<http::empty_body> head;
    head.version(11);
    head.set(http::field::content_type, reply.content_type);
    head.keep_alive(after == After::keep);
    head.chunked(true);
    http::response_serializer<http::empty_body> serializer(head);
    stream.expires_after(kSend);
    auto [unsent, sent] = co_await http::async_write_header(stream, serializer, use_task);
    if (unsent) co_return false;
    for (;;) {
        auto piece = co_await reply.stream->next();
        // Without its last chunk the receiver knows that the answer is not whole.
        if (!piece) co_return false;
        stream.expires_after(kSend);
        if (piece->empty()) break;
        const auto chunk = http::make_chunk(net::const_buffer(piece->data(), piece->size()));
        auto [ec, count] = co_await net::async_write(stream, chunk, use_task);
        if (ec) co_return false;
    }
    const auto last = http::make_chunk_last();
    auto [ec, count] = co_await net::async_write(stream, last, use_task);
    co_return !ec;
}

void Server::Connection::close() {
    boost::system::error_code ignored;
    stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    stream.close();
}

}  // namespace hearth::runner
