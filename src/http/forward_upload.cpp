#include <boost/asio/co_spawn.hpp>

#include "http/forward_run.hpp"

namespace hearth::http {

// The upload and the answer flow at once: a function may answer early, or while it reads.
Task<void> ForwardRun::exchange_streaming() {
    auto fault = send_request();
    if (fault == Fault::pending) fault = co_await peer_->stream.flush();
    note_request_sent(fault);
    if (fault != Fault::none) co_return;
    start_child(upload());
    std::exception_ptr thrown;
    try {
        co_await exchange_response();
    } catch (...) {
        thrown = std::current_exception();
    }
    if (child_running_) {
        // The answer is complete, or there will be none: the rest of the upload is of no use.
        upload_stopped_ = true;
        client_.stream().stop_reads();
        peer_->stream.abort();
    }
    co_await join_child();
    client_.stream().resume_reads();
    result_.request_bytes = peer_->stream.bytes_written() - written_before_;
    if (thrown) std::rethrow_exception(thrown);
}

void ForwardRun::start_child(Task<void> child) {
    child_running_ = true;
    child_ended_.emplace(pool_.executor(), SteadyTime::max());
    auto ended = [this](std::exception_ptr) {
        child_running_ = false;
        child_ended_->cancel();
    };
    net::co_spawn(pool_.executor(), std::move(child), std::move(ended));
}

Task<void> ForwardRun::join_child() {
    while (child_running_) {
        // A cancelled wait is not the child's end.
        co_await child_ended_->async_wait(aio::use_task);
    }
}

Task<void> ForwardRun::upload() {
    co_await net::this_coro::throw_if_cancelled(false);
    std::uint64_t sent = 0;
    for (;;) {
        auto piece = co_await client_.next_body();
        if (upload_stopped_) co_return;
        if (!piece) {
            upload_error_ = piece.error();
            break;
        }
        sent += piece->size();
        if (sent > plan_.max_request_body) {
            client_.close_after();
            upload_error_.emplace(Errc::too_large,
                                  "the request body is larger than the limit of " +
                                      std::to_string(plan_.max_request_body) + " bytes",
                                  std::string(), "client");
            break;
        }
        result_.body_consumed = result_.body_consumed || !piece->empty();
        const bool last = piece->empty() || client_.body_complete();
        const auto fault = co_await upload_piece(*piece, last);
        // The function may have answered and stopped reading: its answer, or its absence, decides.
        if (fault != Fault::none || upload_stopped_) co_return;
        if (plan_.timed) sent_at_ = std::chrono::steady_clock::now();
        if (last) {
            request_complete_ = true;
            co_return;
        }
    }
    peer_->stream.abort();
}

Task<Fault> ForwardRun::upload_piece(std::string_view piece, bool last) {
    auto& out = peer_->out;
    out.clear();
    std::string_view tail;
    if (!body_length_) {
        if (!piece.empty()) append_chunk_size(out, piece.size());
        tail = piece.empty() ? kLastChunk : std::string_view(last ? "\r\n0\r\n\r\n" : "\r\n");
    }
    const std::array<iovec, 3> parts = {iovec{out.data(), out.size()},
                                        iovec{const_cast<char*>(piece.data()), piece.size()},
                                        iovec{const_cast<char*>(tail.data()), tail.size()}};
    auto fault = peer_->stream.try_write(parts);
    if (fault == Fault::pending) fault = co_await peer_->stream.flush();
    co_return fault;
}

}  // namespace hearth::http
