#pragma once

#include <boost/beast/core/flat_buffer.hpp>

#include <optional>

#include "runner/body.hpp"
#include "runner/net.hpp"
#include "runner/server.hpp"

namespace hearth::runner {

/// One client's connection: request by request. Thread: the loop's.
struct Server::Connection {
    explicit Connection(Stream::socket_type socket);

    /// The head of the next request. Errors: 400 for what is no HTTP, 408 when there is none.
    Task<Result<Call>> next();
    /// The body of that request.
    Body& body() { return *body_; }
    /// Answers it and reads what is left of its body. False when the connection is of no more use.
    Task<bool> finish(Reply reply);
    enum class After { keep, close };
    /// False when the client has gone.
    Task<bool> send(Reply reply, After after);
    void close();

    Stream stream;
    bool idle = true;  ///< waits for a request
    Clock::time_point since = Clock::now();

 private:
    using Parser = MessageBody<true>::Parser;
    Task<bool> send_stream(Reply& reply, After after);
    Task<bool> send_continue();
    Task<bool> drain();

    beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::optional<MessageBody<true>> body_;
    bool first_ = true;
};

}  // namespace hearth::runner
