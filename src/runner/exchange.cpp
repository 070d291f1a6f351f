#include "runner/exchange.hpp"

#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <limits>
#include <sstream>

namespace hearth::runner {
namespace {

namespace http = beast::http;

constexpr std::size_t kLongestAnswerHead = 64 * 1024;

std::string text_of(const Endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    const std::string port = ':' + std::to_string(endpoint.port());
    return endpoint.address().is_v6() ? '[' + address + ']' + port : address + port;
}

}  // namespace

Exchange::Exchange(Executor executor, Endpoint peer, Clock::duration connect_limit)
    : stream_(executor),
      peer_(peer),
      connect_limit_(connect_limit),
      buffer_(kLongestAnswerHead),
      body_(stream_, buffer_, parser_) {
    parser_.header_limit(kLongestAnswerHead);
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
}

Exchange::Request Exchange::request(http::verb method, std::string_view target) {
    Request out(method, {target.data(), target.size()}, 11);
    out.set(http::field::user_agent, "hearth-runner");
    out.set(http::field::connection, "close");
    return out;
}

Fault Exchange::failure(boost::system::error_code ec, const char* what) const {
    const std::string who = text_of(peer_);
    if (ec == beast::error::timeout) {
        return Fault(504, "deadline_exceeded", who + " did not " + what + " in time");
    }
    return Fault(502, "gone", who + " did not " + what + ": " + ec.message());
}

Task<Result<int>> Exchange::send(Request request, Clock::time_point deadline) {
    request.set(http::field::host, text_of(peer_));
    request.prepare_payload();
    stream_.expires_at(std::min(deadline, Clock::now() + connect_limit_));
    auto [unconnected] = co_await stream_.async_connect(peer_, use_task);
    if (unconnected) co_return failure(unconnected, "accept a connection");
    stream_.expires_at(deadline);
    boost::system::error_code ignored;
    stream_.socket().set_option(Tcp::no_delay(true), ignored);
    auto [unsent, sent] = co_await http::async_write(stream_, request, use_task);
    // A server may answer before it has read everything, and close.
    if (unsent && unsent == beast::error::timeout) co_return failure(unsent, "take the request");
    auto [ec, count] = co_await http::async_read_header(stream_, buffer_, parser_, use_task);
    if (ec) co_return failure(ec, "answer");
    co_return static_cast<int>(parser_.get().result_int());
}

Task<Result<std::string>> Exchange::text(std::size_t most, Clock::time_point deadline) {
    std::string out;
    while (out.size() < most) {
        if (Clock::now() >= deadline) {
            co_return Fault(504, "deadline_exceeded", text_of(peer_) + " did not finish in time");
        }
        auto piece = co_await body_.read();
        // An answer that breaks off still says what came so far.
        if (!piece || piece->empty()) break;
        out += piece->substr(0, most - out.size());
    }
    co_return out;
}

Task<bool> accepts_connections(Executor executor, Endpoint peer, Clock::duration limit) {
    Stream stream(executor);
    stream.expires_after(limit);
    auto [ec] = co_await stream.async_connect(peer, use_task);
    co_return !ec;
}

}  // namespace hearth::runner
