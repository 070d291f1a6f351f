#include "http/web_connection.hpp"

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace hearth::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kMostHead = 64 * 1024;
constexpr int kMostInterim = 16;

/// A name with the root's dot is the same name to a certificate and to SNI.
std::string certificate_name(std::string name) {
    if (name.ends_with('.')) name.pop_back();
    return name;
}

}  // namespace

WebConnection::WebConnection(const WebAddress& peer, net::ssl::context& trust,
                             aio::Executor executor, std::chrono::milliseconds silence)
    : peer_(peer), silence_(silence), piece_(kPiece) {
    if (peer_.tls) {
        tls_.emplace(Tcp(executor), trust);
    } else {
        plain_.emplace(executor);
    }
}

void WebConnection::arm(Deadline deadline) {
    deadline_ = deadline;
    tcp().expires_at(deadline.sooner(Deadline::after(silence_)).at());
}

Error WebConnection::error_of(const boost::system::error_code& ec, std::string_view doing) const {
    const std::string server = peer_.authority();
    if (ec == beast::error::timeout && deadline_.passed())
        return Error(Errc::deadline_exceeded, server + " did not answer within the time allowed",
                     {}, "http");
    if (ec == net::error::operation_aborted)
        return Error(Errc::cancelled, "the caller was cancelled");
    const bool ended = ec == net::error::eof || ec == beast::http::error::end_of_stream ||
                       ec == beast::http::error::partial_message ||
                       ec == net::ssl::error::stream_truncated;
    std::string why = ended ? "it closed the connection" : ec.message();
    if (ec == beast::error::timeout) why = "it was silent for too long";
    return Error(Errc::unavailable,
                 "cannot " + std::string(doing) + " " + server + ": " + std::move(why), {}, "http");
}

Error WebConnection::certificate_error() {
    const auto result = SSL_get_verify_result(tls_->native_handle());
    std::string why = X509_verify_cert_error_string(result);
    if (result == X509_V_OK || result == X509_V_ERR_UNSPECIFIED)
        why = "it does not name " + peer_.host;
    return Error(Errc::unavailable,
                 "the certificate of " + peer_.authority() + " is not accepted: " + why, {},
                 "http");
}

Task<Result<void>> WebConnection::connect(const net::ip::address& address, Deadline deadline) {
    arm(deadline);
    const net::ip::tcp::endpoint endpoint(address, peer_.port);
    auto [ec] = co_await tcp().async_connect(endpoint, aio::use_task);
    if (ec) co_return error_of(ec, "connect to");
    if (!tls_) co_return Result<void>();
    co_return co_await handshake();
}

Task<Result<void>> WebConnection::handshake() {
    const auto name = certificate_name(peer_.host);
    boost::system::error_code not_numeric;
    net::ip::make_address(name, not_numeric);
    if (not_numeric) SSL_set_tlsext_host_name(tls_->native_handle(), name.c_str());
    tls_->set_verify_mode(net::ssl::verify_peer);
    tls_->set_verify_callback(net::ssl::host_name_verification(name));
    auto [ec] = co_await tls_->async_handshake(net::ssl::stream_base::client, aio::use_task);
    if (ec && ec.category() == net::error::get_ssl_category() &&
        ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        co_return certificate_error();
    if (ec) co_return error_of(ec, "make a TLS connection to");
    co_return Result<void>();
}

Task<Result<void>> WebConnection::write(std::string_view bytes, Deadline deadline) {
    const std::size_t step = kPiece;
    while (!bytes.empty()) {
        arm(deadline);
        const auto part = net::buffer(bytes.data(), std::min(step, bytes.size()));
        boost::system::error_code failed;
        std::size_t sent = 0;
        if (tls_) {
            auto [ec, n] = co_await net::async_write(*tls_, part, aio::use_task);
            failed = ec;
            sent = n;
        } else {
            auto [ec, n] = co_await net::async_write(*plain_, part, aio::use_task);
            failed = ec;
            sent = n;
        }
        if (failed) co_return error_of(failed, "send to");
        bytes.remove_prefix(sent);
    }
    co_return Result<void>();
}

Task<Result<WebResponse>> WebConnection::read_head(bool head_only, Deadline deadline) {
    for (int interim = 0; interim < kMostInterim; ++interim) {
        arm(deadline);
        parser_.emplace();
        parser_->body_limit(boost::none);
        parser_->header_limit(kMostHead);
        parser_->skip(head_only);
        boost::system::error_code failed;
        if (tls_) {
            auto [ec, n] =
                co_await beast::http::async_read_header(*tls_, buffer_, *parser_, aio::use_task);
            failed = ec;
        } else {
            auto [ec, n] =
                co_await beast::http::async_read_header(*plain_, buffer_, *parser_, aio::use_task);
            failed = ec;
        }
        if (failed) co_return error_of(failed, "read from");
        const auto& got = parser_->get();
        if (got.result_int() / 100 == 1) continue;
        WebResponse response;
        response.status = static_cast<int>(got.result_int());
        for (const auto& field : got)
            response.headers.add(
                std::string_view(field.name_string().data(), field.name_string().size()),
                std::string_view(field.value().data(), field.value().size()));
        response.address = peer_;
        co_return response;
    }
    co_return Error(Errc::io, peer_.authority() + " sent no final answer", {}, "http");
}

template <class Stream>
Task<Result<std::string_view>> WebConnection::read_on(Stream& stream, Deadline deadline) {
    auto& body = parser_->get().body();
    while (!parser_->is_done()) {
        arm(deadline);
        body.data = piece_.data();
        body.size = piece_.size();
        auto [ec, bytes] =
            co_await beast::http::async_read_some(stream, buffer_, *parser_, aio::use_task);
        const auto got = piece_.size() - body.size;
        if (ec && ec != beast::http::error::need_buffer) co_return error_of(ec, "read from");
        if (got > 0) co_return std::string_view(piece_.data(), got);
    }
    co_return std::string_view();
}

Task<Result<std::string_view>> WebConnection::read(Deadline deadline) {
    if (tls_) co_return co_await read_on(*tls_, deadline);
    co_return co_await read_on(*plain_, deadline);
}

std::optional<std::uint64_t> WebConnection::announced() const {
    const auto length = parser_->content_length();
    if (!length) return std::nullopt;
    return *length;
}

}  // namespace hearth::http
