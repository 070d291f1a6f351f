#include <typeinfo>

#include "hearth/aio/shards.hpp"
#include "http/direct_run.hpp"
#include "http/forward_run.hpp"
#include "http/server_impl.hpp"

namespace hearth::http {
namespace {

class ForwarderImpl final : public Forwarder {
 public:
    ForwarderImpl(aio::Shards& shards, Options options, telemetry::Registry& metrics)
        : shards_(shards), options_(options) {
        auto& forwarded =
            metrics.counter("hearth_http_forwarded_total", "Requests forwarded to instances.");
        auto& reused = metrics.counter("hearth_http_upstream_reused_total",
                                       "Forwarded requests that used a kept-alive connection.");
        for (std::size_t i = 0; i < shards.size(); ++i) {
            auto executor = shards.at(i).executor();
            pools_.push_back(std::make_unique<UpstreamPool>(executor, options_, forwarded, reused));
            auto* pool = pools_.back().get();
            run_on_shard(shards.at(i), [pool] { pool->sweep().start(); });
        }
    }
    ~ForwarderImpl() override { stop(); }

    Task<ForwardResult> forward(Exchange& exchange, const Upstream& upstream,
                                const ForwardPlan& plan) override;

    Task<ForwardResult> send(const Upstream& upstream, const DirectRequest& request,
                             DirectAnswer& answer) override;

    void forget(std::uint64_t upstream_id) override {
        for (std::size_t i = 0; i < pools_.size(); ++i) {
            auto* pool = pools_[i].get();
            net::post(shards_.at(i).context(), [pool, upstream_id] { pool->forget(upstream_id); });
        }
    }

    void stop() override {
        if (stopped_.exchange(true)) return;
        for (std::size_t i = 0; i < pools_.size(); ++i) {
            auto* pool = pools_[i].get();
            run_on_shard(shards_.at(i), [pool] {
                pool->close();
                pool->sweep().stop();
                pool->poller().stop();
            });
        }
    }

 private:
    aio::Shards& shards_;
    Options options_;
    std::vector<std::unique_ptr<UpstreamPool>> pools_;
    std::atomic<bool> stopped_{false};
};

Task<ForwardResult> unsupported() {
    ForwardResult refused;
    refused.error.emplace(Errc::unsupported, "only an exchange of a real server can be forwarded");
    co_return refused;
}

Task<ForwardResult> ForwarderImpl::forward(Exchange& exchange, const Upstream& upstream,
                                           const ForwardPlan& plan) {
    // Only this module's servers make exchanges whose buffers can be shared; doubles are for
    // handlers' tests.
    if (typeid(exchange) != typeid(Connection)) return unsupported();
    auto& client = static_cast<Connection&>(exchange);
    return ForwardRun::execute(*pools_[client.shard()], options_, client, upstream, plan);
}

Task<ForwardResult> ForwarderImpl::send(const Upstream& upstream, const DirectRequest& request,
                                        DirectAnswer& answer) {
    const auto executor = co_await net::this_coro::executor;
    for (auto& pool : pools_) {
        if (pool->executor() != executor) continue;
        co_return co_await DirectRun::execute(*pool, options_, upstream, request, answer);
    }
    ForwardResult refused;
    refused.error.emplace(Errc::internal, "a request was sent from a thread that is no shard");
    co_return refused;
}

}  // namespace

std::unique_ptr<Forwarder> Forwarder::make(aio::Shards& shards, Options options,
                                           telemetry::Registry& metrics) {
    return std::make_unique<ForwarderImpl>(shards, options, metrics);
}

}  // namespace hearth::http
