#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include "backend/kube_backend.hpp"
#include "backend/kube_tasks.hpp"
#include "hearth/base/json_view.hpp"
#include "hearth/http/client.hpp"

namespace hearth::backend {
namespace {

constexpr std::chrono::seconds kOneTry{2};
constexpr std::chrono::milliseconds kFirstPause{5}, kLongestPause{100};
constexpr int kNoEndpoint = 503;

}  // namespace

/// With a mesh, requests go to a Service: its sidecars know no other address.
Task<Result<void>> KubernetesBackend::give_service(PodEntryPtr entry, Deadline deadline) {
    std::string uid;
    {
        std::lock_guard lock(entry->mutex);
        uid = entry->uid;
    }
    auto object = factory_.pod_service(entry->ns, entry->name, uid, entry->origin.port);
    auto applied = co_await cluster_->apply(ClusterKind::service, std::move(object), deadline);
    if (!applied) co_return applied.error();
    note_service(*entry, entry->name, *applied);
    co_return co_await wait_reachable(entry, deadline);
}

void KubernetesBackend::note_service(PodEntry& entry, const std::string& name,
                                     const boost::json::object& service) const {
    std::lock_guard lock(entry.mutex);
    entry.service_ip = base::text_at(service, "spec.clusterIP");
    entry.service_host = fmt::format("{}.{}.svc.{}", name, entry.ns, options_.cluster_domain);
}

/// A Service leads to its pods some time after they are ready.
Task<Result<void>> KubernetesBackend::wait_reachable(PodEntryPtr entry, Deadline deadline) {
    auto pause = kFirstPause;
    for (;;) {
        if (auto fault = start_fault(*entry)) co_return std::move(*fault);
        http::Endpoint service;
        http::ClientRequest request;
        request.target = "/healthz";
        {
            std::lock_guard lock(entry->mutex);
            if (entry->service_ip.empty()) co_return Result<void>();
            service.host = entry->service_ip;
            request.host = entry->service_host;
        }
        service.port = kServicePort;
        const auto once = deadline.sooner(Deadline::after(kOneTry));
        auto answer = co_await http::fetch(service, std::move(request), once);
        if (answer && answer->status != kNoEndpoint) co_return Result<void>();
        const auto next = deadline.sooner(Deadline::after(pause));
        if (deadline.passed())
            co_return Error(
                Errc::deadline_exceeded,
                fmt::format("the Service of pod {} did not lead to it in time", entry->key()), {},
                "kubernetes");
        if (!co_await pause_until(next))
            co_return Error(Errc::cancelled, "the start was cancelled");
        pause = std::min(pause * 2, kLongestPause);
    }
}

}  // namespace hearth::backend
