#pragma once

#include <functional>
#include <string_view>

#include "hearth/http/client.hpp"

namespace hearth::cli {

/// The network as the commands see it, so that tests can answer in its place. Blocking.
class Transport {
 public:
    virtual ~Transport() = default;
    virtual Result<http::ClientResponse> fetch(const http::Endpoint& endpoint,
                                               http::ClientRequest request, Deadline deadline) = 0;
    virtual Result<http::ClientResponse> stream(
        const http::Endpoint& endpoint, http::ClientRequest request, Deadline deadline,
        std::function<bool(const http::ClientResponse&)> on_head,
        std::function<bool(std::string_view)> on_data) = 0;
};

class HttpTransport final : public Transport {
 public:
    Result<http::ClientResponse> fetch(const http::Endpoint& endpoint, http::ClientRequest request,
                                       Deadline deadline) override {
        return http::fetch_blocking(endpoint, std::move(request), deadline);
    }
    Result<http::ClientResponse> stream(const http::Endpoint& endpoint, http::ClientRequest request,
                                        Deadline deadline,
                                        std::function<bool(const http::ClientResponse&)> on_head,
                                        std::function<bool(std::string_view)> on_data) override {
        return http::fetch_stream_blocking(endpoint, std::move(request), deadline,
                                           std::move(on_head), std::move(on_data));
    }
};

}  // namespace hearth::cli
