#include <fmt/format.h>

#include "backend/kube_backend.hpp"
#include "backend/kube_names.hpp"
#include "backend/kube_tasks.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

constexpr std::size_t kSuffixBytes = 4;
constexpr std::chrono::milliseconds kFirstPause{3}, kLongestPause{50};
/// How long one question waits; between two of them the pod's own state is looked at.
constexpr std::chrono::milliseconds kOneWait{1'000};
constexpr std::chrono::milliseconds kOneAnswer{2'000};
constexpr std::chrono::seconds kReadOutput{2};
constexpr int kOutputLines = 40;

PodOrigin origin_of_runtime(const PodFactory& factory, const Runtime& runtime) {
    PodOrigin origin;
    origin.runtime_hash = runtime.hash;
    origin.environment_ns = runtime.environment.ns;
    origin.environment = runtime.environment.name;
    origin.contract = runtime.spec.version;
    const auto* traits = factory.traits_of(factory.image_of(runtime));
    origin.env_at_load = traits != nullptr && traits->env_at_load;
    origin.port = factory.port_of(runtime);
    return origin;
}

}  // namespace

Task<Result<Instance>> KubernetesBackend::start_pod(Runtime runtime, Deadline deadline) {
    if (book_.size() >= options_.max_pods)
        co_return Error(
            Errc::exhausted,
            fmt::format("there are {} pods, which is the most this installation may have "
                        "(kubernetes.limits.maxPods)",
                        options_.max_pods),
            {}, "backend");
    const auto ns = factory_.namespace_of(runtime);
    auto token = co_await secrets_.token(ns, deadline);
    if (!token) co_return token.error();
    auto kept = co_await secrets_.keep_variables(runtime, deadline);
    if (!kept) co_return kept.error();
    const auto name =
        kube_names::object_name(runtime.environment.name, base::random_hex(kSuffixBytes));
    auto object = factory_.pod(runtime, name);
    if (!object) co_return object.error();
    auto entry = book_.add(ns, name, origin_of_runtime(factory_, runtime));
    auto created = co_await create(entry, std::move(*object), deadline);
    if (!created) {
        // Whether an unanswered order was carried out is found out by reading.
        dispose(entry, 0);
        co_return created.error();
    }
    auto proven = co_await prove(entry, deadline);
    Result<void> reached;
    if (proven && options_.istio) reached = co_await give_service(entry, deadline);
    if (!proven || !reached) {
        Error error = proven ? reached.error() : proven.error();
        error = co_await with_output(entry, std::move(error));
        dispose(entry, 0);
        co_return error;
    }
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage == Stage::starting) entry->stage = Stage::held;
    }
    co_return describe(*entry);
}

Task<Result<void>> KubernetesBackend::create(PodEntryPtr entry, boost::json::object pod,
                                             Deadline deadline) {
    auto made = co_await cluster_->create_pod(std::move(pod), deadline);
    if (!made) co_return made.error();
    metrics_.pods_created.add();
    std::lock_guard lock(entry->mutex);
    // The watch may have told of it, or of its end, before this answer came.
    if (entry->uid.empty()) entry->uid = made->uid;
    if (entry->view.name.empty()) entry->view = std::move(*made);
    co_return Result<void>();
}

std::optional<Error> KubernetesBackend::start_fault(const PodEntry& entry) const {
    std::lock_guard lock(entry.mutex);
    if (entry.stage == Stage::over || entry.gone || entry.stage == Stage::stopping)
        return Error(Errc::unavailable, "pod " + entry.key() + " was deleted while it started", {},
                     "instance");
    if (entry.view.name.empty()) return std::nullopt;
    auto verdict = judge(entry.view);
    if (verdict.state == PodVerdict::State::over)
        return Error(Errc::unavailable,
                     fmt::format("pod {} ended while it started: {}", entry.key(), verdict.why), {},
                     "instance");
    return verdict.hopeless;
}

