#pragma once

#include <memory>

#include "hearth/http/forward.hpp"
#include "http/response_head.hpp"
#include "http/upstream_pool.hpp"

namespace hearth::http {

/// One request without a client's exchange, with its answer read whole. Thread: the pool's shard.
class DirectRun {
 public:
    static Task<ForwardResult> execute(UpstreamPool& pool, const Forwarder::Options& options,
                                       const Upstream& upstream, const DirectRequest& request,
                                       DirectAnswer& answer);

 private:
    DirectRun(UpstreamPool& pool, const Forwarder::Options& options, const Upstream& upstream,
              const DirectRequest& request, DirectAnswer& answer)
        : pool_(pool), options_(options), upstream_(upstream), request_(request), answer_(answer) {}

    Task<void> attempt();
    Task<void> open();
    void serialise();
    Task<void> read_head();
    Task<void> read_body();
    /// False when more bytes are needed.
    bool decode();
    void keep(std::string_view piece);
    Task<bool> receive(std::size_t capacity, std::string_view what);
    bool may_send_again() const;
    void finish();
    void fail(Errc code, std::string message);
    void fail_upstream(Fault fault, std::string_view what);

    UpstreamPool& pool_;
    const Forwarder::Options& options_;
    const Upstream& upstream_;
    const DirectRequest& request_;
    DirectAnswer& answer_;
    ForwardResult result_;
    std::unique_ptr<UpstreamConnection> peer_;
    ResponseHeadReader heads_;
    bool fresh_only_ = false, sent_any_ = false, answer_seen_ = false;
    bool request_complete_ = false, complete_ = false;
};

}  // namespace hearth::http
