#pragma once

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <mutex>
#include <string>

#include "hearth/kube/access.hpp"
#include "kube/credentials.hpp"

namespace hearth::kube {

/// Certificates of one credential, and the last TLS session, so that later handshakes are short.
/// Thread: any.
class TlsContext {
 public:
    /// Errors: invalid_argument (a certificate or key that cannot be used: the message says which
    /// and why).
    static Result<std::shared_ptr<TlsContext>> make(const Access& access,
                                                    const Credential& credential);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    boost::asio::ssl::context& context() { return context_; }
    /// What the server's certificate has to name, and what SNI asks for.
    const std::string& server_name() const { return server_name_; }
    bool verify() const { return verify_; }
    /// Whether it was made of these certificates.
    bool made_of(const Credential& credential) const;

    /// Lets the handshake go on from the last session.
    void resume(SSL* connection);
    void keep(SSL_SESSION* session);  ///< takes ownership

 private:
    TlsContext() : context_(boost::asio::ssl::context::tls_client) {}

    boost::asio::ssl::context context_;
    std::string server_name_, ca_pem_, certificate_pem_, key_pem_;
    bool verify_ = true;
    std::mutex mutex_;
    SSL_SESSION* session_ = nullptr;
};

}  // namespace hearth::kube
