#include "backend/kube_builder.hpp"

#include <fmt/format.h>

#include "backend/kube_build_pod.hpp"
#include "backend/kube_names.hpp"
#include "backend/kube_runner_client.hpp"
#include "backend/kube_tasks.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSuffixBytes = 4, kTokenBytes = 32;
constexpr std::chrono::seconds kOneRequest{10}, kOneAnswer{2};
constexpr std::chrono::milliseconds kFirstPause{5}, kLongestPause{250};
/// The agent says something every five seconds, once it has the source.
constexpr std::chrono::seconds kSilence{60};
/// So long after its build and its start could have ended a pod ends without anybody's help.
constexpr std::chrono::minutes kLeftAlone{5};
constexpr std::chrono::seconds kGone{10};

Error cancelled() {
    return Error(Errc::cancelled, "the build was cancelled", {}, "build");
}

std::string stem_of(const std::string& package) {
    return "build-" + package.substr(package.find('/') + 1);
}

std::chrono::seconds life_of(Deadline deadline, std::chrono::milliseconds start) {
    using std::chrono::seconds;
    const auto build =
        std::min<std::chrono::steady_clock::duration>(deadline.left(), std::chrono::hours(24));
    return std::chrono::ceil<seconds>(build) + std::chrono::ceil<seconds>(start) + kLeftAlone;
}

BuildWords words_of(const BuildOrder& order, const KubernetesBackendOptions& options) {
    BuildWords words;
    words.command = fmt::format("{}", fmt::join(build_words(order), " "));
    words.image = order.spec.builder.image;
    words.memory_bytes = build_memory(order, options);
    return words;
}

RunnerAddress address_of(const KubeBuild& build) {
    RunnerAddress address;
    address.token = build.token;
    std::lock_guard lock(build.entry->mutex);
    address.endpoint.host = build.entry->view.ip;
    address.endpoint.port = kRunnerPort;
    return address;
}

Error lost(const KubeBuild& build, const PodVerdict& verdict) {
    if (verdict.cause == InstanceExit::Cause::out_of_memory) {
        BuildEnd end;
        end.outcome = "signalled";
        end.out_of_memory = true;
        return *build_fault(end, build.words);
    }
    if (verdict.why.find("ephemeral local storage usage exceeds") != std::string::npos)
        return Error(Errc::too_large,
                     fmt::format("the build has outgrown its disk ({}); build.scratchSize in "
                                 "hearth.yaml or the Environment's "
                                 "spec.builder.container.resources.limits.ephemeral-storage raises "
                                 "it",
                                 verdict.why),
                     {}, "build");
    return Error(Errc::unavailable,
                 fmt::format("the builder pod {} ended: {}", build.entry->key(), verdict.why), {},
                 "kubernetes");
}

/// What ends a build before its time.
std::optional<Error> fault_of(const KubeBuild& build) {
    if (build.order.stop.stop_requested()) return cancelled();
    std::lock_guard lock(build.entry->mutex);
    if (build.entry->gone)
        return Error(Errc::unavailable,
                     "the builder pod " + build.entry->key() + " was deleted while it built", {},
                     "kubernetes");
    if (build.entry->view.name.empty()) return std::nullopt;
    auto verdict = judge(build.entry->view);
    if (verdict.state == PodVerdict::State::over) return lost(build, verdict);
    return verdict.hopeless;
}

Error overdue(const KubeBuild& build) {
    if (build.deadline.passed())
        return Error(Errc::deadline_exceeded,
                     fmt::format("the build command `{}` did not end in time", build.words.command),
                     {}, "build");
    return Error(Errc::unavailable,
                 fmt::format("the builder pod {} has not been heard of for {} s",
                             build.entry->key(), kSilence.count()),
                 {}, "kubernetes");
}

}  // namespace

KubeBuilder::KubeBuilder(const KubernetesBackendOptions& options, const PodFactory& factory,
                         Cluster& cluster, ArchiveCache& archives, telemetry::Logger& log,
                         Hooks hooks)
    : options_(options),
      factory_(factory),
      cluster_(cluster),
      archives_(archives),
      log_(log),
      hooks_(std::move(hooks)) {
    std::error_code ec;
    fs::remove_all(options_.builds.folder, ec);
}

KubeBuilder::~KubeBuilder() = default;

Result<void> KubeBuilder::check(const model::EnvironmentSpec& spec) const {
    if (!spec.builder.image.empty()) return {};
    return Error(Errc::unsupported,
                 "spec.builder.image is missing: the image whose pods build packages of this "
                 "environment",
                 {}, "kubernetes");
}

bool KubeBuilder::is_build(const PodView& pod) {
    return pod.label(kube_names::kKind) == kube_names::kBuildKind;
}

