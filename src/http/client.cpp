#include "hearth/http/client.hpp"

#include <boost/asio/co_spawn.hpp>

#include "http/connect.hpp"
#include "http/head_writer.hpp"
#include "http/parser.hpp"
#include "http/read_buffer.hpp"

namespace hearth::http {
namespace {

constexpr std::size_t kMaxHead = 256 * 1024;

using OnHead = std::function<bool(const ClientResponse&)>;
using OnData = std::function<bool(std::string_view)>;

/// The stream and the one timer of a request; the timer's handler may outlive the request.
struct Line {
    explicit Line(aio::Executor executor) : poller(executor), stream(poller), timer(executor) {}
    Poller poller;
    Stream stream;
    Timer timer;
};

void arm(const std::shared_ptr<Line>& line, Deadline deadline) {
    if (deadline.is_never()) return;
    line->timer.expires_at(deadline.at());
    line->timer.async_wait([weak = std::weak_ptr<Line>(line)](boost::system::error_code ec) {
        auto alive = weak.lock();
        if (!ec && alive) alive->stream.expire();
    });
}

class Fetch {
 public:
    Fetch(aio::Executor executor, Endpoint endpoint, ClientRequest request, Deadline deadline)
        : line_(std::make_shared<Line>(executor)),
          endpoint_(std::move(endpoint)),
          request_(std::move(request)),
          deadline_(deadline) {}
    ~Fetch() {
        line_->timer.cancel();
        line_->stream.abort();
    }

    Task<Result<ClientResponse>> run(OnHead on_head, OnData on_data);

 private:
    Task<Result<void>> send();
    Task<Result<void>> send_source();
    Task<Result<void>> receive_head();
    Task<Result<bool>> next_piece();
    Task<Result<void>> fill(std::string_view when);
    Result<bool> parse_heads();
    std::string serialise() const;
    Error fault_error(Fault fault, std::string_view when) const;
    Error protocol_error(std::string_view what) const;

