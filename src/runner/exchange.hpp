#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>
#include <string>
#include <string_view>

#include "runner/body.hpp"
#include "runner/fault.hpp"
#include "runner/net.hpp"

namespace hearth::runner {

/// One request to another server, over a connection of its own.
class Exchange {
 public:
    using Request = beast::http::request<beast::http::string_body>;

    /// `connect_limit` bounds the connecting alone.
    Exchange(Executor executor, Endpoint peer,
             Clock::duration connect_limit = std::chrono::hours(1));

    /// Sends it and reads the answer's head; returns the status.
    /// Errors: 504 `deadline_exceeded`; 502 `gone` when nobody listens, or the peer broke off or
    /// answered something that is no HTTP.
    Task<Result<int>> send(Request request, Clock::time_point deadline);
    /// The rest of the answer, up to `most` bytes; what comes after is left unread. Errors: as
    /// send().
    Task<Result<std::string>> text(std::size_t most, Clock::time_point deadline);
    /// The rest of the answer, piece by piece.
    Body& body() { return body_; }

    /// A request for `target` with the headers that every server wants.
    static Request request(beast::http::verb method, std::string_view target);

 private:
    Fault failure(boost::system::error_code ec, const char* what) const;

    Stream stream_;
    Endpoint peer_;
    Clock::duration connect_limit_;
    beast::flat_buffer buffer_;
    MessageBody<false>::Parser parser_;
    MessageBody<false> body_;
};

/// Whether something listens there. Thread: the loop's.
Task<bool> accepts_connections(Executor executor, Endpoint peer, Clock::duration limit);

}  // namespace hearth::runner