void KubeBuilder::on_news(const PodNews& news) {
    const bool present = news.kind == PodNews::Kind::present;
    PodEntryPtr entry;
    {
        std::lock_guard lock(mutex_);
        const auto it = pods_.find(news.pod.key());
        if (it != pods_.end()) entry = it->second;
        // Not before: news of a pod that was just deleted may still be on its way.
        if (entry && !present && news.certain) pods_.erase(it);
    }
    if (!entry) {
        if (present && !news.pod.deleting)
            hooks_.spawn("remove a builder pod that was left", remove_orphan(news.pod));
        return;
    }
    {
        std::lock_guard lock(entry->mutex);
        if (present) {
            entry->view = news.pod;
            if (entry->uid.empty()) entry->uid = news.pod.uid;
        } else if (news.certain) {
            entry->gone = true;
        }
    }
    wake(*entry);
}

Task<Result<BuildOutput>> KubeBuilder::build(BuildOrder order, LineSink sink, Deadline deadline) {
    if (auto fit = check(order.spec); fit.has_error()) co_return fit.error();
    hooks_.begin_watching();
    const auto& fixed = options_.fixed_namespace;
    const auto ns = fixed.empty() ? order.environment.ns : fixed;
    const auto name = kube_names::object_name(stem_of(order.name), base::random_hex(kSuffixBytes));
    auto entry = std::make_shared<PodEntry>(0, ns, name, PodOrigin());
    {
        std::lock_guard lock(mutex_);
        pods_[entry->key()] = entry;
    }
    auto words = words_of(order, options_);
    auto build = std::make_shared<KubeBuild>(std::move(order), std::move(sink), deadline, entry,
                                             options_.builds.folder / name, std::move(words));
    std::stop_callback on_stop(build->order.stop, [entry] { wake(*entry); });
    auto outcome = co_await carry_out(build);
    if (!outcome && !outcome.error().detail.empty()) build->say(outcome.error().detail);
    build->abandon();
    co_await end_pod(std::move(entry));
    co_return outcome;
}

Task<Result<BuildOutput>> KubeBuilder::carry_out(KubeBuildPtr build) {
    auto source = co_await archives_.get(build->order.source_digest, build->order.source.string());
    if (!source) co_return source.error();
    auto started = co_await start_pod(build);
    if (!started) co_return started.error();
    build->say("hearth: building in pod " + build->entry->key() + ", image " + build->words.image);
    const auto limit = Deadline::after(options_.start_timeout).sooner(build->deadline);
    auto addressed = co_await wait_addressed(build, limit);
    if (!addressed) co_return addressed.error();
    auto answers = co_await wait_agent(build, limit);
    if (!answers) co_return answers.error();
    build->begin();
    hooks_.spawn("build in a pod", exchange(build, std::move(*source)));
    auto told = co_await wait_told(build);
    if (!told) co_return told.error();
    co_return build->output();
}

Task<Result<void>> KubeBuilder::start_pod(KubeBuildPtr build) {
    const auto& entry = *build->entry;
    const auto life = life_of(build->deadline, options_.start_timeout);
    auto pod = build_pod(factory_, options_, build->order, entry.ns, entry.name, life);
    if (!pod) co_return pod.error();
    const auto limit = Deadline::after(kOneRequest).sooner(build->deadline);
    auto made = co_await cluster_.create_pod(std::move(*pod), limit);
    if (!made) co_return made.error();
    {
        std::lock_guard lock(build->entry->mutex);
        build->entry->uid = made->uid;
    }
    // After the pod, which waits for it: so the cluster itself removes it with the pod.
    build->token = base::random_hex(kTokenBytes);
    auto secret = build_token(factory_, entry.ns, entry.name, made->uid, build->token);
    auto kept = co_await cluster_.keep_secret(std::move(secret), limit);
    if (!kept) co_return kept.error();
    co_return Result<void>();
}

Task<Result<void>> KubeBuilder::wait_addressed(KubeBuildPtr build, Deadline limit) {
    const auto executor = co_await aio::net::this_coro::executor;
    for (;;) {
        const auto waiter = register_waiter(*build->entry, executor);
        if (auto fault = fault_of(*build)) co_return std::move(*fault);
        std::string waits;
        {
            std::lock_guard lock(build->entry->mutex);
            const auto& view = build->entry->view;
            if (judge(view).state == PodVerdict::State::addressed) co_return Result<void>();
            waits = waiting_for(view);
        }
        const auto woken = co_await waiter->wait(limit);
        if (woken) continue;
        if (!limit.passed()) co_return cancelled();
        co_return Error(
            Errc::unavailable,
            fmt::format("the builder pod {} did not start in time: {}", build->entry->key(), waits),
            {}, "kubernetes");
    }
}

