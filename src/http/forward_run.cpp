#include "http/forward_run.hpp"

#include "http/connect.hpp"

namespace hearth::http {

ForwardRun::ForwardRun(UpstreamPool& pool, const Forwarder::Options& options, Connection& client,
                       const Upstream& upstream, const ForwardPlan& plan)
    : pool_(pool), options_(options), client_(client), upstream_(upstream), plan_(plan) {}

ForwardRun::~ForwardRun() {
    client_.link_upstream(nullptr);
    client_.stream().write_limit = SteadyTime::max();
}

void ForwardRun::fail(Errc code, std::string message) {
    if (!result_.error) result_.error.emplace(code, std::move(message), std::string(), "instance");
}

void ForwardRun::fail_client(Error error) {
    if (result_.error) return;
    result_.client_fault = true;
    result_.error = std::move(error);
}

void ForwardRun::fail_client_write(Fault fault) {
    client_.note_unusable();
    const bool late = plan_.deadline.at() <= std::chrono::steady_clock::now();
    if (fault == Fault::timeout && late) {
        fail(Errc::deadline_exceeded, "the answer could not be delivered before the deadline");
        return;
    }
    fail_client(
        Error(Errc::cancelled, "the client does not take its answer any more", {}, "client"));
}

// An operation on the upstream's connection ended; which fault is the cause is told by who broke it
// off.
void ForwardRun::fail_upstream(Fault fault, std::string_view what) {
    if (upload_error_) {
        fail_client(*upload_error_);
    } else if (client_.client_gone()) {
        fail_client(Error(Errc::cancelled, "the client is gone", {}, "client"));
    } else if (pool_.closed()) {
        fail(Errc::unavailable, "the daemon is stopping");
    } else if (fault == Fault::timeout) {
        const bool idle = !plan_.deadline.passed();
        fail(Errc::deadline_exceeded,
             idle ? "the function paused its answer for longer than the idle limit"
                  : "the function did not answer before the deadline");
    } else {
        std::string message =
            "the instance at " + upstream_.endpoint.to_string() + " closed the connection ";
        fail(answer_seen_ ? Errc::io : Errc::unavailable, message.append(what));
    }
}

Task<ForwardResult> ForwardRun::execute(UpstreamPool& pool, const Forwarder::Options& options,
                                        Connection& client, const Upstream& upstream,
                                        const ForwardPlan& plan) {
    ForwardRun run(pool, options, client, upstream, plan);
    if (!run.prepare()) co_return std::move(run.result_);
    for (;;) {
        if (!run.take_idle()) co_await run.connect();
        if (!run.failed()) {
            run.serialise_request();
            if (!run.body_) {
                co_await run.exchange_streaming();
            } else {
                auto fault = run.send_request();
                if (fault == Fault::pending) fault = co_await run.peer_->stream.flush();
                run.note_request_sent(fault);
                run.request_complete_ = fault == Fault::none;
                // A server that closed early may have answered all the same.
                if (run.request_complete_ || run.sent_any_) co_await run.exchange_response();
            }
        }
        if (!run.may_send_again()) break;
        run.result_.error.reset();
        run.result_.client_fault = false;
        run.fresh_only_ = true;
    }
    run.finish();
    co_return std::move(run.result_);
}

bool ForwardRun::prepare() {
    const auto& head = client_.request();
    if (pool_.closed()) {
        fail(Errc::unavailable, "the daemon is stopping");
        return false;
    }
    body_length_ = client_.body_length();
    if (body_length_ && *body_length_ > plan_.max_request_body) {
        client_.close_after();
        fail_client(Error(Errc::too_large,
                          "the request body is larger than the limit of " +
                              std::to_string(plan_.max_request_body) + " bytes",
                          {}, "client"));
        return false;
    }
    websocket_ = head.websocket_upgrade && plan_.allow_websocket;
    if (auto whole = client_.buffered_body()) {
        if (!*whole) {
            fail_client(whole->error());
            return false;
        }
        if ((*whole)->size() > plan_.max_request_body) {
            fail_client(Error(Errc::too_large,
                              "the request body is larger than the limit of " +
                                  std::to_string(plan_.max_request_body) + " bytes",
                              {}, "client"));
            return false;
        }
        body_ = **whole;
        body_length_ = body_->size();
    } else if (client_.body_complete()) {
        fail(Errc::internal, "the request's body was read before and not put back");
        return false;
    }
    client_.stream().write_limit = plan_.deadline.at();
    return true;
}

bool ForwardRun::take_idle() {
    result_.reused_connection = false;
    peer_.reset();
    const bool sure = !may_repeat(client_.request().method);
    if (!fresh_only_) peer_ = pool_.take(upstream_.id, sure);
    if (!peer_) return false;
    result_.reused_connection = true;
    client_.link_upstream(&peer_->stream);
    return true;
}

Task<void> ForwardRun::connect() {
    const auto since = std::chrono::steady_clock::now();
    peer_ = pool_.make(upstream_.id);
    client_.link_upstream(&peer_->stream);
    const auto by = std::min(plan_.deadline.at(), since + options_.connect_timeout);
    auto connected = co_await connect_stream(peer_->stream, upstream_.endpoint, by);
    result_.connect = std::chrono::steady_clock::now() - since;
    if (connected) co_return;
    if (client_.client_gone()) {
        fail_client(Error(Errc::cancelled, "the client is gone", {}, "client"));
    } else if (plan_.deadline.passed()) {
        fail(Errc::deadline_exceeded, "the deadline passed while connecting to the instance");
    } else {
        fail(connected.error().code, connected.error().message);
    }
}

Task<void> ForwardRun::exchange_response() {
    auto& stream = peer_->stream;
    // A stream's pause limit holds for its first byte too, or a function without a time limit could
    // wait for ever.
    const auto first_byte_by = plan_.idle_timeout.count() == 0
                                   ? SteadyTime::max()
                                   : std::chrono::steady_clock::now() + plan_.idle_timeout;
    stream.read_by = std::min(plan_.deadline.at(), first_byte_by);
    for (;;) {
        const bool small = peer_->in.size() < ReadBuffer::kFirst / 2;
        const auto room =
            peer_->in.prepare(small ? ReadBuffer::kFirst : plan_.max_response_head + 1);
        const auto got = stream.try_receive(room.data(), room.size());
        if (got.fault == Fault::pending) {
            co_await stream.readable();
            continue;
        }
        if (got.fault != Fault::none) {
            result_.error.reset();
            fail_upstream(got.fault, "before it answered");
            co_return;
        }
        peer_->in.commit(got.bytes);
        if (!answer_seen_) {
            answer_seen_ = true;
            result_.error.reset();  // a failed write does not matter once there is an answer
            if (plan_.timed) answered_at_ = std::chrono::steady_clock::now();
        }
        const auto head =
            heads_.read(*peer_, client_.request().method, plan_.max_response_head, websocket_);
        if (head == HeadStep::bad) {
            fail(Errc::io, heads_.fault());
            co_return;
        }
        if (head == HeadStep::complete) break;
    }
    if (peer_->head.status == 101) {
        co_await tunnel();
        co_return;
    }
    auto fault = begin_relay();
    if (fault == Fault::pending) fault = co_await client_.stream().flush();
    if (fault != Fault::none) {
        fail_client_write(fault);
    } else if (!response_complete_) {
        co_await relay_rest();
    }
}

bool ForwardRun::may_send_again() const {
    if (!failed() || fresh_only_ || !result_.reused_connection || result_.client_fault)
        return false;
    if (result_.error->code != Errc::unavailable || pool_.closed() || answer_seen_) return false;
    if (result_.body_consumed || client_.response_started() || plan_.deadline.passed())
        return false;
    // The idle connection was silent and open a moment ago, so a request that is not idempotent may
    // have been acted upon unless none of it was taken.
    return !sent_any_ || may_repeat(client_.request().method);
}

void ForwardRun::finish() {
    if (client_.response_started()) {
        result_.status = client_.response_status();
        result_.stage = failed() ? ForwardStage::response_started : ForwardStage::done;
    } else {
        result_.stage = sent_any_ ? ForwardStage::request_sent : ForwardStage::not_connected;
    }
    if (failed() && client_.response_started()) client_.note_unusable();
    result_.response_bytes = client_.response_bytes();
    const bool reuse = !failed() && request_complete_ && response_complete_ && !close_delimited_ &&
                       peer_ && peer_->in.empty() && peer_->stream.open() &&
                       peer_->parser->keep_alive();
    pool_.count(result_.reused_connection);
    client_.link_upstream(nullptr);
    if (reuse) pool_.put_back(std::move(peer_));
    peer_.reset();
}

}  // namespace hearth::http
