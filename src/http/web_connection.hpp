#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/http/web_client.hpp"

namespace hearth::http {

/// One connection to a server out there, TCP or TLS, for one request. Thread: its shard.
class WebConnection {
 public:
    WebConnection(const WebAddress& peer, boost::asio::ssl::context& trust, aio::Executor executor,
                  std::chrono::milliseconds silence);
    WebConnection(const WebConnection&) = delete;
    WebConnection& operator=(const WebConnection&) = delete;

    /// To this numeric address, with the certificate checked against the peer's name. Errors:
    /// unavailable, deadline_exceeded.
    Task<Result<void>> connect(const boost::asio::ip::address& address, Deadline deadline);
    Task<Result<void>> write(std::string_view bytes, Deadline deadline);
    /// Status and headers; 1xx answers are passed over.
    Task<Result<WebResponse>> read_head(bool head_only, Deadline deadline);
    /// The next bytes of the body, empty at its end; valid until the next call.
    Task<Result<std::string_view>> read(Deadline deadline);
    /// What the answer says its body will have.
    std::optional<std::uint64_t> announced() const;

 private:
    using Tcp = boost::beast::basic_stream<boost::asio::ip::tcp, aio::Executor>;
    using Tls = boost::asio::ssl::stream<Tcp>;
    using Parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

    Task<Result<void>> handshake();
    Tcp& tcp() { return tls_ ? tls_->next_layer() : *plain_; }
    /// One step may last until the deadline, or until nothing came for too long.
    void arm(Deadline deadline);
    Error error_of(const boost::system::error_code& ec, std::string_view doing) const;
    Error certificate_error();
    template <class Stream>
    Task<Result<std::string_view>> read_on(Stream& stream, Deadline deadline);

    WebAddress peer_;
    std::chrono::milliseconds silence_;
    Deadline deadline_;
    std::optional<Tcp> plain_;
    std::optional<Tls> tls_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::vector<char> piece_;
};

}  // namespace hearth::http
