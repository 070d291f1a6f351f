#pragma once

#include <string>

#include "hearth/http/message.hpp"
#include "hearth/http/server.hpp"

namespace hearth::http {

/// Between replicas that share a key: whoever passes an exchange on says whose it was, and whoever takes it believes
/// that of nobody without the key. Immutable; methods on the exchange's shard.
class Relay {
  public:
    /// An empty key: nobody is believed.
    explicit Relay(std::string key);
    /// To be set on the request passed on, over whatever the client sent of these names.
    HeaderList headers(const Exchange& exchange) const;
    /// From here to its end the exchange's peer_address() is the one that another replica told. False, and nothing
    /// changes, where none did. Only an exchange of a real server can be told.
    bool accept(Exchange& exchange) const;

  private:
    const std::string key_;
    const std::string digest_;   ///< of the key: comparing it tells nothing of the key by the time it takes
};

}  // namespace hearth::http
