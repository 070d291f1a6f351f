#include <boost/json/object.hpp>

#include <fmt/format.h>

#include "backend/kube_backend.hpp"
#include "backend/kube_names.hpp"
#include "backend/kube_tasks.hpp"
#include "hearth/base/ids.hpp"

namespace hearth::backend {
namespace {

/// The kubelet tells of an ended container about a second after it.
constexpr std::chrono::milliseconds kExplain{2'500};
/// What follows a load gives way to the call that waited for it.
constexpr std::chrono::milliseconds kGiveWay{100};
constexpr std::chrono::seconds kPatch{15};
/// Where pods may not speak to each other, trying it costs each load half a second.
constexpr std::chrono::minutes kWithoutPeers{5};
constexpr std::chrono::milliseconds kFirstPause{100}, kLongestPause{30'000};

/// A name for code whose order carries none, as code that is loaded only to be tried.
std::string identity_of(const LoadRequest& request) {
    return request.identity.empty()
               ? base::sha256_hex(request.function.uid + "\n" + request.digest + "\n" +
                                  std::to_string(request.function.generation))
               : request.identity;
}

}  // namespace

Task<Result<void>> KubernetesBackend::load(std::uint64_t id, LoadRequest request,
                                           Deadline deadline) {
    const auto begun = std::chrono::steady_clock::now();
    const auto entry = book_.find(id);
    if (!entry)
        co_return Error(Errc::unavailable, "the instance to load code into is gone", {},
                        "instance");
    request.identity = identity_of(request);
    auto wanted = std::make_shared<LoadRequest>(std::move(request));
    {
        std::lock_guard lock(entry->mutex);
        if (entry->stage != Stage::held)
            co_return Error(Errc::unavailable, "the instance to load code into is gone", {},
                            "instance");
        const bool other = entry->load_begun && entry->identity != wanted->identity;
        if (other && !entry->origin.workload.empty()) {
            entry->stale = true;
            co_return Error(Errc::unavailable,
                            entry->key() + " holds code of an earlier state of the function", {},
                            "instance");
        }
        if (other)
            co_return Error(Errc::internal, entry->key() + " already has code", {}, "backend");
        entry->load_begun = true;
        entry->digest = wanted->digest;
        entry->identity = wanted->identity;
        entry->function_ns = wanted->function.ns;
        entry->function = wanted->function.name;
        entry->function_uid = wanted->function.uid;
    }
    auto pushed = co_await push(entry, wanted, deadline);
    if (!pushed) co_return co_await explain_load(entry, pushed.error());
    if (options_.istio && !entry->origin.workload.empty()) {
        auto reached = co_await wait_reachable(entry, deadline);
        if (!reached) co_return reached.error();
    }
    metrics_.load_seconds.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    after_load(entry);
    co_return Result<void>();
}

Task<Result<void>> KubernetesBackend::push(PodEntryPtr entry, std::shared_ptr<LoadRequest> request,
                                           Deadline deadline) {
    auto archive = co_await archives_.get(request->digest, request->code_path);
    if (!archive) co_return archive.error();
    auto runner = co_await runner_of(entry, deadline);
    if (!runner) co_return runner.error();
    RunnerLoad how;
    how.contract = entry->origin.contract;
    how.send_env = entry->origin.env_at_load;
    how.limit = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left());
    how.limit = std::clamp<std::chrono::milliseconds>(how.limit, std::chrono::milliseconds(1),
                                                      std::chrono::hours(1));
    const auto function = model::qualified(request->function);
    const auto bytes = archive->plan->bytes;
    std::string node;
    {
        std::lock_guard lock(entry->mutex);
        node = entry->view.node;
    }
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const bool large = options_.peer_above_bytes != 0 && bytes > options_.peer_above_bytes &&
                       now >= std::chrono::nanoseconds(no_peers_before_.load());
    const auto peer =
        large ? book_.with_archive(entry->ns, node, request->digest, entry->id) : nullptr;
    if (peer) {
        how.archive = RunnerLoad::Archive::peer;
        {
            std::lock_guard lock(peer->mutex);
            how.peer = fmt::format("{}:{}", peer->view.ip, kRunnerPort);
        }
        auto line = load_line(*request, how, archive->plan->file);
        PackedArchive nothing;
        auto asked =
            co_await runner_load(*runner, function, std::move(line), std::move(nothing), deadline);
        if (asked) metrics_.archives_from_peer.add();
        if (asked || asked.error().code != Errc::io) co_return asked;
        no_peers_before_ = std::chrono::nanoseconds(now + kWithoutPeers).count();
        how.archive = RunnerLoad::Archive::sent;
    }
    metrics_.archives_sent.add();
    metrics_.archive_bytes_sent.add(bytes);
    auto line = load_line(*request, how, archive->plan->file);
    co_return co_await runner_load(std::move(*runner), function, std::move(line),
                                   std::move(*archive), deadline);
}

/// What is known of the pod says more than a broken connection.
Task<Error> KubernetesBackend::explain_load(PodEntryPtr entry, Error error) {
    const bool broken = error.code == Errc::unavailable || error.code == Errc::io;
    if (error.code == Errc::no_space || error.code == Errc::invalid_argument) {
        // Of this package in this pod; another one would fare no better.
        error.code = Errc::function_failed;
        error.component = "function";
    }
    if (error.code == Errc::not_found) error.code = Errc::unavailable;
    if (!broken || closing_) co_return error;
    const auto executor = co_await aio::net::this_coro::executor;
    const auto limit = Deadline::after(kExplain);
    for (;;) {
        const auto waiter = register_waiter(*entry, executor);
        PodVerdict verdict;
        std::shared_ptr<PodOutput> output;
        {
            std::lock_guard lock(entry->mutex);
            verdict = judge(entry->view);
            output = entry->output;
        }
        if (verdict.state == PodVerdict::State::over) {
            error.message =
                fmt::format("the instance ended while it loaded the code: {}", verdict.why);
            if (verdict.cause == InstanceExit::Cause::out_of_memory)
                error.message += " (raise the memory limit)";
            break;
        }
        const auto woken = co_await waiter->wait(limit);
        if (!woken) break;
    }
    error.code = Errc::unavailable;
    error = co_await with_output(entry, std::move(error));
    co_return error;
}

void KubernetesBackend::after_load(const PodEntryPtr& entry) {
    spawn("label a pod", patch_labels(entry));
    spawn("read an instance's output", follow_output(entry));
}

Task<void> KubernetesBackend::patch_labels(PodEntryPtr entry) {
    using namespace kube_names;
    const auto later = Deadline::after(kGiveWay);
    if (!co_await pause_until(later)) co_return;
    boost::json::object labels, metadata, patch;
    {
        std::lock_guard lock(entry->mutex);
        labels[kFunction] = label_value(entry->function);
        labels[kFunctionNs] = label_value(entry->function_ns);
        labels[kIdentity] = short_hash(entry->identity);
        if (!entry->function_uid.empty()) labels[kFunctionUid] = label_value(entry->function_uid);
        metadata["uid"] = entry->uid;
    }
    metadata["labels"] = std::move(labels);
    patch["metadata"] = std::move(metadata);
    auto pause = kFirstPause;
    for (;;) {
        {
            std::lock_guard lock(entry->mutex);
            if (entry->stage != Stage::held || entry->gone) co_return;
        }
        const auto limit = Deadline::after(kPatch);
        auto copy = patch;
        auto done = co_await cluster_->patch_pod(entry->ns, entry->name, std::move(copy), limit);
        if (done) {
            metrics_.label_patches.add();
            co_return;
        }
        metrics_.label_patches_failed.add();
        const auto code = done.error().code;
        // Of no use to repeat; after an outage of the API the labels come late.
        if (code == Errc::not_found || code == Errc::conflict || code == Errc::forbidden) co_return;
        const auto next = Deadline::after(pause);
        if (!co_await pause_until(next)) co_return;
        pause = std::min(pause * 4, kLongestPause);
    }
}

Task<void> KubernetesBackend::follow_output(PodEntryPtr entry) {
    std::shared_ptr<PodOutput> output;
    {
        std::lock_guard lock(entry->mutex);
        if (entry->output) co_return;
        output = std::make_shared<PodOutput>(function_log_, entry->name);
        output->set_function(entry->function_ns, entry->function);
        entry->output = output;
        // Of a pod that was found loaded the earlier lines were kept when they were written.
        if (entry->adopted) output->skip_past(std::chrono::system_clock::now());
    }
    const auto later = Deadline::after(kGiveWay);
    if (!co_await pause_until(later)) co_return;
    if (followers_.fetch_add(1) >= options_.max_log_followers) {
        followers_.fetch_sub(1);
        metrics_.followers_refused.add();
        co_return;
    }
    metrics_.followers.add(1);
    auto pause = kFirstPause;
    const auto on_bytes = [output](std::string_view bytes) { output->feed(bytes); };
    for (bool on = true; on;) {
        output->begin();
        std::function<void(std::string_view)> sink = on_bytes;
        auto done = co_await cluster_->follow_log(entry->ns, entry->name,
                                                  std::string(kube_names::kEnvironmentContainer),
                                                  output->resume_time(), std::move(sink));
        output->end();
        {
            std::lock_guard lock(entry->mutex);
            on = entry->stage == Stage::held && !entry->gone;
        }
        if (!on || (!done && done.error().code == Errc::forbidden)) break;
        const auto next = Deadline::after(pause);
        if (!co_await pause_until(next)) break;
        pause = std::min(pause * 2, kLongestPause);
    }
    metrics_.followers.add(-1);
    followers_.fetch_sub(1);
}

}  // namespace hearth::backend
