#include "backend/kube_cluster_rest.hpp"

#include <boost/json/value.hpp>

#include <fmt/format.h>

#include "backend/kube_names.hpp"
#include "backend/kube_sidecars.hpp"
#include "hearth/base/ids.hpp"
#include "hearth/base/json_view.hpp"

namespace hearth::backend {
namespace {

namespace json = boost::json;
using base::object_at;
using base::text_at;
using base::texts_at;

constexpr std::uint64_t kLogBytes = 64 * 1024;
constexpr std::string_view kAutoscaling = "autoscaling/v2", kOldAutoscaling = "autoscaling/v2beta2";

std::string namespace_of(const json::object& object) {
    return text_at(object, "metadata.namespace");
}

std::string name_of(const json::object& object) {
    return text_at(object, "metadata.name");
}

/// A busy server is one that cannot be had now.
Error plain(Error error) {
    if (error.code == Errc::exhausted) error.code = Errc::unavailable;
    if (error.component.empty()) error.component = "kubernetes";
    return error;
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

Result<std::map<std::string, std::string>> data_of(const json::object& secret) {
    std::map<std::string, std::string> data;
    for (const auto& [key, value] : texts_at(secret, "data"))
        if (!base::base64_decode(value, data[key]))
            return Error(Errc::internal, "the Secret " + name_of(secret) + " is not base64");
    return data;
}

PodNews news_of(const kube::Notice& notice) {
    PodNews news;
    news.certain = notice.certain;
    if (notice.kind == kube::Notice::Kind::synced) {
        news.kind = PodNews::Kind::synced;
        return news;
    }
    news.kind =
        notice.kind == kube::Notice::Kind::deleted ? PodNews::Kind::absent : PodNews::Kind::present;
    if (auto view = read_pod(*notice.object)) news.pod = std::move(*view);
    return news;
}

}  // namespace

Error explain_refusal(const Error& error, const std::string& ns) {
    const auto& said = error.message;
    const auto refused = [&](Errc code, std::string message) {
        return Error(code, std::move(message), said, "kubernetes");
    };
    if (holds(said, "exceeded quota"))
        return refused(Errc::exhausted,
                       fmt::format("the quota of namespace {} is used up; raise it or "
                                   "keep fewer instances",
                                   ns));
    if (holds(said, "violates PodSecurity"))
        return refused(
            Errc::unsupported,
            fmt::format("PodSecurity of namespace {} refuses the pod; take out of the pod "
                        "settings what it names",
                        ns));
    if (holds(said, "admission webhook"))
        return refused(
            Errc::unsupported,
            fmt::format("an admission webhook of the cluster refuses the pod in namespace {}", ns));
    if (holds(said, "is forbidden") && (holds(said, "maximum") || holds(said, "minimum")) &&
        holds(said, "usage per"))
        return refused(Errc::unsupported,
                       fmt::format("a LimitRange of namespace {} refuses the pod's resources", ns));
    if (holds(said, "no PriorityClass with name"))
        return refused(Errc::unsupported,
                       "the priority class that the pod settings name does not exist");
    if (holds(said, "RuntimeClass"))
        return refused(Errc::unsupported,
                       "the runtime class that the pod settings name does not exist");
    if (error.code == Errc::not_found)
        return refused(Errc::unavailable,
                       fmt::format("the namespace {} does not exist; create it", ns));
    if (holds(said, "being terminated"))
        return refused(Errc::unavailable, fmt::format("the namespace {} is being deleted", ns));
    // A controller makes the account a moment after the namespace.
    if (holds(said, "looking up service account"))
        return refused(
            Errc::unavailable,
            fmt::format("the service account that pods in namespace {} run as does not exist; wait "
                        "a moment after the "
                        "namespace was made, else create the account that the pod settings name",
                        ns));
    if (error.code == Errc::forbidden)
        return refused(
            Errc::unavailable,
            fmt::format("the daemon's service account may not start pods in namespace {}; add "
                        "the right to its Role",
                        ns));
    if (error.code == Errc::invalid_argument)
        return refused(Errc::unsupported, "the Kubernetes API refuses the pod: " + said);
    return plain(error);
}

RestCluster::RestCluster(const KubernetesBackendOptions& options, kube::Client& client,
                         aio::Shards& shards, const base::Clock& clock, telemetry::Logger& log,
                         telemetry::Registry& metrics)
    : options_(options), client_(client) {
    kube::InformerOptions watched;
    watched.type = kube::kPods;
    watched.ns = options.fixed_namespace;
    watched.label_selector = kube_names::selector(options.installation);
    informer_ = kube::Informer::make(client, watched, shards, clock, log, metrics);
}

RestCluster::~RestCluster() = default;

/// As this server understands it.
Task<Result<json::object>> RestCluster::fitted(json::object pod_spec, Deadline deadline) {
    if (!has_sidecars(pod_spec)) co_return std::move(pod_spec);
    std::string known;
    {
        std::lock_guard lock(mutex_);
        known = version_;
    }
    if (known.empty()) {
        auto asked = co_await version(deadline);
        if (!asked) co_return asked.error();
        known = *asked;
        std::lock_guard lock(mutex_);
        version_ = known;
    }
    if (!knows_sidecars(known)) make_sidecars_plain(pod_spec);
    co_return std::move(pod_spec);
}

Task<Result<PodView>> RestCluster::create_pod(json::object pod, Deadline deadline) {
    const auto ns = namespace_of(pod);
    auto spec = co_await fitted(std::move(pod.at("spec").as_object()), deadline);
    if (!spec) co_return spec.error();
    pod["spec"] = std::move(*spec);
    auto made = co_await client_.create(kube::kPods, ns, std::move(pod), deadline);
    if (!made) co_return explain_refusal(made.error(), ns);
    auto view = backend::read_pod(*made);
    if (!view)
        co_return Error(Errc::io, "the Kubernetes API answered a pod without a name", {},
                        "kubernetes");
    co_return std::move(*view);
}

Task<Result<std::optional<PodView>>> RestCluster::read_pod(std::string ns, std::string name,
                                                           Deadline deadline) {
    using Read = std::optional<PodView>;
    auto got = co_await client_.get(kube::kPods, ns, name, deadline);
    if (!got && got.error().code == Errc::not_found) co_return Read();
    if (!got) co_return plain(got.error());
    co_return Read(backend::read_pod(*got));
}

Task<Result<void>> RestCluster::delete_pod(std::string ns, std::string name, std::string uid,
                                           std::int64_t grace_seconds, Deadline deadline) {
    kube::DeleteOptions options;
    options.uid = std::move(uid);
    options.grace_seconds = grace_seconds;
    auto done = co_await client_.remove(kube::kPods, ns, name, std::move(options), deadline);
    if (done) co_return Result<void>();
    const auto code = done.error().code;
    if (code == Errc::not_found || code == Errc::conflict) co_return Result<void>();
    co_return plain(done.error());
}

Task<Result<void>> RestCluster::patch_pod(std::string ns, std::string name, json::object patch,
                                          Deadline deadline) {
    kube::PatchOptions options;
    json::value body(std::move(patch));
    auto done = co_await client_.patch(kube::kPods, ns, name, std::move(body), std::move(options),
                                       deadline);
    if (done) co_return Result<void>();
    co_return plain(done.error());
}

Task<Result<std::string>> RestCluster::read_log(std::string ns, std::string name,
                                                std::string container, int lines,
                                                Deadline deadline) {
    kube::LogOptions options;
    options.container = std::move(container);
    options.tail_lines = lines;
    options.limit_bytes = kLogBytes;
    auto text = std::make_shared<std::string>();
    std::function<bool(std::string_view)> on_bytes = [text](std::string_view bytes) {
        text->append(bytes.substr(0, kLogBytes - text->size()));
        return text->size() < kLogBytes;
    };
    auto done = co_await client_.logs(ns, name, std::move(options), std::move(on_bytes), deadline);
    if (!done) co_return plain(done.error());
    co_return std::move(*text);
}

Task<Result<void>> RestCluster::follow_log(std::string ns, std::string name, std::string container,
                                           std::string since,
                                           std::function<void(std::string_view)> on_bytes) {
    kube::LogOptions options;
    options.container = std::move(container);
    options.follow = true;
    options.timestamps = true;
    options.since_time = std::move(since);
    std::function<bool(std::string_view)> sink = [on_bytes](std::string_view bytes) {
        on_bytes(bytes);
        return true;
    };
    const auto limit = Deadline::never();
    auto done = co_await client_.logs(ns, name, std::move(options), std::move(sink), limit);
    if (done) co_return Result<void>();
    co_return plain(done.error());
}

Task<Result<std::map<std::string, std::string>>> RestCluster::keep_secret(json::object secret,
                                                                          Deadline deadline) {
    const auto ns = namespace_of(secret), name = name_of(secret);
    auto made = co_await client_.create(kube::kSecrets, ns, std::move(secret), deadline);
    if (made) co_return data_of(*made);
    // Where the daemon may not make Secrets, somebody may have made this one for it.
    const auto code = made.error().code;
    if (code != Errc::already_exists && code != Errc::forbidden)
        co_return explain_refusal(made.error(), ns);
    auto got = co_await client_.get(kube::kSecrets, ns, name, deadline);
    if (got) co_return data_of(*got);
    if (code == Errc::forbidden)
        co_return Error(Errc::forbidden,
                        fmt::format("the daemon may not create the Secret {}/{}: {}", ns, name,
                                    made.error().message),
                        {}, "kubernetes");
    co_return plain(got.error());
}

Task<Result<std::string>> RestCluster::autoscaling_api(Deadline deadline) {
    {
        std::lock_guard lock(mutex_);
        if (!autoscaling_.empty()) co_return autoscaling_;
    }
    std::string api(kAutoscaling);
    auto found = co_await client_.discover(api, "HorizontalPodAutoscaler", deadline);
    if (!found && found.error().code == Errc::not_found) {
        api = kOldAutoscaling;
    } else if (!found) {
        co_return plain(found.error());
    }
    std::lock_guard lock(mutex_);
    autoscaling_ = api;
    co_return api;
}

Task<Result<kube::ResourceType>> RestCluster::type_of(ClusterKind kind, Deadline deadline) {
    switch (kind) {
        case ClusterKind::deployment:
            co_return kube::kDeployments;
        case ClusterKind::service:
            co_return kube::kServices;
        case ClusterKind::secret:
            co_return kube::kSecrets;
        case ClusterKind::autoscaler:
            break;
    }
    auto api = co_await autoscaling_api(deadline);
    if (!api) co_return api.error();
    kube::ResourceType type;
    type.group = "autoscaling";
    type.version = api->substr(api->find('/') + 1);
    type.plural = "horizontalpodautoscalers";
    type.kind = "HorizontalPodAutoscaler";
    co_return type;
}

Task<Result<json::object>> RestCluster::apply(ClusterKind kind, json::object object,
                                              Deadline deadline) {
    auto type = co_await type_of(kind, deadline);
    if (!type) co_return type.error();
    const auto ns = namespace_of(object), name = name_of(object);
    if (kind == ClusterKind::deployment) {
        auto& of = object.at("spec").at("template").at("spec").as_object();
        auto spec = co_await fitted(std::move(of), deadline);
        if (!spec) co_return spec.error();
        of = std::move(*spec);
    }
    kube::PatchOptions options;
    options.type = kube::PatchOptions::Type::apply;
    options.force = true;
    json::value body(std::move(object));
    auto done =
        co_await client_.patch(*type, ns, name, std::move(body), std::move(options), deadline);
    if (done) co_return done;
    co_return explain_refusal(done.error(), ns);
}

Task<Result<void>> RestCluster::remove(ClusterKind kind, std::string ns, std::string name,
                                       Deadline deadline) {
    auto type = co_await type_of(kind, deadline);
    if (!type) co_return type.error();
    kube::DeleteOptions options;
    options.propagation = "Background";
    auto done = co_await client_.remove(*type, ns, name, std::move(options), deadline);
    if (done || done.error().code == Errc::not_found) co_return Result<void>();
    co_return plain(done.error());
}

Task<Result<std::optional<WorkloadView>>> RestCluster::read_workload(std::string ns,
                                                                     std::string name,
                                                                     Deadline deadline) {
    using Read = std::optional<WorkloadView>;
    auto got = co_await client_.get(kube::kDeployments, ns, name, deadline);
    if (!got && got.error().code == Errc::not_found) co_return Read();
    if (!got) co_return plain(got.error());
    WorkloadView view;
    view.uid = text_at(*got, "metadata.uid");
    view.runtime_hash =
        texts_at(*got, "metadata.annotations")[std::string(kube_names::kRuntimeHash)];
    if (const auto* spec = object_at(*got, "spec"))
        if (const auto* replicas = spec->if_contains("replicas"); replicas && replicas->is_int64())
            view.replicas = static_cast<int>(replicas->get_int64());
    co_return Read(std::move(view));
}

Task<Result<std::optional<json::object>>> RestCluster::read_service(std::string ns,
                                                                    std::string name,
                                                                    Deadline deadline) {
    using Read = std::optional<json::object>;
    auto got = co_await client_.get(kube::kServices, ns, name, deadline);
    if (!got && got.error().code == Errc::not_found) co_return Read();
    if (!got) co_return plain(got.error());
    co_return Read(std::move(*got));
}

Task<Result<std::map<std::string, std::string>>> RestCluster::list_workloads(Deadline deadline) {
    kube::ListOptions options;
    options.label_selector = kube_names::selector(options_.installation);
    auto listed = co_await client_.list(kube::kDeployments, options_.fixed_namespace,
                                        std::move(options), deadline);
    if (!listed) co_return plain(listed.error());
    std::map<std::string, std::string> found;
    for (const auto& item : listed->items) {
        auto hash = texts_at(item, "metadata.annotations")[std::string(kube_names::kRuntimeHash)];
        // The daemon's own Deployment may carry the same labels.
        if (!hash.empty()) found[namespace_of(item) + "/" + name_of(item)] = std::move(hash);
    }
    co_return found;
}

Task<Result<void>> RestCluster::scale(std::string ns, std::string name, int replicas,
                                      Deadline deadline) {
    json::object spec, patch;
    spec["replicas"] = replicas;
    patch["spec"] = std::move(spec);
    kube::PatchOptions options;
    options.subresource = "scale";
    json::value body(std::move(patch));
    auto done = co_await client_.patch(kube::kDeployments, ns, name, std::move(body),
                                       std::move(options), deadline);
    if (done) co_return Result<void>();
    co_return plain(done.error());
}

void RestCluster::watch_pods(std::function<void(const PodNews&)> listener) {
    informer_->start([listener = std::move(listener)](const kube::Notice& notice) {
        const auto news = news_of(notice);
        if (news.kind == PodNews::Kind::synced || !news.pod.name.empty()) listener(news);
    });
}

bool RestCluster::watching() const {
    return informer_->connected();
}

Task<Result<std::string>> RestCluster::version(Deadline deadline) {
    auto version = co_await client_.version(deadline);
    if (!version) co_return plain(version.error());
    co_return version;
}

Task<Result<bool>> RestCluster::may(std::string verb, std::string resource, std::string ns,
                                    Deadline deadline) {
    json::object attributes, spec, review;
    const auto slash = resource.find('/');
    if (slash != std::string::npos) attributes["subresource"] = resource.substr(slash + 1);
    resource.resize(std::min(slash, resource.size()));
    const auto dot = resource.find('.');
    if (dot != std::string::npos) attributes["group"] = resource.substr(dot + 1);
    resource.resize(std::min(dot, resource.size()));
    attributes["resource"] = resource;
    attributes["verb"] = verb;
    if (!ns.empty()) attributes["namespace"] = ns;
    spec["resourceAttributes"] = std::move(attributes);
    review["apiVersion"] = "authorization.k8s.io/v1";
    review["kind"] = "SelfSubjectAccessReview";
    review["spec"] = std::move(spec);
    auto answer = co_await client_.create(kube::kAccessReviews, "", std::move(review), deadline);
    if (!answer) co_return plain(answer.error());
    const auto* status = object_at(*answer, "status");
    const auto* allowed = status != nullptr ? status->if_contains("allowed") : nullptr;
    co_return allowed != nullptr && allowed->is_bool() && allowed->get_bool();
}

Task<Result<std::optional<std::map<std::string, std::string>>>> RestCluster::namespace_labels(
    std::string ns, Deadline deadline) {
    using Read = std::optional<std::map<std::string, std::string>>;
    auto got = co_await client_.get(kube::kNamespaces, "", ns, deadline);
    if (!got && got.error().code == Errc::not_found) co_return Read();
    if (!got) co_return plain(got.error());
    co_return Read(texts_at(*got, "metadata.labels"));
}

void RestCluster::stop() {
    informer_->stop();
}

}  // namespace hearth::backend
