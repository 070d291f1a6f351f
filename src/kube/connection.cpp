#include "kube/connection.hpp"

#include <netinet/tcp.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>

#include "hearth/aio/one_shot.hpp"
#include "hearth/kube/status.hpp"

namespace hearth::kube {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using Resolver = net::ip::basic_resolver<net::ip::tcp, aio::Executor>;

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::size_t kMostHead = 64 * 1024;
/// A path that died silently is noticed after 15 + 3 · 5 s when nothing is sent, after 30 s when
/// something is.
constexpr int kIdle = 15, kInterval = 5, kProbes = 3, kUnacknowledgedMs = 30'000;

void set_options(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdle, sizeof kIdle);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kInterval, sizeof kInterval);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

/// The form with seconds; the API server writes no dates.
std::optional<std::chrono::seconds> seconds_of(beast::string_view text) {
    unsigned seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (ec != std::errc() || end == text.data()) return std::nullopt;
    return std::chrono::seconds(seconds);
}

http::request<http::string_body> message_of(const ConnectionPlan& plan, HttpRequest request) {
    http::request<http::string_body> message;
    message.method_string(request.method);
    message.target(plan.access.path_prefix + request.target);
    message.set(http::field::host, authority(plan.access));
    message.set(http::field::user_agent, plan.user_agent);
    message.set(http::field::accept, "application/json, */*");
    for (const auto& [name, value] : request.headers) message.insert(name, value);
    if (!request.content_type.empty()) message.set(http::field::content_type, request.content_type);
    message.body() = std::move(request.body);
    message.prepare_payload();
    return message;
}

}  // namespace

std::string authority(const Access& access) {
    const bool v6 = access.host.find(':') != std::string::npos;
    return (v6 ? "[" + access.host + "]" : access.host) + ":" + std::to_string(access.port);
}

Connection::Connection(const ConnectionPlan& plan, std::shared_ptr<TlsContext> tls,
                       aio::Executor executor)
    : plan_(plan), context_(std::move(tls)) {
    if (context_) {
        tls_.emplace(Tcp(executor), context_->context());
    } else {
        plain_.emplace(executor);
    }
}

