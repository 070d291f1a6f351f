#include "hearth/http/web_client.hpp"

#include <netdb.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>

#include "http/address.hpp"
#include "http/head_writer.hpp"
#include "http/web_connection.hpp"

namespace hearth::http {
namespace {

namespace net = boost::asio;

constexpr std::size_t kMostKept = 64 * 1024;

Result<std::vector<std::string>> ask_system(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int rc = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (rc != 0 || found == nullptr)
        return Error(Errc::unavailable,
                     "the host name '" + host + "' cannot be resolved: " + ::gai_strerror(rc), {},
                     "http");
    std::vector<std::string> addresses;
    for (const auto* entry = found; entry != nullptr; entry = entry->ai_next) {
        SocketAddress address;
        std::copy_n(reinterpret_cast<const char*>(entry->ai_addr), entry->ai_addrlen,
                    reinterpret_cast<char*>(&address.storage));
        char text[NI_MAXHOST] = {};
        // Unlike peer_text() it keeps an IPv4 address that is written as IPv6 in that form.
        if (::getnameinfo(address.get(), entry->ai_addrlen, text, sizeof text, nullptr, 0,
                          NI_NUMERICHOST) == 0)
            addresses.emplace_back(text);
    }
    ::freeaddrinfo(found);
    return addresses;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string head_of(const WebRequest& request, const std::string& user_agent) {
    std::string out = request.method + " " + request.address.target + " HTTP/1.1\r\n";
    append_header(out, "Host", request.address.authority());
    append_header(out, "User-Agent", user_agent);
    for (std::size_t i = 0; i < request.headers.size(); ++i) {
        const auto [name, value] = request.headers.at(i);
        if (!is_hop_by_hop(name) && !same_name(name, "Host")) append_header(out, name, value);
    }
    const auto bytes = request.source ? request.source_bytes : request.body.size();
    if (bytes > 0 || request.method == "PUT" || request.method == "POST")
        append_framing(out, Framing::length, bytes);
    return out.append("Connection: close\r\n\r\n");
}

Error too_large(const WebAddress& address, std::uint64_t limit) {
    return Error(
        Errc::too_large,
        address.authority() + " sends more than the " + std::to_string(limit) + " bytes allowed",
        {}, "http");
}

class Client final : public WebClient {
 public:
    Client(WebClientOptions options, aio::BlockingPool& pool)
        : options_(std::move(options)), pool_(pool), trust_(net::ssl::context::tls_client) {
        if (!options_.resolve) options_.resolve = ask_system;
    }

    Result<void> trust() {
        boost::system::error_code ec;
        trust_.set_default_verify_paths(ec);
        SSL_CTX_set_min_proto_version(trust_.native_handle(), TLS1_2_VERSION);
        if (options_.ca_pem.empty()) return {};
        trust_.add_certificate_authority(net::buffer(options_.ca_pem), ec);
        if (!ec) return {};
        return Error(Errc::invalid_argument,
                     "the certificate authorities cannot be used: " + ec.message(), {}, "http");
    }

    Task<Result<WebResponse>> send(WebRequest request, BodySink* sink, std::uint64_t limit,
                                   Deadline deadline) override {
        auto addresses = co_await look_up(request.address.host, deadline);
        if (!addresses) co_return addresses.error();
        const aio::Executor executor = co_await net::this_coro::executor;
        Error last(Errc::unavailable, "no address");
        for (const auto& address : *addresses) {
            WebConnection connection(request.address, trust_, executor, options_.silence_timeout);
            const auto connect_by = deadline.sooner(Deadline::after(options_.connect_timeout));
            auto connected = co_await connection.connect(address, connect_by);
            if (connected) co_return co_await exchange(connection, request, sink, limit, deadline);
            last = connected.error();
            if (deadline.passed() || last.code == Errc::cancelled) break;
        }
        co_return last;
    }

    Task<Result<WebResponse>> get(WebAddress address, BodySink& sink, std::uint64_t limit,
                                  Deadline deadline) override {
        for (int followed = 0;; ++followed) {
            WebRequest request;
            request.address = address;
            request.headers.add("Accept", "*/*");
            request.headers.add("Accept-Encoding", "identity");
            auto response = co_await send(std::move(request), &sink, limit, deadline);
            if (!response || response->status / 100 == 2) co_return response;
            if (!is_redirect(response->status))
                co_return Error(Errc::unavailable,
                                address.to_string() + " answered " +
                                    std::to_string(response->status) + " " +
                                    std::string(reason_phrase(response->status)),
                                {}, "http");
            auto next = redirected(address, *response, followed);
            if (!next) co_return next.error();
            address = std::move(*next);
        }
    }

 private:
    using Addresses = std::vector<net::ip::address>;

    Result<WebAddress> redirected(const WebAddress& from, const WebResponse& response,
                                  int followed) const {
        const auto location = response.headers.find("Location");
        if (!location)
            return Error(Errc::unavailable, from.to_string() + " redirects without saying where",
                         {}, "http");
        if (followed >= options_.redirects)
            return Error(Errc::unavailable,
                         from.to_string() + " redirects once more after " +
                             std::to_string(options_.redirects) + " redirects",
                         {}, "http");
        auto next = from.follow(*location);
        if (!next)
            return Error(Errc::unavailable,
                         from.to_string() + " redirects wrongly: " + next.error().message, {},
                         "http");
        if (from.tls && !next->tls)
            return Error(
                Errc::forbidden,
                from.to_string() + " redirects from https to http, to " + next->to_string(), {},
                "http");
        return next;
    }

    /// The addresses that may be connected to, looked up once: what was checked is what is used.
    Task<Result<Addresses>> look_up(std::string host, Deadline deadline) {
        boost::system::error_code not_numeric;
        const auto numeric = net::ip::make_address(host, not_numeric);
        std::vector<std::string> found;
        if (!not_numeric) {
            found.push_back(numeric.to_string());
        } else {
            // The look-up cannot be broken off, so nobody waits for it past the deadline.
            const aio::Executor executor = co_await net::this_coro::executor;
            using Answer = Result<std::vector<std::string>>;
            auto answer = std::make_shared<aio::OneShot<Answer>>(executor);
            auto job = [answer, host, resolve = options_.resolve] {
                answer->deliver(resolve(host));
            };
            if (auto refused = pool_.submit(std::move(job)); refused.has_error())
                co_return refused.error();
            auto got = co_await answer->wait(deadline);
            if (!got && deadline.passed())
                co_return Error(Errc::deadline_exceeded,
                                "the host name '" + host + "' was not resolved in time", {},
                                "http");
            if (!got) co_return Error(Errc::cancelled, "the caller was cancelled");
            if (!*got) co_return got->error();
            found = std::move(**got);
        }
        co_return allowed(host, found);
    }

    Result<Addresses> allowed(const std::string& host,
                              const std::vector<std::string>& found) const {
        Addresses addresses;
        for (const auto& text : found) {
            boost::system::error_code ec;
            const auto address = net::ip::make_address(text, ec);
            if (ec) continue;
            if (options_.private_addresses || is_public_address(text)) addresses.push_back(address);
        }
        if (!addresses.empty()) return addresses;
        if (found.empty())
            return Error(Errc::unavailable, "the host name '" + host + "' has no address", {},
                         "http");
        const std::string what = "not an address of the public internet";
        return Error(Errc::forbidden,
                     found.front() == host ? host + " is " + what
                                           : host + " leads to " + found.front() + ", " + what,
                     {}, "http");
    }

    Task<Result<void>> send_body(WebConnection& connection, WebRequest& request,
                                 Deadline deadline) {
        if (request.source == nullptr) {
            if (request.body.empty()) co_return Result<void>();
            co_return co_await connection.write(request.body, deadline);
        }
        std::uint64_t sent = 0;
        for (;;) {
            auto piece = co_await request.source->next();
            if (!piece) co_return piece.error();
            if (piece->empty()) break;
            sent += piece->size();
            const std::string bytes = std::move(*piece);
            auto written = co_await connection.write(bytes, deadline);
            if (!written) co_return written.error();
        }
        if (sent == request.source_bytes) co_return Result<void>();
        co_return Error(Errc::internal, "the body to send has another length than was said");
    }

    Task<Result<WebResponse>> exchange(WebConnection& connection, WebRequest& request,
                                       BodySink* sink, std::uint64_t limit, Deadline deadline) {
        const std::string head = head_of(request, options_.user_agent);
        auto begun = co_await connection.write(head, deadline);
        if (!begun) co_return begun.error();
        auto sent = co_await send_body(connection, request, deadline);
        // A server that answers early may close its side: its answer tells more than this error.
        if (!sent && sent.error().code != Errc::unavailable) co_return sent.error();
        auto response = co_await connection.read_head(request.method == "HEAD", deadline);
        if (!response) co_return sent ? response.error() : sent.error();
        if (request.method == "HEAD") co_return response;
        const bool wanted = sink != nullptr && response->status / 100 == 2;
        if (wanted && connection.announced().value_or(0) > limit)
            co_return too_large(request.address, limit);
        for (;;) {
            auto piece = co_await connection.read(deadline);
            if (!piece) co_return piece.error();
            if (piece->empty()) co_return response;
            response->bytes += piece->size();
            if (!wanted) {
                if (response->bytes > kMostKept) co_return response;
                response->body.append(*piece);
                continue;
            }
            if (response->bytes > limit) co_return too_large(request.address, limit);
            auto taken = co_await sink->write(*piece);
            if (!taken) co_return taken.error();
        }
    }

    WebClientOptions options_;
    aio::BlockingPool& pool_;
    net::ssl::context trust_;
};

}  // namespace

Result<std::unique_ptr<WebClient>> WebClient::make(WebClientOptions options,
                                                   aio::BlockingPool& pool) {
    auto client = std::make_unique<Client>(std::move(options), pool);
    if (auto trusted = client->trust(); trusted.has_error()) return trusted.error();
    return std::unique_ptr<WebClient>(std::move(client));
}

}  // namespace hearth::http
