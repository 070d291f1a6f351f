#include "http/forward_run.hpp"

namespace hearth::http {
namespace {

// A piece of at least this size goes out from where it was received.
constexpr std::size_t kDirectPiece = 16 * 1024;

bool is_bodiless(int status, std::string_view method) {
    return method == "HEAD" || status == 204 || status == 304;
}

// What a function's server says about itself, or tells a front proxy of another make.
bool is_dropped_from_response(std::string_view name) {
    if (is_hop_by_hop(name)) return true;
    if (name.size() == 6) return same_name(name, "Server");
    return name.size() >= 7 && same_name(name.substr(0, 7), "X-Accel");
}

// Fields that may stand several times; others are replaced by what the gateway sets.
bool adds_up(std::string_view name) {
    return same_name(name, "Vary") || same_name(name, "Server-Timing") ||
           same_name(name, "Set-Cookie") || same_name(name, "Link");
}

}  // namespace

void ForwardRun::write_response_head(Framing framing, std::uint64_t length) {
    const auto& from = peer_->head.headers;
    to_client_ = framing;
    if (framing == Framing::close) client_.close_after();
    const bool upgrade = peer_->head.status == 101;
    auto& out = upgrade ? client_.begin_upgrade_head()
                        : client_.begin_head(peer_->head.status, from.has("Date"),
                                             response_complete_ ? Connection::Answer::whole
                                                                : Connection::Answer::streamed);
    const bool names_some = connection_names_fields(from);
    for (std::size_t i = 0; i < from.size(); ++i) {
        const auto [name, value] = from.at(i);
        if (is_dropped_from_response(name) || (names_some && named_by_connection(from, name)))
            continue;
        if (add_.size() > 0 && !adds_up(name) && add_.has(name)) continue;
        append_header(out, name, value);
    }
    for (std::size_t i = 0; i < add_.size(); ++i) {
        const auto [name, value] = add_.at(i);
        if (!is_hop_by_hop(name)) append_header(out, name, value);
    }
    if (upgrade) out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    append_framing(out, framing, length);
    out.append("\r\n");
}

// Sends the head and what has arrived of the body, all in one call where it is small.
Fault ForwardRun::begin_relay() {
    if (plan_.hook != nullptr) {
        const auto waited = upstream_wait();
        add_.clear();
        plan_.hook->on_response(peer_->head.status, peer_->head.headers, result_.connect, waited,
                                add_);
    }
    if (is_bodiless(peer_->head.status, client_.request().method)) {
        relay_bodiless_head();
        return client_.stream().try_write(client_.head_buffer());
    }
    if (const auto length = peer_->parser->content_length()) return relay_known(*length);
    return relay_unknown();
}

void ForwardRun::relay_bodiless_head() {
    const auto length = peer_->parser->content_length();
    const bool tell = length && peer_->head.status != 204;
    response_complete_ = true;
    write_response_head(tell ? Framing::length : Framing::none, length.value_or(0));
    client_.note_finished();
}

Fault ForwardRun::relay_known(std::uint64_t length) {
    std::string_view piece;
    if (length > 0) {
        std::size_t used = 0;
        const auto step = peer_->parser->feed(peer_->in.view(), used);
        peer_->in.consume(used);
        if (step == ParseStep::progress) piece = peer_->parser->piece();
    }
    if (peer_->parser->is_done()) {
        response_complete_ = true;
        client_.note_finished();
    }
    write_response_head(Framing::length, length);
    client_.note_sent(piece.size());
    auto& out = client_.head_buffer();
    if (piece.size() <= kJoinBody) return client_.stream().try_write(out.append(piece));
    const std::array<iovec, 2> parts = {iovec{out.data(), out.size()},
                                        iovec{const_cast<char*>(piece.data()), piece.size()}};
    return client_.stream().try_write(parts);
}

Fault ForwardRun::relay_unknown() {
    auto& scratch = peer_->scratch;
    scratch.clear();
    auto step = ParseStep::need_more;
    while (scratch.size() < ReadBuffer::kStreaming) {
        std::size_t used = 0;
        step = peer_->parser->feed(peer_->in.view(), used);
        peer_->in.consume(used);
        if (step != ParseStep::progress) break;
        scratch.append(peer_->parser->piece());
    }
    close_delimited_ = peer_->parser->need_eof();
    if (step == ParseStep::bad) {
        fail(Errc::io, "the function's response has malformed chunks");
        return Fault::none;
    }
    client_.note_sent(scratch.size());
    if (step == ParseStep::done) {
        response_complete_ = true;
        write_response_head(Framing::length, scratch.size());
        client_.note_finished();
    } else {
        write_response_head(
            client_.request().minor_version == 0 ? Framing::close : Framing::chunked, 0);
    }
    auto& out = client_.head_buffer();
    const bool chunk = to_client_ == Framing::chunked && !scratch.empty();
    if (chunk) append_chunk_size(out, scratch.size());
    if (chunk) scratch.append("\r\n");
    const std::array<iovec, 2> parts = {iovec{out.data(), out.size()},
                                        iovec{scratch.data(), scratch.size()}};
    return client_.stream().try_write(parts);
}

// One round: decodes what was received and sends it on.
Fault ForwardRun::relay_step() {
    auto& scratch = peer_->scratch;
    const bool chunked = to_client_ == Framing::chunked;
    scratch.clear();
    std::string_view direct;
    auto step = ParseStep::need_more;
    while (direct.empty()) {
        std::size_t used = 0;
        step = peer_->parser->feed(peer_->in.view(), used);
        peer_->in.consume(used);
        if (step != ParseStep::progress) break;
        const auto piece = peer_->parser->piece();
        client_.note_sent(piece.size());
        if (chunked) append_chunk_size(scratch, piece.size());
        if (piece.size() >= kDirectPiece) {
            direct = piece;
        } else {
            scratch.append(piece);
            if (chunked) scratch.append("\r\n");
        }
    }
    if (step == ParseStep::bad) fail(Errc::io, "the function's response has malformed chunks");
    if (peer_->parser->is_done()) response_complete_ = true;
    std::string_view tail;
    if (chunked && response_complete_) {
        tail = direct.empty() ? kLastChunk : std::string_view("\r\n0\r\n\r\n");
    } else if (chunked && !direct.empty()) {
        tail = "\r\n";
    }
    const std::array<iovec, 3> parts = {iovec{scratch.data(), scratch.size()},
                                        iovec{const_cast<char*>(direct.data()), direct.size()},
                                        iovec{const_cast<char*>(tail.data()), tail.size()}};
    return client_.stream().try_write(parts);
}

bool ForwardRun::take_end_of_stream() {
    if (!peer_->parser->need_eof()) return false;
    boost::system::error_code ec;
    peer_->parser->put_eof(ec);
    if (ec) return false;
    response_complete_ = true;
    return true;
}

Task<void> ForwardRun::relay_rest() {
    auto& stream = peer_->stream;
    while (!failed()) {
        if (peer_->in.empty() || needs_input_) {
            const auto idle = plan_.idle_timeout.count() == 0
                                  ? SteadyTime::max()
                                  : std::chrono::steady_clock::now() + plan_.idle_timeout;
            stream.read_by = std::min(plan_.deadline.at(), idle);
            const auto room = peer_->in.prepare(ReadBuffer::kStreaming);
            const auto got = co_await stream.receive(room.data(), room.size());
            if (got.fault == Fault::none) {
                peer_->in.commit(got.bytes);
            } else if (got.fault != Fault::eof || !take_end_of_stream()) {
                fail_upstream(got.fault, "within its response");
                break;
            }
        }
        const auto before = peer_->in.size();
        auto fault = response_complete_ ? finish_unknown() : relay_step();
        needs_input_ = peer_->in.size() == before;
        if (fault == Fault::pending) fault = co_await client_.stream().flush();
        if (fault != Fault::none) {
            fail_client_write(fault);
            break;
        }
        if (failed()) break;
        if (response_complete_) {
            client_.note_finished();
            break;
        }
    }
    stream.read_by = SteadyTime::max();
    if (failed() && to_client_ == Framing::close) client_.stream().reset_on_close();
}

Fault ForwardRun::finish_unknown() {
    if (to_client_ != Framing::chunked) return Fault::none;
    return client_.stream().try_write(kLastChunk);
}

}  // namespace hearth::http
