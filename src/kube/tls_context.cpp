#include "kube/tls_context.hpp"

#include <boost/asio/buffer.hpp>

#include "hearth/kube/status.hpp"

namespace hearth::kube {
namespace ssl = boost::asio::ssl;
namespace {

/// The slot of SSL_CTX that carries its TlsContext; the app data slot is Asio's.
int own_slot() {
    static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return slot;
}

int keep_session(SSL* connection, SSL_SESSION* session) {
    auto* self =
        static_cast<TlsContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), own_slot()));
    if (self == nullptr) return 0;
    self->keep(session);
    return 1;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::make(const Access& access,
                                                     const Credential& credential) {
    auto made = std::shared_ptr<TlsContext>(new TlsContext());
    auto& context = made->context_;
    boost::system::error_code ec;
    const auto unusable = [&](const char* what) {
        return Error(Errc::invalid_argument,
                     std::string("the ") + what + " of " +
                         (access.source.empty() ? "the access to Kubernetes" : access.source) +
                         " cannot be used: " + ec.message(),
                     {}, std::string(kComponent));
    };
    if (credential.ca_pem.empty()) {
        context.set_default_verify_paths(ec);
    } else {
        context.add_certificate_authority(boost::asio::buffer(credential.ca_pem), ec);
        if (ec) return unusable("certificate authority");
    }
    if (!credential.certificate_pem.empty()) {
        context.use_certificate_chain(boost::asio::buffer(credential.certificate_pem), ec);
        if (ec) return unusable("client certificate");
        context.use_private_key(boost::asio::buffer(credential.key_pem), ssl::context::pem, ec);
        if (ec) return unusable("client key");
    }
    made->ca_pem_ = credential.ca_pem;
    made->certificate_pem_ = credential.certificate_pem;
    made->key_pem_ = credential.key_pem;
    made->verify_ = access.verify;
    made->server_name_ = access.server_name.empty() ? access.host : access.server_name;
    context.set_verify_mode(access.verify ? ssl::verify_peer : ssl::verify_none, ec);
    SSL_CTX* native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(native,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_ex_data(native, own_slot(), made.get());
    SSL_CTX_sess_set_new_cb(native, keep_session);
    return made;
}

TlsContext::~TlsContext() {
    SSL_CTX_set_ex_data(context_.native_handle(), own_slot(), nullptr);
    if (session_ != nullptr) SSL_SESSION_free(session_);
}

bool TlsContext::made_of(const Credential& credential) const {
    return ca_pem_ == credential.ca_pem && certificate_pem_ == credential.certificate_pem &&
           key_pem_ == credential.key_pem;
}

void TlsContext::keep(SSL_SESSION* session) {
    std::lock_guard lock(mutex_);
    if (session_ != nullptr) SSL_SESSION_free(session_);
    session_ = session;
}

void TlsContext::resume(SSL* connection) {
    std::lock_guard lock(mutex_);
    if (session_ != nullptr) SSL_set_session(connection, session_);
}

}  // namespace hearth::kube