Connection::~Connection() {
    // Without it OpenSSL forgets the session of a connection that did not say farewell.
    if (tls_) SSL_set_shutdown(tls_->native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Error Connection::error_of(const boost::system::error_code& ec, const char* doing) const {
    if (cut_) return *cut_;
    const std::string server = "the Kubernetes API server " + authority(plan_.access);
    if (ec == beast::error::timeout)
        return Error(Errc::deadline_exceeded, server + " did not answer in time", {},
                     std::string(kComponent));
    if (ec == net::error::operation_aborted)
        return Error(Errc::cancelled, "the caller was cancelled");
    const bool ended = ec == net::error::eof || ec == http::error::end_of_stream ||
                       ec == http::error::partial_message ||
                       ec == net::ssl::error::stream_truncated;
    const auto why = ended ? std::string("it closed the connection") : ec.message();
    return Error(Errc::unavailable, std::string("cannot ") + doing + " " + server + ": " + why, {},
                 std::string(kComponent));
}

Error Connection::certificate_error() const {
    const auto result = SSL_get_verify_result(const_cast<Tls&>(*tls_).native_handle());
    std::string why = X509_verify_cert_error_string(result);
    if (result == X509_V_OK || result == X509_V_ERR_UNSPECIFIED)
        why = "it does not name " + context_->server_name();
    return Error(Errc::unavailable,
                 "the certificate of the Kubernetes API server " + authority(plan_.access) +
                     " is not accepted: " + why,
                 {}, std::string(kComponent));
}

void Connection::cut(Error why) {
    if (!cut_) cut_ = std::move(why);
    boost::system::error_code ignored;
    tcp().socket().close(ignored);
}

bool Connection::alive() {
    if (!tcp().socket().is_open()) return false;
    char byte = 0;
    // Anything to read on an idle connection is its end: a close, or TLS's notice of one.
    const auto n = ::recv(tcp().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Task<Result<Connection::Addresses>> Connection::resolve(Deadline deadline) {
    const aio::Executor executor = co_await net::this_coro::executor;
    boost::system::error_code not_numeric;
    const auto address = net::ip::make_address(plan_.access.host, not_numeric);
    if (!not_numeric) co_return Addresses(1, {address, plan_.access.port});
    // getaddrinfo cannot be broken off, so nobody waits for the resolver itself.
    using Answer = Result<Addresses>;
    auto resolver = std::make_shared<Resolver>(executor);
    auto answer = std::make_shared<aio::OneShot<Answer>>(executor);
    const auto where = authority(plan_.access);
    auto done = [resolver, answer, where](boost::system::error_code ec,
                                          Resolver::results_type found) {
        Addresses addresses;
        for (const auto& entry : found) addresses.push_back(entry.endpoint());
        if (!ec && !addresses.empty()) {
            answer->deliver(Answer(std::move(addresses)));
            return;
        }
        answer->deliver(Error(Errc::unavailable,
                              "cannot resolve the Kubernetes API server " + where + ": " +
                                  (ec ? ec.message() : "no address"),
                              {}, std::string(kComponent)));
    };
    resolver->async_resolve(plan_.access.host, std::to_string(plan_.access.port), std::move(done));
    auto got = co_await answer->wait(deadline);
    if (got) co_return std::move(*got);
    if (deadline.passed()) co_return error_of(beast::error::timeout, "resolve");
    co_return error_of(net::error::operation_aborted, "resolve");
}

Task<Result<void>> Connection::connect(Deadline deadline) {
    auto addresses = co_await resolve(deadline);
    if (!addresses) co_return addresses.error();
    Error last(Errc::internal, "no address");
    for (const auto& address : *addresses) {
        const auto limit = deadline.sooner(Deadline::after(plan_.connect_timeout));
        if (cut_ || deadline.passed()) break;
        tcp().expires_at(limit.at());
        auto [ec] = co_await tcp().async_connect(address, aio::use_task);
        if (ec) {
            last = error_of(ec, "connect to");
            if (last.code == Errc::cancelled) break;
            continue;
        }
        set_options(tcp().socket().native_handle());
        if (!tls_) co_return Result<void>();
        co_return co_await handshake(limit);
    }
    if (cut_) co_return *cut_;
    if (deadline.passed()) co_return error_of(beast::error::timeout, "connect to");
    // Only the attempt timed out, not the caller's whole time.
    if (last.code == Errc::deadline_exceeded) last.code = Errc::unavailable;
    co_return last;
}

Task<Result<void>> Connection::handshake(Deadline deadline) {
    SSL* native = tls_->native_handle();
    const auto& name = context_->server_name();
    boost::system::error_code not_numeric;
    net::ip::make_address(name, not_numeric);
    if (not_numeric) SSL_set_tlsext_host_name(native, name.c_str());
    if (context_->verify()) tls_->set_verify_callback(net::ssl::host_name_verification(name));
    context_->resume(native);
    tcp().expires_at(deadline.at());
    auto [ec] = co_await tls_->async_handshake(net::ssl::stream_base::client, aio::use_task);
    if (ec && ec.category() == net::error::get_ssl_category() &&
        ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        co_return certificate_error();
    if (ec) {
        auto error = error_of(ec, "make a TLS connection to");
        if (error.code == Errc::deadline_exceeded) error.code = Errc::unavailable;
        co_return error;
    }
    resumed_ = SSL_session_reused(native) == 1;
    co_return Result<void>();
}

template <class Stream>
Task<Result<ReplyHead>> Connection::begin_on(Stream& stream, HttpRequest request) {
    const auto message = message_of(plan_, std::move(request));
    untouched_ = true;
    reusable_ = false;
    auto [sent, sent_bytes] = co_await http::async_write(stream, message, aio::use_task);
    // A server that answers early may close its side: its answer tells more than this error.
    if (sent == beast::error::timeout || sent == net::error::operation_aborted)
        co_return error_of(sent, "send to");
    parser_.emplace();
    parser_->body_limit(boost::none);
    parser_->header_limit(kMostHead);
    auto [ec, bytes] = co_await http::async_read_header(stream, buffer_, *parser_, aio::use_task);
    untouched_ = bytes == 0 && buffer_.size() == 0;
    if (ec && sent) co_return error_of(sent, "send to");
    if (ec) co_return error_of(ec, "read from");
    const auto& got = parser_->get();
    ReplyHead head;
    head.status = static_cast<int>(got.result_int());
    json_ = beast::string_view(got[http::field::content_type]).starts_with("application/json");
    head.retry_after = seconds_of(got[http::field::retry_after]);
    reusable_ = parser_->is_done() && parser_->keep_alive() && !sent;
    co_return head;
}

template <class Stream>
Task<Result<std::string_view>> Connection::read_on(Stream& stream) {
    if (piece_.empty()) piece_.resize(kPiece);
    auto& body = parser_->get().body();
    while (!parser_->is_done()) {
        body.data = piece_.data();
        body.size = piece_.size();
        auto [ec, bytes] = co_await http::async_read_some(stream, buffer_, *parser_, aio::use_task);
        const auto got = piece_.size() - body.size;
        if (ec && ec != http::error::need_buffer) co_return error_of(ec, "read from");
        if (got > 0) co_return std::string_view(piece_.data(), got);
    }
    reusable_ = parser_->keep_alive();
    co_return std::string_view();
}

Task<Result<ReplyHead>> Connection::begin(HttpRequest request, Deadline deadline) {
    if (cut_) co_return *cut_;
    tcp().expires_at(deadline.at());
    if (tls_) co_return co_await begin_on(*tls_, std::move(request));
    co_return co_await begin_on(*plain_, std::move(request));
}

Task<Result<std::string_view>> Connection::read(Deadline deadline) {
    if (cut_) co_return *cut_;
    tcp().expires_at(deadline.at());
    if (tls_) co_return co_await read_on(*tls_);
    co_return co_await read_on(*plain_);
}

}  // namespace hearth::kube
