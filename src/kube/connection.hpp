#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/aio/deadline.hpp"
#include "hearth/aio/task.hpp"
#include "hearth/base/result.hpp"
#include "hearth/kube/access.hpp"
#include "kube/tls_context.hpp"

namespace hearth::kube {

struct HttpRequest {
    std::string method = "GET", target, body, content_type;
    std::vector<std::pair<std::string, std::string>> headers;
    HttpRequest() = default;
};

struct ReplyHead {
    int status = 0;
    std::optional<std::chrono::seconds> retry_after;
    ReplyHead() = default;
};

/// What every connection of a client is made by; outlives them.
struct ConnectionPlan {
    Access access;
    std::string user_agent;
    std::chrono::milliseconds connect_timeout{5'000};
};

/// One HTTP/1.1 connection to the API server, TCP or TLS, one request at a time. A path that died
/// silently ends it after 30 s by keepalive, or by unacknowledged bytes. Thread: its shard.
class Connection {
 public:
    Connection(const ConnectionPlan& plan, std::shared_ptr<TlsContext> tls, aio::Executor executor);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// TCP and TLS. Call once, first. Errors: unavailable (names the address and why),
    /// deadline_exceeded, cancelled.
    Task<Result<void>> connect(Deadline deadline);
    /// Sends, and reads the head of the answer. Errors as connect(), and then untouched() tells
    /// whether no byte of an answer came.
    Task<Result<ReplyHead>> begin(HttpRequest request, Deadline deadline);
    /// The next bytes of the body, empty at its end; valid until the next call.
    Task<Result<std::string_view>> read(Deadline deadline);

    /// The last answer was read to its end and the server keeps the connection.
    bool reusable() const { return reusable_ && !cut_; }
    /// False: the server has closed it since.
    bool alive();
    bool untouched() const { return untouched_; }
    /// The last answer's content type.
    bool head_is_json() const { return json_; }
    bool resumed() const { return resumed_; }
    /// Ends what runs on it with this error, now and later.
    void cut(Error why);

    std::chrono::steady_clock::time_point idle_since{};

 private:
    using Tcp = boost::beast::basic_stream<boost::asio::ip::tcp, aio::Executor>;
    using Tls = boost::asio::ssl::stream<Tcp>;
    using Addresses = std::vector<boost::asio::ip::tcp::endpoint>;

    Task<Result<Addresses>> resolve(Deadline deadline);
    Task<Result<void>> handshake(Deadline deadline);
    Tcp& tcp() { return tls_ ? tls_->next_layer() : *plain_; }
    Error error_of(const boost::system::error_code& ec, const char* doing) const;
    Error certificate_error() const;
    template <class Stream>
    Task<Result<ReplyHead>> begin_on(Stream& stream, HttpRequest request);
    template <class Stream>
    Task<Result<std::string_view>> read_on(Stream& stream);

    const ConnectionPlan& plan_;
    std::shared_ptr<TlsContext> context_;
    std::optional<Tcp> plain_;
    std::optional<Tls> tls_;
    boost::beast::flat_buffer buffer_;
    std::optional<boost::beast::http::response_parser<boost::beast::http::buffer_body>> parser_;
    std::vector<char> piece_;
    std::optional<Error> cut_;
    bool reusable_ = false, untouched_ = true, resumed_ = false, json_ = false;
};

/// "host:port", with brackets where the host is an IPv6 address.
std::string authority(const Access& access);

}  // namespace hearth::kube
