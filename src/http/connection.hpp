#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/http/server.hpp"
#include "http/head_writer.hpp"
#include "http/parser.hpp"
#include "http/read_buffer.hpp"
#include "http/stream.hpp"

namespace hearth::http {

class ServerImpl;
struct ServerShard;

/// A server's connection and, one after the other, the exchanges on it. Thread: its shard.
class Connection final : public Exchange, public SweepEntry {
 public:
    enum class Admission { normal, over_limit };

    /// Takes over a non-blocking descriptor.
    Connection(ServerImpl& server, ServerShard& shard, int fd, std::string peer,
               Admission admission);
    ~Connection() override;

    /// Serves requests until the connection ends.
    Task<void> run();

    const RequestHead& request() const override { return head_; }
    std::string_view peer_address() const override { return told_peer_ ? *told_peer_ : peer_; }
    std::size_t shard() const override;
    SteadyTime received_at() const override { return received_at_; }
    Task<Result<std::size_t>> read_body(std::span<char> into) override;
    Task<Result<std::string>> read_body_all(std::uint64_t limit) override;
    void set_max_body(std::uint64_t bytes) override { max_body_ = bytes; }
    void replay_body(std::string body) override;
    Task<Result<void>> respond(ResponseHead head, std::string body) override;
    Task<Result<void>> start_response(ResponseHead head,
                                      std::optional<std::uint64_t> length) override;
    Task<Result<void>> write_body(std::span<const char> bytes) override;
    Task<Result<void>> finish_response() override;
    bool response_started() const override { return status_ != 0; }
    int response_status() const override { return status_; }
    std::uint64_t response_bytes() const override { return response_bytes_; }
    void close_after() override { close_after_ = true; }
    bool client_gone() const override { return gone_; }

    void on_sweep(SteadyTime now) override;
    void on_hangup() override;
    void on_half_close() override;
    /// Breaks off everything on this connection, also what a forwarded exchange waits for upstream.
    void abort();
    /// Ends the connection if it waits for a next request.
    void close_if_idle();

    /// Whose the present exchange is, by somebody who may say so.
    void set_told_peer(std::string address) { told_peer_ = std::move(address); }

    // What the forwarder builds on, besides Exchange.
    Stream& stream() { return stream_; }
    /// The next bytes of the body, as a view that is valid until the next call; empty at its end.
    Task<Result<std::string_view>> next_body();
    /// The whole body when it has arrived already; it then stays valid until the exchange ends.
    /// Without a value: it has not, and next_body() gives it from its start. Errors as read_body().
    std::optional<Result<std::string_view>> buffered_body();
    bool body_complete() const { return body_done_ && replay_left() == 0; }
    /// What a length of the body can be announced as, if it is known.
    std::optional<std::uint64_t> body_length() const;
    /// Whether anything of the request's body will still be read once the answer's head is out.
    enum class Answer { whole, streamed };
    /// Begins the answer's head in a buffer of this connection: status line, Date, Connection. The
    /// caller adds the rest and the empty line, and sends it. `has_date`: its headers hold one.
    std::string& begin_head(int status, bool has_date, Answer answer);
    std::string& head_buffer() { return out_; }
    /// The same for 101, with nothing but the status line in it.
    std::string& begin_upgrade_head();
    void note_sent(std::uint64_t body_bytes) { response_bytes_ += body_bytes; }
    /// The answer is complete and its framing sound.
    void note_finished() { finished_ = true; }
    /// The connection has become a tunnel or is spoilt: it ends after this exchange.
    void note_unusable() { unusable_ = true; }
    /// `upstream` is aborted together with this connection; null unlinks.
    void link_upstream(Stream* upstream) { linked_ = upstream; }
    /// Bytes received beyond the head, for a tunnel.
    ReadBuffer& input() { return in_; }
    const ServerOptions& options() const;
    DeadlineSweep& sweep();

 private:
    enum class Phase { idle, head, handling, closing };
    struct HeadRefusal {
        int status = 0;  ///< 0: the connection just ends
        std::string reason;
    };

    void begin_exchange();
    Task<bool> read_head(HeadRefusal& refusal);
    bool incomplete_head_refused(HeadRefusal& refusal) const;
    bool parse_head(std::size_t length, HeadRefusal& refusal);
    bool read_semantics(HeadRefusal& refusal);
    Task<void> refuse(const HeadRefusal& refusal);
    Task<Result<void>> respond_problem(int status, const Error& error,
                                       const std::string& request_id);
    Task<void> answer_for_handler(const std::optional<std::string>& thrown);
    Task<void> drain_body();
    Task<void> after_exchange();
    Task<void> linger();
    bool drainable() const;
    bool rest_is_small() const;
    bool reusable() const;
    bool draining() const;

    Result<std::string_view> body_error(Errc code, std::string_view message);
    /// One step over what is buffered; without a value more input is needed.
    std::optional<Result<std::string_view>> body_step();
    Task<Fault> send_continue();
    SteadyTime body_wait_limit(SteadyTime now) const;
    std::size_t replay_left() const { return replay_.size() - replay_at_; }
    std::string_view take_replay(std::size_t most);

    Framing choose_framing(const ResponseHead& head, bool known_length) const;
    void write_head(const ResponseHead& head, Framing framing, std::uint64_t length, Answer answer);
    Result<void> write_result(Fault fault);

    ServerImpl& server_;
    ServerShard& shard_;
    Stream stream_;
    std::string peer_;
    std::optional<std::string> told_peer_;
    Admission admission_;
    Phase phase_ = Phase::idle;
    Stream* linked_ = nullptr;
    ReadBuffer in_;
    std::string out_;
    std::uint64_t served_ = 0;
    bool gone_ = false, unusable_ = false, probed_ = false;

    // Of the present exchange.
    RequestHead head_;
    std::optional<RequestParser> parser_;
    SteadyTime received_at_{};
    std::uint64_t max_body_ = 0, body_bytes_ = 0, response_bytes_ = 0, length_left_ = 0;
    std::chrono::steady_clock::duration body_waited_{0};
    std::string replay_;
    std::size_t replay_at_ = 0;
    std::optional<std::string_view> whole_body_;
    std::string_view piece_rest_;
    bool body_done_ = true, expects_continue_ = false, replay_complete_ = false;
    int status_ = 0;
    Framing framing_ = Framing::none;
    bool finished_ = false, close_after_ = false;
};

}  // namespace hearth::http
