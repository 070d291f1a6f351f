#include "http/direct_run.hpp"

#include "http/connect.hpp"
#include "http/head_writer.hpp"

namespace hearth::http {

void DirectRun::fail(Errc code, std::string message) {
    if (!result_.error) result_.error.emplace(code, std::move(message), std::string(), "instance");
}

void DirectRun::fail_upstream(Fault fault, std::string_view what) {
    if (pool_.closed()) {
        fail(Errc::unavailable, "the daemon is stopping");
    } else if (fault == Fault::timeout) {
        fail(Errc::deadline_exceeded,
             request_.deadline.passed()
                 ? "the function did not answer before the deadline"
                 : "the function paused its answer for longer than the idle limit");
    } else {
        std::string message =
            "the instance at " + upstream_.endpoint.to_string() + " closed the connection ";
        fail(answer_seen_ ? Errc::io : Errc::unavailable, message.append(what));
    }
}

Task<ForwardResult> DirectRun::execute(UpstreamPool& pool, const Forwarder::Options& options,
                                       const Upstream& upstream, const DirectRequest& request,
                                       DirectAnswer& answer) {
    DirectRun run(pool, options, upstream, request, answer);
    if (pool.closed()) {
        run.fail(Errc::unavailable, "the daemon is stopping");
        co_return std::move(run.result_);
    }
    for (;;) {
        co_await run.attempt();
        if (!run.may_send_again()) break;
        run.result_.error.reset();
        run.fresh_only_ = true;
    }
    run.finish();
    co_return std::move(run.result_);
}

Task<void> DirectRun::attempt() {
    co_await open();
    if (result_.error) co_return;
    serialise();
    auto& stream = peer_->stream;
    stream.write_limit = request_.deadline.at();
    const auto before = stream.bytes_written();
    const std::array<iovec, 2> parts = {
        iovec{peer_->out.data(), peer_->out.size()},
        iovec{const_cast<char*>(request_.body.data()), request_.body.size()}};
    auto fault = stream.try_write(parts);
    if (fault == Fault::pending) fault = co_await stream.flush();
    result_.request_bytes = stream.bytes_written() - before;
    sent_any_ = sent_any_ || result_.request_bytes > 0;
    request_complete_ = fault == Fault::none;
    if (fault != Fault::none) {
        fail_upstream(fault, "while the request was sent");
        // A server that closed early may have answered all the same.
        if (fault == Fault::timeout || !sent_any_) co_return;
    }
    co_await read_head();
    if (answer_seen_ && !result_.error) co_await read_body();
}

Task<void> DirectRun::open() {
    result_.reused_connection = false;
    peer_.reset();
    if (!fresh_only_) peer_ = pool_.take(upstream_.id, !may_repeat(request_.method));
    if (peer_) {
        result_.reused_connection = true;
        co_return;
    }
    const auto since = std::chrono::steady_clock::now();
    peer_ = pool_.make(upstream_.id);
    const auto by = std::min(request_.deadline.at(), since + options_.connect_timeout);
    auto connected = co_await connect_stream(peer_->stream, upstream_.endpoint, by);
    result_.connect = std::chrono::steady_clock::now() - since;
    if (connected) co_return;
    if (request_.deadline.passed()) {
        fail(Errc::deadline_exceeded, "the deadline passed while connecting to the instance");
    } else {
        fail(connected.error().code, connected.error().message);
    }
}

void DirectRun::serialise() {
    auto& out = peer_->out;
    out.clear();
    out.append(request_.method).append(" ", 1).append(request_.target).append(" HTTP/1.1\r\n");
    append_header(out, "Host",
                  upstream_.host.empty() ? request_.host : std::string_view(upstream_.host));
    for (std::size_t list = 0; list < request_.headers.size(); ++list) {
        const auto* headers = request_.headers[list];
        if (headers == nullptr) continue;
        for (std::size_t i = 0; i < headers->size(); ++i) {
            const auto [name, value] = headers->at(i);
            bool leave_out =
                is_hop_by_hop(name) || same_name(name, "Host") || same_name(name, "Expect");
            for (std::size_t earlier = 0; earlier < list && !leave_out; ++earlier)
                leave_out =
                    request_.headers[earlier] != nullptr && request_.headers[earlier]->has(name);
            if (!leave_out) append_header(out, name, value);
        }
    }
    if (!request_.body.empty() || (request_.method != "GET" && request_.method != "HEAD"))
        append_framing(out, Framing::length, request_.body.size());
    out.append("\r\n");
}

/// One receive; false, with the failure set, when nothing came.
Task<bool> DirectRun::receive(std::size_t capacity, std::string_view what) {
    auto& stream = peer_->stream;
    const auto idle = request_.idle_timeout.count() == 0
                          ? SteadyTime::max()
                          : std::chrono::steady_clock::now() + request_.idle_timeout;
    stream.read_by = std::min(request_.deadline.at(), idle);
    for (;;) {
        const auto room = peer_->in.prepare(capacity);
        const auto got = stream.try_receive(room.data(), room.size());
        if (got.fault == Fault::none) {
            peer_->in.commit(got.bytes);
            co_return true;
        }
        if (got.fault != Fault::pending) {
            const bool ends_here = got.fault == Fault::eof && answer_seen_ && peer_->parser &&
                                   peer_->parser->is_header_done() && peer_->parser->need_eof();
            if (ends_here) {
                complete_ = true;
                co_return false;
            }
            fail_upstream(got.fault, what);
            co_return false;
        }
        co_await stream.readable();
        const auto asked_to_end = co_await net::this_coro::cancellation_state;
        if (asked_to_end.cancelled() != net::cancellation_type::none) {
            fail(Errc::cancelled, "the call was cancelled");
            co_return false;
        }
    }
}

Task<void> DirectRun::read_head() {
    for (;;) {
        const bool small = peer_->in.size() < ReadBuffer::kFirst / 2;
        const auto room = small ? ReadBuffer::kFirst : request_.max_response_head + 1;
        const auto written = std::exchange(result_.error, std::nullopt);
        if (!co_await receive(room, "before it answered")) {
            if (written && result_.error->code == Errc::unavailable) result_.error = written;
            co_return;
        }
        answer_seen_ = true;
        const auto step = heads_.read(*peer_, request_.method, request_.max_response_head, false);
        if (step == HeadStep::complete) co_return;
        if (step == HeadStep::bad) {
            fail(Errc::io, heads_.fault());
            co_return;
        }
    }
}

Task<void> DirectRun::read_body() {
    const int status = peer_->head.status;
    result_.status = status;
    answer_.head.status = status;
    answer_.head.headers.clear();
    const auto& from = peer_->head.headers;
    for (std::size_t i = 0; i < from.size(); ++i) {
        const auto [name, value] = from.at(i);
        if (!is_hop_by_hop(name)) answer_.head.headers.add(name, value);
    }
    answer_.body.clear();
    answer_.truncated = false;
    complete_ = request_.method == "HEAD" || status == 204 || status == 304;
    while (!complete_ && !result_.error) {
        if (decode()) continue;
        if (!co_await receive(ReadBuffer::kStreaming, "within its response")) co_return;
    }
}

bool DirectRun::decode() {
    std::size_t used = 0;
    const auto step = peer_->parser->feed(peer_->in.view(), used);
    peer_->in.consume(used);
    if (step == ParseStep::bad) {
        fail(Errc::io, "the function's response has malformed chunks");
        return true;
    }
    if (step == ParseStep::progress) keep(peer_->parser->piece());
    complete_ = peer_->parser->is_done();
    return complete_ || step == ParseStep::progress;
}

void DirectRun::keep(std::string_view piece) {
    result_.response_bytes += piece.size();
    const auto room = request_.keep_body - answer_.body.size();
    answer_.truncated = answer_.truncated || piece.size() > room;
    answer_.body.append(piece.substr(0, room));
}

bool DirectRun::may_send_again() const {
    if (!result_.error || fresh_only_ || !result_.reused_connection) return false;
    if (result_.error->code != Errc::unavailable || pool_.closed() || answer_seen_) return false;
    if (request_.deadline.passed()) return false;
    // The idle connection was silent and open a moment ago, so a request that is not idempotent may
    // have been acted upon unless none of it was taken.
    return !sent_any_ || may_repeat(request_.method);
}

void DirectRun::finish() {
    const bool done = complete_ && !result_.error;
    result_.stage = done        ? ForwardStage::done
                    : sent_any_ ? ForwardStage::request_sent
                                : ForwardStage::not_connected;
    const bool reuse = done && request_complete_ && peer_ && peer_->in.empty() &&
                       peer_->stream.open() && !peer_->parser->need_eof() &&
                       peer_->parser->keep_alive();
    pool_.count(result_.reused_connection);
    if (reuse) pool_.put_back(std::move(peer_));
    peer_.reset();
}

}  // namespace hearth::http
