#include "hearth/http/relay.hpp"

#include <typeinfo>

#include "hearth/base/ids.hpp"
#include "http/connection.hpp"

namespace hearth::http {
namespace {

// The family that no function ever sees.
constexpr std::string_view kKey = "X-Hearth-Relay-Key", kPeer = "X-Hearth-Relay-Peer";

}  // namespace

Relay::Relay(std::string key) : key_(std::move(key)), digest_(base::sha256_hex(key_)) {}

HeaderList Relay::headers(const Exchange& exchange) const {
    HeaderList headers;
    headers.add(kKey, key_);
    headers.add(kPeer, exchange.peer_address());
    return headers;
}

bool Relay::accept(Exchange& exchange) const {
    const auto key = exchange.request().headers.find(kKey);
    if (!key || key_.empty() || base::sha256_hex(*key) != digest_) return false;
    if (typeid(exchange) != typeid(Connection)) return false;
    const auto peer = exchange.request().headers.find(kPeer).value_or("");
    static_cast<Connection&>(exchange).set_told_peer(std::string(peer));
    return true;
}

}  // namespace hearth::http
