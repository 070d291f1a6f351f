#include "http/connection.hpp"
#include "http/server_impl.hpp"

namespace hearth::http {
namespace {

bool has_no_body(int status) {
    return status == 204 || status == 304 || status / 100 == 1;
}

}  // namespace

std::string& Connection::begin_head(int status, bool has_date, Answer answer) {
    status_ = status;
    if (!body_done_ && !close_after_ && answer == Answer::whole) {
        // What is left of the request's body must be read before the next request, or the
        // connection ends.
        if (!rest_is_small()) close_after_ = true;
    }
    out_.clear();
    append_status_line(out_, status);
    if (!has_date) append_header(out_, "Date", shard_.sweep.http_date());
    if (close_after_ || !head_.keep_alive || draining()) {
        close_after_ = true;
        out_.append("Connection: close\r\n");
    } else if (head_.minor_version == 0) {
        out_.append("Connection: keep-alive\r\n");
    }
    return out_;
}

std::string& Connection::begin_upgrade_head() {
    status_ = 101;
    out_.clear();
    append_status_line(out_, status_);
    return out_;
}

void Connection::write_head(const ResponseHead& head, Framing framing, std::uint64_t length,
                            Answer answer) {
    framing_ = framing;
    if (framing == Framing::close) close_after_ = true;
    auto& out = begin_head(head.status, head.headers.has("Date"), answer);
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
        const auto [name, value] = head.headers.at(i);
        if (!is_hop_by_hop(name)) append_header(out, name, value);
    }
    append_framing(out, framing, length);
    out.append("\r\n");
}

Result<void> Connection::write_result(Fault fault) {
    if (fault == Fault::none) return {};
    unusable_ = true;
    if (fault == Fault::timeout) {
        return Error(Errc::cancelled, "the client does not read its answer", {}, "client");
    }
    gone_ = true;
    return Error(Errc::cancelled, "the client is gone", {}, "client");
}

Task<Result<void>> Connection::respond(ResponseHead head, std::string body) {
    if (status_ != 0) co_return Error(Errc::internal, "the request was answered before");
    const bool bodiless = has_no_body(head.status);
    const bool send_body = !bodiless && head_.method != "HEAD" && !body.empty();
    write_head(head, bodiless ? Framing::none : Framing::length, body.size(), Answer::whole);
    Fault fault;
    if (!send_body || body.size() <= kJoinBody) {
        if (send_body) out_.append(body);
        fault = stream_.try_write(out_);
    } else {
        const std::array<iovec, 2> parts = {iovec{out_.data(), out_.size()},
                                            iovec{body.data(), body.size()}};
        fault = stream_.try_write(parts);
    }
    if (fault == Fault::pending) fault = co_await stream_.flush();
    if (fault == Fault::none) {
        response_bytes_ = send_body ? body.size() : 0;
        finished_ = true;
    }
    co_return write_result(fault);
}

Task<Result<void>> Connection::start_response(ResponseHead head,
                                              std::optional<std::uint64_t> length) {
    if (status_ != 0) co_return Error(Errc::internal, "the request was answered before");
    Framing framing = head_.minor_version == 0 ? Framing::close : Framing::chunked;
    if (length) framing = Framing::length;
    if (has_no_body(head.status)) framing = Framing::none;
    length_left_ = length.value_or(0);
    write_head(head, framing, length_left_, Answer::streamed);
    auto fault = stream_.try_write(out_);
    if (fault == Fault::pending) fault = co_await stream_.flush();
    co_return write_result(fault);
}

Task<Result<void>> Connection::write_body(std::span<const char> bytes) {
    if (status_ == 0 || finished_)
        co_return Error(Errc::internal, "no streamed answer is under way");
    if (gone_) co_return Error(Errc::cancelled, "the client is gone", {}, "client");
    if (bytes.empty() || framing_ == Framing::none) co_return Result<void>();
    if (framing_ == Framing::length) {
        if (bytes.size() > length_left_) {
            unusable_ = true;
            co_return Error(Errc::internal, "the answer is longer than was announced");
        }
        length_left_ -= bytes.size();
    }
    response_bytes_ += bytes.size();
    if (head_.method == "HEAD") co_return Result<void>();
    char* data = const_cast<char*>(bytes.data());
    std::array<iovec, 3> parts = {iovec{nullptr, 0}, iovec{data, bytes.size()}, iovec{nullptr, 0}};
    if (framing_ == Framing::chunked) {
        out_.clear();
        append_chunk_size(out_, bytes.size());
        parts[0] = iovec{out_.data(), out_.size()};
        parts[2] = iovec{const_cast<char*>("\r\n"), 2};
    }
    auto fault = stream_.try_write(parts);
    if (fault == Fault::pending) fault = co_await stream_.flush();
    co_return write_result(fault);
}

Task<Result<void>> Connection::finish_response() {
    if (status_ == 0 || finished_)
        co_return Error(Errc::internal, "no streamed answer is under way");
    if (framing_ == Framing::length && length_left_ > 0) {
        unusable_ = true;
        co_return Error(Errc::internal, "the answer is shorter than was announced");
    }
    Fault fault = Fault::none;
    if (framing_ == Framing::chunked && head_.method != "HEAD") {
        fault = stream_.try_write(kLastChunk);
        if (fault == Fault::pending) fault = co_await stream_.flush();
    }
    if (fault == Fault::none) finished_ = true;
    co_return write_result(fault);
}

}  // namespace hearth::http
