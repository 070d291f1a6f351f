#include "http/forward_run.hpp"

namespace hearth::http {
namespace {

// After one side has ended, the other gets this long without a byte to end as well.
constexpr auto kHalfClosedFor = std::chrono::seconds(30);

}  // namespace

// After 101 the bytes are the two ends' own business: they are copied until both sides have ended.
Task<void> ForwardRun::tunnel() {
    if (plan_.hook != nullptr) {
        const auto waited = upstream_wait();
        plan_.hook->on_response(101, peer_->head.headers, result_.connect, waited, add_);
    }
    write_response_head(Framing::none, 0);
    client_.note_unusable();
    close_delimited_ = true;
    auto& stream = client_.stream();
    auto fault = stream.try_write(client_.head_buffer());
    if (fault == Fault::pending) fault = co_await stream.flush();
    if (fault != Fault::none) {
        fail_client_write(fault);
        co_return;
    }
    stream.write_limit = peer_->stream.write_limit = SteadyTime::max();
    peer_->stream.write_patience = client_.options().write_timeout;
    last_activity_ = std::chrono::steady_clock::now();
    start_child(pump(stream, client_.input(), peer_->stream, result_.request_bytes));
    std::uint64_t to_client = 0;
    co_await pump(peer_->stream, peer_->in, stream, to_client);
    co_await join_child();
    client_.note_sent(to_client);
    client_.note_finished();
    response_complete_ = true;
}

Task<void> ForwardRun::pump(Stream& from, ReadBuffer& buffer, Stream& to, std::uint64_t& counted) {
    co_await net::this_coro::throw_if_cancelled(false);
    for (;;) {
        if (!buffer.empty()) {
            auto fault = to.try_write(buffer.view());
            if (fault == Fault::pending) fault = co_await to.flush();
            if (fault != Fault::none) break;
            counted += buffer.size();
            buffer.consume(buffer.size());
        }
        const std::chrono::steady_clock::duration idle =
            half_closed_ ? kHalfClosedFor : std::chrono::steady_clock::duration(plan_.idle_timeout);
        from.read_by = idle.count() == 0 ? SteadyTime::max() : last_activity_ + idle;
        const auto room = buffer.prepare(ReadBuffer::kStreaming);
        const auto got = co_await from.receive(room.data(), room.size());
        const auto now = std::chrono::steady_clock::now();
        if (got.fault == Fault::none) {
            buffer.commit(got.bytes);
            last_activity_ = now;
            continue;
        }
        if (got.fault == Fault::timeout && last_activity_ + idle > now) {
            from.clear_read_timeout();  // the other direction was active meanwhile
            continue;
        }
        if (got.fault == Fault::eof) {
            to.shutdown_send();
            half_closed_ = true;
            last_activity_ = now;
            to.read_by = now + kHalfClosedFor;
            co_return;
        }
        break;
    }
    from.abort();
    to.abort();
}

}  // namespace hearth::http