Task<Result<void>> KubernetesBackend::wait_addressed(PodEntryPtr entry, Deadline deadline) {
    const auto executor = co_await aio::net::this_coro::executor;
    for (;;) {
        const auto waiter = register_waiter(*entry, executor);
        if (auto fault = start_fault(*entry)) co_return std::move(*fault);
        std::string waits;
        {
            std::lock_guard lock(entry->mutex);
            if (judge(entry->view).state == PodVerdict::State::addressed) co_return Result<void>();
            waits = waiting_for(entry->view);
        }
        const auto woken = co_await waiter->wait(deadline);
        if (woken) continue;
        if (!deadline.passed()) co_return Error(Errc::cancelled, "the start was cancelled");
        {
            std::lock_guard lock(entry->mutex);
            waits = waiting_for(entry->view);
        }
        co_return Error(Errc::deadline_exceeded,
                        fmt::format("pod {} did not start in time: {}", entry->key(), waits), {},
                        "kubernetes");
    }
}

Task<Result<RunnerAddress>> KubernetesBackend::runner_of(PodEntryPtr entry, Deadline deadline) {
    RunnerAddress runner;
    runner.token = secrets_.known_token(entry->ns);
    if (runner.token.empty()) {
        auto token = co_await secrets_.token(entry->ns, deadline);
        if (!token) co_return token.error();
        runner.token = std::move(*token);
    }
    std::lock_guard lock(entry->mutex);
    runner.endpoint.host = entry->view.ip;
    runner.endpoint.port = kRunnerPort;
    co_return runner;
}

Task<Result<RunnerState>> KubernetesBackend::wait_ready(PodEntryPtr entry, Deadline deadline) {
    auto pause = kFirstPause;
    Error last(Errc::deadline_exceeded, "nobody asked it");
    bool asked = false;
    for (;;) {
        if (auto fault = start_fault(*entry)) co_return std::move(*fault);
        auto runner = co_await runner_of(entry, deadline);
        if (!runner) co_return runner.error();
        const auto wait = std::min<std::chrono::milliseconds>(
            kOneWait, std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left()));
        const auto limit = deadline.sooner(Deadline::after(wait + kOneAnswer));
        auto state = co_await runner_state(std::move(*runner), wait, limit);
        std::string uid;
        {
            std::lock_guard lock(entry->mutex);
            uid = entry->uid;
        }
        if (state && state->pod_uid == uid && state->environment_ready) co_return state;
        if (!state && state.error().code == Errc::cancelled) co_return state.error();
        if (!state && state.error().code == Errc::forbidden)
            co_return Error(Errc::unavailable, state.error().message, state.error().detail,
                            "instance");
        if (!state) {
            // What was cut off by the deadline says less than the answer before it.
            if (!deadline.passed() || !asked) last = state.error();
        } else if (state->pod_uid != uid) {
            last = Error(Errc::unavailable, "its address is another pod's: " + state->pod_name);
        } else {
            last = Error(Errc::unavailable, "its environment does not answer");
        }
        asked = true;
        if (deadline.passed())
            co_return Error(
                Errc::deadline_exceeded,
                fmt::format("pod {} did not answer in time: {}", entry->key(), last.message),
                last.detail, "instance");
        // A runner that was asked to wait has waited itself.
        const auto next = deadline.sooner(Deadline::after(state ? kFirstPause : pause));
        if (!co_await pause_until(next))
            co_return Error(Errc::cancelled, "the start was cancelled");
        pause = std::min(pause * 2, kLongestPause);
    }
}

Task<Result<RunnerState>> KubernetesBackend::prove(PodEntryPtr entry, Deadline deadline) {
    auto addressed = co_await wait_addressed(entry, deadline);
    if (!addressed) co_return addressed.error();
    co_return co_await wait_ready(entry, deadline);
}

Task<Error> KubernetesBackend::with_output(PodEntryPtr entry, Error error) {
    if (error.code == Errc::cancelled || !error.detail.empty() || closing_) co_return error;
    bool ran = false;
    {
        std::lock_guard lock(entry->mutex);
        ran = entry->view.environment.running || entry->view.environment.terminated ||
              entry->view.environment.restarts > 0;
    }
    if (!ran) co_return error;
    const auto limit = Deadline::after(kReadOutput);
    auto text = co_await cluster_->read_log(entry->ns, entry->name,
                                            std::string(kube_names::kEnvironmentContainer),
                                            kOutputLines, limit);
    if (text) error.detail = std::move(*text);
    co_return error;
}

}  // namespace hearth::backend
