#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "hearth/http/forward.hpp"
#include "http/connection.hpp"
#include "http/response_head.hpp"
#include "http/upstream_pool.hpp"

namespace hearth::http {

/// One forwarded exchange. Its steps are plain calls where nothing has to be waited for, so that a
/// small exchange suspends once, for the upstream's answer. Thread: the exchange's shard.
class ForwardRun {
 public:
    /// All of it, in one coroutine that holds the run.
    static Task<ForwardResult> execute(UpstreamPool& pool, const Forwarder::Options& options,
                                       Connection& client, const Upstream& upstream,
                                       const ForwardPlan& plan);
    ~ForwardRun();
    ForwardRun(const ForwardRun&) = delete;
    ForwardRun& operator=(const ForwardRun&) = delete;

 private:
    ForwardRun(UpstreamPool& pool, const Forwarder::Options& options, Connection& client,
               const Upstream& upstream, const ForwardPlan& plan);

    // forward_run.cpp: the order of things.
    bool prepare();
    bool take_idle();
    Task<void> connect();
    Task<void> exchange_response();
    bool may_send_again() const;
    void finish();
    bool failed() const { return result_.error.has_value(); }
    void fail(Errc code, std::string message);
    void fail_client(Error error);
    void fail_upstream(Fault fault, std::string_view what);
    void fail_client_write(Fault fault);

    // forward_request.cpp
    void serialise_request();
    void append_client_headers(std::string& out);
    bool is_dropped(std::string_view name) const;
    Fault send_request();
    void note_request_sent(Fault fault);

    // forward_response.cpp
    /// From the request's last byte to the answer's first; an early answer did not keep anybody
    /// waiting.
    std::chrono::nanoseconds upstream_wait() const {
        return std::max(answered_at_ - sent_at_, std::chrono::nanoseconds(0));
    }
    Fault begin_relay();
    void write_response_head(Framing framing, std::uint64_t length);
    Fault relay_known(std::uint64_t length);
    Fault relay_unknown();
    void relay_bodiless_head();
    Task<void> relay_rest();
    Fault relay_step();
    bool take_end_of_stream();
    Fault finish_unknown();

    // forward_upload.cpp
    Task<void> exchange_streaming();
    Task<void> upload();
    Task<Fault> upload_piece(std::string_view piece, bool last);
    void start_child(Task<void> child);
    Task<void> join_child();

    // websocket_tunnel.cpp
    Task<void> tunnel();
    Task<void> pump(Stream& from, ReadBuffer& buffer, Stream& to, std::uint64_t& counted);

    UpstreamPool& pool_;
    const Forwarder::Options& options_;
    Connection& client_;
    const Upstream& upstream_;
    const ForwardPlan& plan_;
    ForwardResult result_;
    std::unique_ptr<UpstreamConnection> peer_;

    SteadyTime sent_at_{}, answered_at_{}, last_activity_{};
    std::optional<std::string_view> body_;      ///< the whole of it, when it has arrived already
    std::optional<std::uint64_t> body_length_;  ///< unknown: chunked
    bool websocket_ = false, fresh_only_ = false, sent_any_ = false, answer_seen_ = false;
    bool request_complete_ = false, response_complete_ = false, close_delimited_ = false;
    bool needs_input_ = false;
    std::uint64_t written_before_ = 0;
    ResponseHeadReader heads_;
    HeaderList add_;
    Framing to_client_ = Framing::none;

    // The second coroutine of a streamed exchange; always joined before execute() ends.
    std::optional<Timer> child_ended_;
    bool child_running_ = false;
    bool half_closed_ = false;
    std::optional<Error> upload_error_;
    bool upload_stopped_ = false;
};

}  // namespace hearth::http