    std::shared_ptr<Line> line_;
    Endpoint endpoint_;
    ClientRequest request_;
    Deadline deadline_;
    std::string out_;
    ReadBuffer in_;
    ResponseHead head_;
    std::optional<ResponseParser> parser_;
    std::string_view piece_;
    bool ended_ = false;
};

Error Fetch::fault_error(Fault fault, std::string_view when) const {
    if (fault == Fault::timeout || deadline_.passed()) {
        return Error(Errc::deadline_exceeded,
                     endpoint_.to_string() + " did not answer before the deadline");
    }
    std::string message = endpoint_.to_string() + " closed the connection ";
    return Error(Errc::io, message.append(when));
}

Error Fetch::protocol_error(std::string_view what) const {
    std::string message = endpoint_.to_string() + " sent ";
    return Error(Errc::io, message.append(what));
}

std::string Fetch::serialise() const {
    std::string out;
    out.append(request_.method).append(" ").append(request_.target).append(" HTTP/1.1\r\n");
    append_header(out, "Host", request_.host);
    for (std::size_t i = 0; i < request_.headers.size(); ++i) {
        const auto [name, value] = request_.headers.at(i);
        if (!is_hop_by_hop(name) && !same_name(name, "Host")) append_header(out, name, value);
    }
    if (request_.body_source) {
        const auto framing = request_.body_length ? Framing::length : Framing::chunked;
        append_framing(out, framing, request_.body_length.value_or(0));
    } else if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT" ||
               request_.method == "PATCH") {
        append_framing(out, Framing::length, request_.body.size());
    }
    out.append("Connection: close\r\n\r\n");
    return out;
}

Task<Result<void>> Fetch::send() {
    out_ = serialise();
    const std::array<iovec, 2> parts = {iovec{out_.data(), out_.size()},
                                        iovec{request_.body.data(), request_.body.size()}};
    auto fault = line_->stream.try_write(parts);
    if (fault == Fault::pending) fault = co_await line_->stream.flush();
    if (fault == Fault::timeout) co_return fault_error(fault, "");
    // A server that answered early may have closed its side: its answer tells more than this fault.
    if (fault != Fault::none || !request_.body_source) co_return Result<void>();
    co_return co_await send_source();
}

Task<Result<void>> Fetch::send_source() {
    for (;;) {
        auto piece = request_.body_source();
        if (!piece) co_return piece.error();
        out_.clear();
        if (!request_.body_length) {
            if (piece->empty()) {
                out_.append(kLastChunk);
            } else {
                append_chunk_size(out_, piece->size());
                out_.append(*piece).append("\r\n");
            }
        } else {
            out_.append(*piece);
        }
        const auto fault = co_await line_->stream.write(out_);
        if (fault == Fault::timeout) co_return fault_error(fault, "");
        if (fault != Fault::none || piece->empty()) co_return Result<void>();
    }
}

Task<Result<void>> Fetch::fill(std::string_view when) {
    const auto room = in_.prepare(in_.size() < 4096 ? ReadBuffer::kStreaming : kMaxHead + 1);
    const auto got = co_await line_->stream.receive(room.data(), room.size());
    if (got.fault == Fault::eof && parser_ && parser_->need_eof()) {
        ended_ = true;
        co_return Result<void>();
    }
    if (got.fault != Fault::none) co_return fault_error(got.fault, when);
    in_.commit(got.bytes);
    co_return Result<void>();
}

// False: more is needed.
Result<bool> Fetch::parse_heads() {
    for (;;) {
        const auto end = find_head_end(in_.view(), 0);
        if (end == std::string_view::npos) {
            if (in_.size() > kMaxHead) return protocol_error("a response head past 256 KiB");
            return false;
        }
        head_.headers.clear();
        parser_.emplace(head_);
        if (request_.method == "HEAD") parser_->skip(true);
        if (!parser_->parse_head(in_.view().substr(0, end))) {
            return protocol_error("a response that is not valid HTTP/1.1");
        }
        in_.consume(end);
        if (head_.status / 100 == 1 && head_.status != 101) continue;
        const auto encoding = head_.headers.find("Transfer-Encoding");
        if (encoding && !parser_->chunked()) return protocol_error("an unknown Transfer-Encoding");
        return true;
    }
}

Task<Result<void>> Fetch::receive_head() {
    for (;;) {
        parser_.reset();
        auto filled = co_await fill("before it answered");
        if (!filled) co_return filled.error();
        auto complete = parse_heads();
        if (!complete) co_return complete.error();
        if (*complete) co_return Result<void>();
    }
}

// False at the end of the body; else piece_ holds bytes.
Task<Result<bool>> Fetch::next_piece() {
    for (;;) {
        if (parser_->is_done() || ended_) co_return false;
        std::size_t used = 0;
        const auto step = parser_->feed(in_.view(), used);
        in_.consume(used);
        if (step == ParseStep::done) co_return false;
        if (step == ParseStep::bad) co_return protocol_error("malformed chunks");
        if (step == ParseStep::progress) {
            piece_ = parser_->piece();
            co_return true;
        }
        auto filled = co_await fill("within its response");
        if (!filled) co_return filled.error();
    }
}

Task<Result<ClientResponse>> Fetch::run(OnHead on_head, OnData on_data) {
    arm(line_, deadline_);
    auto connected = co_await connect_stream(line_->stream, endpoint_, deadline_.at());
    if (!connected) {
        if (deadline_.passed()) {
            co_return Error(Errc::deadline_exceeded, connected.error().message);
        }
        co_return connected.error();
    }
    auto sent = co_await send();
    if (!sent) co_return sent.error();
    auto headed = co_await receive_head();
    if (!headed) co_return headed.error();
    ClientResponse response;
    response.status = head_.status;
    response.headers = std::move(head_.headers);
    if (on_head && !on_head(response)) co_return response;
    for (;;) {
        auto more = co_await next_piece();
        if (!more) co_return more.error();
        if (!*more) break;
        if (on_data && !on_data(piece_)) break;
    }
    co_return response;
}

template <class Start>
Result<ClientResponse> run_blocking(Start start) {
    net::io_context context(1);
    std::optional<Result<ClientResponse>> result;
    std::exception_ptr thrown;
    auto done = [&](std::exception_ptr e, Result<ClientResponse> r) {
        thrown = e;
        result.emplace(std::move(r));
    };
    net::co_spawn(context.get_executor(), start(), std::move(done));
    context.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*result);
}

}  // namespace

Task<Result<ClientResponse>> fetch_stream(Endpoint endpoint, ClientRequest request,
                                          Deadline deadline, OnHead on_head, OnData on_data) {
    auto executor = co_await net::this_coro::executor;
    Fetch one(executor, std::move(endpoint), std::move(request), deadline);
    auto response = co_await one.run(std::move(on_head), std::move(on_data));
    co_return response;
}

Task<Result<ClientResponse>> fetch(Endpoint endpoint, ClientRequest request, Deadline deadline,
                                   std::uint64_t limit) {
    auto executor = co_await net::this_coro::executor;
    const auto name = endpoint.to_string();
    std::string body;
    bool too_large = false;
    Fetch one(executor, std::move(endpoint), std::move(request), deadline);
    OnHead on_head;
    OnData on_data = [&](std::string_view bytes) {
        too_large = body.size() + bytes.size() > limit;
        if (!too_large) body.append(bytes);
        return !too_large;
    };
    auto response = co_await one.run(std::move(on_head), std::move(on_data));
    if (response && too_large) {
        co_return Error(Errc::too_large, name + " sent a body larger than the limit of " +
                                             std::to_string(limit) + " bytes");
    }
    if (response) response->body = std::move(body);
    co_return response;
}

Result<ClientResponse> fetch_blocking(const Endpoint& endpoint, ClientRequest request,
                                      Deadline deadline, std::uint64_t limit) {
    return run_blocking([&] { return fetch(endpoint, std::move(request), deadline, limit); });
}

Result<ClientResponse> fetch_stream_blocking(const Endpoint& endpoint, ClientRequest request,
                                             Deadline deadline, OnHead on_head, OnData on_data) {
    return run_blocking([&] {
        return fetch_stream(endpoint, std::move(request), deadline, std::move(on_head),
                            std::move(on_data));
    });
}

}  // namespace hearth::http