Task<Result<void>> KubeBuilder::wait_agent(KubeBuildPtr build, Deadline limit) {
    auto pause = kFirstPause;
    std::string why = "its address is another pod's";
    for (;;) {
        if (auto fault = fault_of(*build)) co_return std::move(*fault);
        const auto once = limit.sooner(Deadline::after(kOneAnswer));
        auto address = address_of(*build);
        auto state = co_await runner_state(std::move(address), std::chrono::milliseconds(0), once);
        if (!state) why = state.error().message;
        {
            std::lock_guard lock(build->entry->mutex);
            if (state && state->pod_uid == build->entry->uid) co_return Result<void>();
        }
        if (limit.passed())
            co_return Error(
                Errc::unavailable,
                fmt::format("the agent in the builder pod {} did not answer in time: {}",
                            build->entry->key(), why),
                {}, "runner");
        const auto next = limit.sooner(Deadline::after(pause));
        if (!co_await pause_until(next)) co_return cancelled();
        pause = std::min(pause * 2, kLongestPause);
    }
}

Task<void> KubeBuilder::exchange(KubeBuildPtr build, PackedArchive source) {
    // The client's waits know cancellation as an exception alone; nobody waits for this task then.
    co_await aio::net::this_coro::throw_if_cancelled(true);
    auto address = address_of(*build);
    auto sent = co_await send_build(build, std::move(address), std::move(source));
    build->tell(std::move(sent));
    wake(*build->entry);
}

/// Waits until the exchange has ended, or there is no point in waiting for it.
Task<Result<void>> KubeBuilder::wait_told(KubeBuildPtr build) {
    const auto executor = co_await aio::net::this_coro::executor;
    for (;;) {
        const auto waiter = register_waiter(*build->entry, executor);
        if (auto done = build->outcome()) co_return std::move(*done);
        auto fault = fault_of(*build);
        if (fault && fault->code != Errc::cancelled) co_await last_words(build);
        if (auto done = build->outcome(); done && fault) co_return std::move(*done);
        const Deadline silent(build->heard() + kSilence);
        const auto limit = silent.sooner(build->deadline);
        if (!fault && limit.passed()) fault = overdue(*build);
        if (fault) co_return std::move(*fault);
        const auto woken = co_await waiter->wait(limit);
        if (!woken && !limit.passed()) co_return cancelled();
    }
}

/// What an agent said before its pod ended may still be on the way: it says more than the pod's
/// end.
Task<void> KubeBuilder::last_words(KubeBuildPtr build) {
    const auto executor = co_await aio::net::this_coro::executor;
    const auto limit = Deadline::after(kOneAnswer);
    for (bool waits = true; waits;) {
        const auto waiter = register_waiter(*build->entry, executor);
        if (build->outcome()) co_return;
        const auto woken = co_await waiter->wait(limit);
        waits = woken.has_value();
    }
}

/// Sees to it that nothing of the pod goes on running, and waits for that a while.
Task<void> KubeBuilder::end_pod(PodEntryPtr entry) {
    hooks_.spawn("remove a builder pod", remove(entry));
    const auto executor = co_await aio::net::this_coro::executor;
    const auto limit = Deadline::after(kGone);
    for (bool waits = true; waits;) {
        const auto waiter = register_waiter(*entry, executor);
        {
            std::lock_guard lock(entry->mutex);
            if (entry->gone) break;
        }
        const auto woken = co_await waiter->wait(limit);
        waits = woken.has_value();
    }
}

Task<void> KubeBuilder::remove(PodEntryPtr entry) {
    auto pause = kFirstPause;
    for (;;) {
        const auto limit = Deadline::after(kOneRequest);
        auto there = co_await cluster_.read_pod(entry->ns, entry->name, limit);
        if (there && !there->has_value()) {
            std::lock_guard lock(mutex_);
            pods_.erase(entry->key());
            break;
        }
        if (there) {
            auto deleted =
                co_await cluster_.delete_pod(entry->ns, entry->name, (*there)->uid, 0, limit);
            if (deleted) break;
        }
        const auto next = Deadline::after(pause);
        if (!co_await pause_until(next)) co_return;
        pause = std::min(pause * 2, kLongestPause * 40);
    }
    {
        std::lock_guard lock(entry->mutex);
        entry->gone = true;
    }
    wake(*entry);
}

Task<void> KubeBuilder::remove_orphan(PodView pod) {
    log_.log(telemetry::Level::info, "backend", "a builder pod of an earlier daemon is removed",
             {{telemetry::kInstance, pod.key()}});
    auto entry = std::make_shared<PodEntry>(0, pod.ns, pod.name, PodOrigin());
    co_await remove(std::move(entry));
}

}  // namespace hearth::backend
