#include "http/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/this_coro.hpp>

#include "hearth/base/ids.hpp"
#include "hearth/http/problem.hpp"
#include "http/ascii.hpp"
#include "http/server_impl.hpp"

namespace hearth::http {
namespace {

constexpr std::size_t kLineSlack = 64;  // method, version and line ends beside the target
constexpr std::size_t kKeepBuffer = 16 * 1024;
// A rest of a request body up to this size is read away to keep the connection.
constexpr std::uint64_t kMostDrained = 64 * 1024;
constexpr auto kHangupAfter = std::chrono::milliseconds(100);

}  // namespace

Connection::Connection(ServerImpl& server, ServerShard& shard, int fd, std::string peer,
                       Admission admission)
    : server_(server),
      shard_(shard),
      stream_(shard.poller),
      peer_(std::move(peer)),
      admission_(admission) {
    stream_.adopt(fd);  // if that fails the first read does
    stream_.write_patience = server.options().write_timeout;
    shard.sweep.add(*this);
}

Connection::~Connection() {
    server_.connection_closed();
}

std::size_t Connection::shard() const {
    return shard_.index;
}
const ServerOptions& Connection::options() const {
    return server_.options();
}
DeadlineSweep& Connection::sweep() {
    return shard_.sweep;
}
bool Connection::draining() const {
    return server_.draining();
}

void Connection::on_sweep(SteadyTime now) {
    stream_.check_deadlines(now);
    if (phase_ == Phase::handling && !gone_ && shard_.sweep.checks_hangups() && stream_.open() &&
        now - received_at_ > kHangupAfter) {
        shard_.sweep.watch_hangup(stream_.fd(), *this);
    }
}

void Connection::on_hangup() {
    gone_ = true;
    unusable_ = true;
    if (linked_ != nullptr) linked_->abort();
}

void Connection::on_half_close() {
    // A client that only ended its sending side waits for the answer and must skip an interim one
    // (RFC 9110 section 15.2); one that has gone answers it with a reset, which the next look sees.
    static constexpr std::string_view kProbe = "HTTP/1.1 102 Processing\r\n\r\n";
    if (probed_ || status_ != 0 || !body_done_ || expects_continue_ || head_.minor_version < 1 ||
        head_.websocket_upgrade)
        return;
    probed_ = true;
    if (::send(stream_.fd(), kProbe.data(), kProbe.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        on_hangup();
}

void Connection::abort() {
    gone_ = true;
    stream_.abort();
    if (linked_ != nullptr) linked_->abort();
}

void Connection::close_if_idle() {
    if (phase_ == Phase::idle && in_.empty()) stream_.abort();
}

void Connection::begin_exchange() {
    head_.headers.clear();
    head_.content_length.reset();
    head_.chunked = false;
    head_.keep_alive = false;
    head_.websocket_upgrade = false;
    parser_.emplace(head_);
    max_body_ = server_.options().max_body_bytes;
    told_peer_.reset();
    body_bytes_ = response_bytes_ = length_left_ = 0;
    body_waited_ = {};
    replay_.clear();
    replay_at_ = 0;
    whole_body_.reset();
    piece_rest_ = {};
    body_done_ = true;
    replay_complete_ = false;
    expects_continue_ = finished_ = close_after_ = false;
    status_ = 0;
    framing_ = Framing::none;
}

Task<void> Connection::run() {
    // Cancellation ends the operation in hand; what it means is decided here, not by an exception.
    co_await net::this_coro::throw_if_cancelled(false);
    for (;;) {
        HeadRefusal refusal;
        phase_ = Phase::idle;
        begin_exchange();
        const bool complete = co_await read_head(refusal);
        if (!complete) {
            if (refusal.status != 0) co_await refuse(refusal);
            break;
        }
        if (admission_ == Admission::over_limit) {
            refusal.status = 503;
            refusal.reason = "the server has as many connections as it may; try again in a moment";
            co_await refuse(refusal);
            break;
        }
        phase_ = Phase::handling;
        server_.request_started();
        std::optional<std::string> thrown;
        try {
            co_await server_.handler()(*this);
        } catch (const std::exception& e) {
            thrown = e.what();
        } catch (...) {
            thrown = "an exception of unknown type";
        }
        linked_ = nullptr;
        if (thrown || status_ == 0) co_await answer_for_handler(thrown);
        server_.request_ended();
        ++served_;
        if (drainable()) co_await drain_body();
        if (!reusable()) {
            co_await after_exchange();
            break;
        }
        in_.release(kKeepBuffer);
    }
    stream_.abort();
}

Task<bool> Connection::read_head(HeadRefusal& refusal) {
    const auto& limits = server_.options();
    const std::size_t most = limits.gate.target_bytes + limits.gate.header_bytes + 2 * kLineSlack;
    std::size_t scanned = 0;
    bool timed = false;
    for (;;) {
        // Some clients end a body with a line of its own (RFC 9112 section 2.2).
        while (in_.size() >= 2 && in_.view().starts_with("\r\n")) in_.consume(2);
        if (!in_.empty()) {
            const auto end = find_head_end(in_.view(), scanned);
            if (end != std::string_view::npos) {
                stream_.read_by = SteadyTime::max();
                co_return parse_head(end, refusal);
            }
            if (incomplete_head_refused(refusal)) co_return false;
            scanned = in_.size();
        }
        if (!timed) {
            const bool between = in_.empty() && served_ > 0;
            phase_ = in_.empty() ? Phase::idle : Phase::head;
            stream_.read_by =
                shard_.sweep.now() + (between ? limits.idle_timeout : limits.header_timeout);
            timed = !between;
        }
        if (phase_ == Phase::idle && in_.empty() && server_.stopped() && served_ > 0)
            co_return false;
        const auto want = in_.size() < ReadBuffer::kFirst / 2 ? ReadBuffer::kFirst : most + 1;
        const auto room = in_.prepare(want);
        const auto got = stream_.try_receive(room.data(), room.size());
        if (got.fault == Fault::pending) {
            co_await stream_.readable();
            continue;
        }
        if (got.fault == Fault::none) {
            in_.commit(got.bytes);
            if (phase_ == Phase::idle) phase_ = Phase::head;
            continue;
        }
        if (got.fault == Fault::timeout && !in_.empty()) {
            refusal.status = 408;
            refusal.reason = "the request's head did not arrive in time";
        } else if (got.fault == Fault::eof && !in_.empty()) {
            refusal.status = 400;
            refusal.reason = "the request ended within its head";
        }
        co_return false;
    }
}

// What can be told before the head is whole, so that such a client does not wait for a time limit.
bool Connection::incomplete_head_refused(HeadRefusal& refusal) const {
    const auto& limits = server_.options().gate;
    const auto text = in_.view();
    const auto line_end = text.find("\r\n");
    const auto first_line = line_end == std::string_view::npos ? text.size() : line_end;
    if (first_line > limits.target_bytes + kLineSlack) {
        refusal.status = 414;
        refusal.reason = "the request target is longer than the limit";
    } else if (line_end != std::string_view::npos &&
               text.size() - line_end - 2 > limits.header_bytes) {
        refusal.status = 431;
        refusal.reason = "the headers are larger than the limit";
    } else if (!is_token_char(text.front()) || text.find('\0') != std::string_view::npos) {
        refusal.status = 400;
        refusal.reason = "this is not an HTTP/1.1 request";
    } else {
        for (auto at = text.find('\n'); at != std::string_view::npos;
             at = text.find('\n', at + 1)) {
            if (at > 0 && text[at - 1] == '\r') continue;
            refusal.status = 400;
            refusal.reason = "a line of the head ends with a bare LF";
            break;
        }
    }
    return refusal.status != 0;
}

bool Connection::parse_head(std::size_t length, HeadRefusal& refusal) {
    received_at_ = std::chrono::steady_clock::now();
    const auto& limits = server_.options().gate;
    const auto raw = in_.view().substr(0, length);
    if (raw.find("\r\n") > limits.target_bytes + kLineSlack) {
        refusal.status = 414;
        refusal.reason = "the request target is longer than the limit";
        return false;
    }
    if (!parser_->parse_head(raw)) {
        refusal.status = 400;
        refusal.reason = "the request's head is not valid HTTP/1.1";
        return false;
    }
    if (auto gate = check_request(raw, head_, limits)) {
        refusal.status = gate->status;
        refusal.reason = std::move(gate->reason);
        return false;
    }
    in_.consume(length);
    return read_semantics(refusal);
}

bool Connection::read_semantics(HeadRefusal& refusal) {
    head_.chunked = parser_->chunked();
    if (const auto length = parser_->content_length()) head_.content_length = *length;
    head_.keep_alive = parser_->keep_alive();
    body_done_ = !head_.has_body();
    if (parser_->upgrade() && head_.minor_version == 1 && head_.method == "GET" &&
        !head_.has_body()) {
        const auto protocol = head_.headers.find("Upgrade");
        head_.websocket_upgrade = protocol && same_name(*protocol, "websocket");
    }
    if (head_.method == "TRACE" && head_.has_body()) {
        refusal.status = 400;
        refusal.reason = "TRACE must not have a body";
        return false;
    }
    if (head_.minor_version < 1) return true;
    if (const auto expect = head_.headers.find("Expect")) {
        if (!same_name(*expect, "100-continue")) {
            refusal.status = 417;
            refusal.reason = "the only expectation served is 100-continue";
            return false;
        }
        expects_continue_ = head_.has_body();
    }
    return true;
}

Task<void> Connection::refuse(const HeadRefusal& refusal) {
    server_.request_refused();
    stream_.clear_read_timeout();
    close_after_ = true;
    head_.method = "GET";
    Error error(Errc::invalid_argument, refusal.reason, {}, server_.options().name);
    if (refusal.status == 503) error.code = Errc::unavailable;
    if (refusal.status == 408) error.code = Errc::deadline_exceeded;
    // Always one of ours: what came with a refused head is not to be trusted, nor to be echoed.
    const auto request_id = base::new_uuid();
    if (server_.log().enabled(telemetry::Level::debug)) {
        server_.log().log(telemetry::Level::debug, "http", "a request was refused",
                          {{telemetry::kRequestId, request_id},
                           {"server", server_.options().name},
                           {telemetry::kErr, refusal.reason}});
    }
    const auto sent = co_await respond_problem(refusal.status, error, request_id);
    if (sent) co_await linger();
}

// The handler threw, or left the request without an answer.
Task<void> Connection::answer_for_handler(const std::optional<std::string>& thrown) {
    const auto request_id = base::new_uuid();
    if (thrown) {
        server_.log().log(telemetry::Level::error, "http", "a request handler threw",
                          {{telemetry::kRequestId, request_id},
                           {"server", server_.options().name},
                           {telemetry::kErr, *thrown}});
    }
    if (status_ != 0 || gone_ || !stream_.open()) co_return;
    Error error(Errc::internal, "the request was not answered", {}, server_.options().name);
    if (thrown) error.message = "the request failed inside the server";
    const auto sent = co_await respond_problem(500, error, request_id);
    if (!sent) unusable_ = true;
}

Task<Result<void>> Connection::respond_problem(int status, const Error& error,
                                               const std::string& request_id) {
    auto head = problem_head(status);
    head.headers.add("X-Request-Id", request_id);
    auto body = problem_body(status, error, request_id);
    co_return co_await respond(std::move(head), std::move(body));
}

Task<void> Connection::drain_body() {
    replay_.clear();
    replay_at_ = 0;
    while (!body_done_) {
        const auto piece = co_await next_body();
        if (!piece) co_return;
    }
}

// A streamed answer announces nothing about the connection, so a large rest just ends it.
bool Connection::drainable() const {
    return finished_ && !close_after_ && !unusable_ && !body_done_ && rest_is_small();
}

bool Connection::rest_is_small() const {
    const auto length = head_.content_length;
    return length && !expects_continue_ && *length - body_bytes_ <= kMostDrained &&
           *length <= max_body_;
}

bool Connection::reusable() const {
    return finished_ && !unusable_ && !close_after_ && head_.keep_alive && !gone_ && body_done_ &&
           !draining();
}

// The answer went out complete but the connection ends: what the client still sends is read and
// dropped for a while, because closing with unread bytes resets the connection and may destroy the
// answer on its way.
Task<void> Connection::after_exchange() {
    if (!finished_ || gone_ || unusable_) co_return;
    if (body_done_ && in_.empty()) co_return;
    co_await linger();
}

Task<void> Connection::linger() {
    static constexpr std::size_t kMost = 1 << 20;
    static constexpr auto kFor = std::chrono::seconds(2);
    phase_ = Phase::closing;
    stream_.shutdown_send();
    stream_.clear_read_timeout();
    stream_.read_by = shard_.sweep.now() + kFor;
    in_.consume(in_.size());
    std::size_t dropped = 0;
    while (dropped < kMost) {
        const auto room = in_.prepare(ReadBuffer::kFirst);
        const auto got = co_await stream_.receive(room.data(), room.size());
        if (got.fault != Fault::none) break;
        dropped += got.bytes;
    }
}

}  // namespace hearth::http
