#include "http/ascii.hpp"
#include "http/connection.hpp"
#include "http/server_impl.hpp"

namespace hearth::http {

std::optional<std::uint64_t> Connection::body_length() const {
    if (replay_complete_) return replay_.size();
    if (!head_.chunked) return head_.content_length.value_or(0);
    return std::nullopt;
}

void Connection::replay_body(std::string body) {
    replay_ = std::move(body);
    replay_at_ = 0;
    replay_complete_ = body_done_;
    whole_body_.reset();
    piece_rest_ = {};
}

std::string_view Connection::take_replay(std::size_t most) {
    const auto part = std::string_view(replay_).substr(replay_at_, most);
    replay_at_ += part.size();
    return part;
}

Result<std::string_view> Connection::body_error(Errc code, std::string_view message) {
    close_after_ = true;
    return Error(code, std::string(message), {}, "client");
}

std::optional<Result<std::string_view>> Connection::body_step() {
    if (body_done_) return Result<std::string_view>(std::string_view());
    if (head_.content_length && *head_.content_length > max_body_) {
        return body_error(Errc::too_large, "the request body is larger than the limit of " +
                                               std::to_string(max_body_) + " bytes");
    }
    std::size_t used = 0;
    const auto step = parser_->feed(in_.view(), used);
    in_.consume(used);
    switch (step) {
        case ParseStep::bad:
            return body_error(Errc::invalid_argument,
                              "the framing of the request body is malformed");
        case ParseStep::need_more:
            return std::nullopt;
        case ParseStep::done:
            body_done_ = true;
            return Result<std::string_view>(std::string_view());
        case ParseStep::progress:
            break;
    }
    const auto piece = parser_->piece();
    body_bytes_ += piece.size();
    if (body_bytes_ > max_body_) {
        return body_error(Errc::too_large, "the request body is larger than the limit of " +
                                               std::to_string(max_body_) + " bytes");
    }
    if (parser_->is_done()) body_done_ = true;
    return Result<std::string_view>(piece);
}

SteadyTime Connection::body_wait_limit(SteadyTime now) const {
    const auto& o = server_.options();
    const auto earned =
        std::chrono::milliseconds(o.min_body_rate == 0 ? 0 : body_bytes_ * 1000 / o.min_body_rate);
    return now + (o.body_grace + earned - body_waited_);
}

Task<Fault> Connection::send_continue() {
    expects_continue_ = false;
    // With an answer under way the client knows already; a 1xx would land inside it.
    if (status_ != 0) co_return Fault::none;
    co_return co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
}

Task<Result<std::string_view>> Connection::next_body() {
    if (replay_left() > 0) co_return take_replay(replay_left());
    for (;;) {
        if (auto step = body_step()) co_return std::move(*step);
        if (expects_continue_) {
            const auto fault = co_await send_continue();
            if (fault != Fault::none) {
                unusable_ = true;
                co_return body_error(Errc::cancelled, "the client is gone");
            }
        }
        const auto room = in_.prepare(ReadBuffer::kStreaming);
        const auto since = std::chrono::steady_clock::now();
        stream_.read_by = body_wait_limit(since);
        const auto got = co_await stream_.receive(room.data(), room.size());
        stream_.read_by = SteadyTime::max();
        body_waited_ += std::chrono::steady_clock::now() - since;
        if (got.fault == Fault::none) {
            in_.commit(got.bytes);
            continue;
        }
        if (got.fault == Fault::timeout) {
            stream_.clear_read_timeout();
            co_return body_error(Errc::deadline_exceeded, "the request body came too slowly");
        }
        if (got.fault == Fault::stopped)
            co_return Error(Errc::cancelled, "the upload was broken off");
        if (got.fault == Fault::broken) gone_ = true;
        co_return body_error(
            Errc::cancelled,
            "the client closed the connection before its request body was complete");
    }
}

std::optional<Result<std::string_view>> Connection::buffered_body() {
    if (whole_body_) return Result<std::string_view>(*whole_body_);
    if (replay_complete_)
        return Result<std::string_view>(std::string_view(replay_).substr(replay_at_));
    if (body_done_ && body_bytes_ == 0) return Result<std::string_view>(std::string_view());
    if (body_done_ || body_bytes_ > 0) return std::nullopt;
    if (!head_.chunked) {
        const auto length = *head_.content_length;
        if (length > max_body_) return body_step();
        if (in_.size() < length) return std::nullopt;
        auto step = body_step();
        if (step && *step) whole_body_ = **step;
        return step;
    }
    // Chunks are joined in replay_; when the end is not there yet, reading goes on behind them.
    for (;;) {
        auto step = body_step();
        if (!step) {
            return std::nullopt;
        }
        if (!*step) return step;
        replay_.append(**step);
        if (body_done_) break;
    }
    replay_complete_ = true;
    return Result<std::string_view>(std::string_view(replay_));
}

Task<Result<std::size_t>> Connection::read_body(std::span<char> into) {
    if (into.empty()) co_return std::size_t{0};
    if (piece_rest_.empty()) {
        auto piece = co_await next_body();
        if (!piece) co_return piece.error();
        piece_rest_ = *piece;
    }
    const auto n = std::min(into.size(), piece_rest_.size());
    std::copy_n(piece_rest_.data(), n, into.data());
    piece_rest_.remove_prefix(n);
    co_return n;
}

Task<Result<std::string>> Connection::read_body_all(std::uint64_t limit) {
    const auto too_large = [limit] {
        return Error(Errc::too_large, "the request body is larger than the limit of " +
                                          std::to_string(limit) + " bytes");
    };
    std::string body;
    if (const auto length = body_length()) {
        if (*length > limit) {
            close_after_ = close_after_ || !body_done_;
            co_return too_large();
        }
        body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, 1 << 20)));
    }
    body.append(piece_rest_);
    piece_rest_ = {};
    for (;;) {
        auto piece = co_await next_body();
        if (!piece) co_return piece.error();
        if (piece->empty()) break;
        if (body.size() + piece->size() > limit) {
            close_after_ = true;
            co_return too_large();
        }
        body.append(*piece);
    }
    co_return std::move(body);
}

}  // namespace hearth::http
