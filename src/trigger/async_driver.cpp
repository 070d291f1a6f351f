#include "trigger/async_driver.hpp"

#include "hearth/base/ids.hpp"

namespace hearth::trigger {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestNap{60'000};
constexpr milliseconds kRetention{30'000};
constexpr milliseconds kRetryStore{1'000};
constexpr milliseconds kLagEach{1'000};  // it is asked of all lanes
constexpr int kAddressAtOnce = 10;

}  // namespace

AsyncMetrics::AsyncMetrics(telemetry::Registry& registry)
    : accepted(registry.counter("hearth_async_accepted_total", "Calls accepted into the queue.")),
      attempts(registry.counter("hearth_async_attempts_total", "Attempts at queued calls.")),
      succeeded(registry.counter("hearth_async_succeeded_total", "Queued calls that succeeded.")),
      failed(
          registry.counter("hearth_async_failed_total", "Queued calls that became dead letters.")),
      retried(registry.counter("hearth_async_retried_total",
                               "Attempts that failed and are made again.")),
      waiting(registry.gauge("hearth_async_waiting", "Queued calls that wait.")),
      running(registry.gauge("hearth_async_running", "Queued calls under way.")),
      lag(registry.gauge("hearth_async_lag_milliseconds",
                         "How long the oldest call that could run has waited for a place.")) {}

model::Invocation PolicyBook::of(const std::string& ns, const std::string& function) {
    const auto record = catalog_.find(model::Kind::function, ns, function);
    if (!record) return {};
    const auto name = ns + "/" + function;
    std::lock_guard lock(mutex_);
    if (const auto found = known_.find(name);
        found != known_.end() && found->second.revision == record->metadata.revision)
        return found->second.policy;
    if (known_.size() >= kMost) known_.clear();
    auto& known = known_[name];
    known.revision = record->metadata.revision;
    const auto decoded = record->decode(model::decode_invocation);
    known.policy = decoded ? *decoded : model::Invocation();
    return known.policy;
}

bool PolicyBook::exists(const std::string& ns, const std::string& function) const {
    return catalog_.find(model::Kind::function, ns, function) != nullptr;
}

AsyncDriver::AsyncDriver(AsyncOptions options, catalog::Catalog& catalog, catalog::CallQueue& queue,
                         Deliverer& deliverer, std::shared_ptr<http::WebClient> web,
                         TopicPublisher* topics, aio::Shards& shards, const base::Clock& clock,
                         telemetry::Logger& log, telemetry::Registry& metrics)
    : options_(options),
      queue_(queue),
      deliverer_(deliverer),
      web_(std::move(web)),
      topics_(topics),
      shards_(shards),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      policies_(catalog),
      core_(AsyncCore::Limits{options.running, options.pending}),
      random_state_(std::stoull(base::random_hex(8), nullptr, 16) | 1),
      background_(log),
      attempts_(log) {}

UnixMs AsyncDriver::now() const {
    return std::chrono::duration_cast<milliseconds>(clock_.wall().time_since_epoch()).count();
}

double AsyncDriver::random() {
    std::lock_guard lock(mutex_);
    // xorshift64*: spreads retries; nothing depends on its being hard to guess.
    random_state_ ^= random_state_ >> 12;
    random_state_ ^= random_state_ << 25;
    random_state_ ^= random_state_ >> 27;
    return static_cast<double>((random_state_ * 0x2545F4914F6CDD1DULL) >> 11) / 9007199254740992.0;
}

int AsyncDriver::lane_limit(const std::string& lane) {
    // Function names hold no '/' and addresses hold "://".
    if (lane.find("://") != std::string::npos) return kAddressAtOnce;
    const auto slash = lane.find('/');
    return policies_.of(lane.substr(0, slash), lane.substr(slash + 1)).concurrency;
}

void AsyncDriver::start() {
    background_.spawn(shards_.first().executor(), "async-calls", run());
    background_.spawn(shards_.first().executor(), "async-retention", keep_retention());
}

void AsyncDriver::begin_drain() {
    waiters_.close();
}

void AsyncDriver::stop(Deadline deadline) {
    begin_drain();
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    background_.cancel();
    attempts_.join_blocking(deadline);
    attempts_.cancel();
    constexpr auto kEnd = std::chrono::seconds(5);
    attempts_.join_blocking(Deadline::after(kEnd));
    background_.join_blocking(Deadline::after(kEnd));
}

bool AsyncDriver::stopping() {
    std::lock_guard lock(mutex_);
    return stopping_;
}

/// Starts what may start now. Called after everything that changes the core.
void AsyncDriver::pump() {
    AsyncCore::Effects effects;
    std::size_t shard = 0;
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        const auto at = now();
        effects = core_.poll(at, [this](const std::string& lane) { return lane_limit(lane); });
        metrics_.waiting.set(static_cast<std::int64_t>(core_.waiting()));
        metrics_.running.set(static_cast<std::int64_t>(core_.running()));
        if (at - lag_told_ >= kLagEach.count()) {
            lag_told_ = at;
            metrics_.lag.set(at - core_.oldest_due().value_or(at));
        }
        shard = next_shard_;
        next_shard_ += effects.start.size();
    }
    for (auto& call : effects.start) {
        auto executor = shards_.at(shard++ % shards_.size()).executor();
        attempts_.spawn(executor, "queued call", attempt(std::move(call)));
    }
    for (auto& call : effects.expired) {
        auto ending =
            give_up(std::move(call), "maxAgeExceeded", "it was not begun before its time was over");
        attempts_.spawn(shards_.first().executor(), "expired call", std::move(ending));
    }
}

void AsyncDriver::add(PendingCall call) {
    const auto at = now();
    const bool later = call.due > at;
    {
        std::lock_guard lock(mutex_);
        core_.add(std::move(call), at);
    }
    pump();
    if (later) poke();
}

/// The timer looks again at when it must wake.
void AsyncDriver::poke() {
    std::lock_guard lock(mutex_);
    if (nap_) nap_->deliver(true);
}

/// The place of a started call is free again.
void AsyncDriver::release(std::int64_t seq) {
    std::lock_guard lock(mutex_);
    core_.finished(seq);
}

Task<bool> AsyncDriver::recover() {
    for (;;) {
        auto pending = co_await queue_.recover(now());
        if (pending) {
            {
                const auto at = now();
                std::lock_guard lock(mutex_);
                for (auto& call : *pending) core_.add(std::move(call), at);
            }
            co_return true;
        }
        log_.log(telemetry::Level::error, "trigger", "queued calls cannot be read; trying again",
                 {{telemetry::kErr, pending.error().message}});
        const auto later = Deadline::after(kRetryStore);
        if (!co_await aio::sleep_until(later)) co_return false;
    }
}

Task<void> AsyncDriver::run() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    if (!co_await recover()) co_return;
    auto executor = co_await aio::net::this_coro::executor;
    for (;;) {
        auto nap = std::make_shared<aio::OneShot<bool>>(executor);
        {
            std::lock_guard lock(mutex_);
            if (stopping_) co_return;
            nap_ = nap;
        }
        pump();
        auto patience = kLongestNap;
        {
            std::lock_guard lock(mutex_);
            if (const auto wake = core_.next_wake())
                patience = std::clamp(milliseconds(*wake - now()), milliseconds(0), kLongestNap);
        }
        const auto until = Deadline::after(patience);
        co_await nap->wait(until);
        const auto state = co_await aio::net::this_coro::cancellation_state;
        if (state.cancelled() != aio::net::cancellation_type::none) co_return;
    }
}

Task<void> AsyncDriver::keep_retention() {
    co_await aio::net::this_coro::throw_if_cancelled(false);
    for (;;) {
        const auto next = Deadline::after(kRetention);
        if (!co_await aio::sleep_until(next)) co_return;
        catalog::CallRetention keep;
        keep.succeeded_before = now() - options_.keep_succeeded.count();
        keep.failed_before = now() - options_.keep_failed.count();
        keep.most_succeeded = options_.most_succeeded;
        keep.most_failed = options_.most_failed;
        auto removed = co_await queue_.trim(keep);
        if (removed.has_error() && removed.error().code != Errc::cancelled)
            log_.log(telemetry::Level::warn, "trigger", "old calls could not be removed",
                     {{telemetry::kErr, removed.error().message}});
    }
}

Task<Result<catalog::AcceptedCall>> AsyncDriver::accept(catalog::NewCall call,
                                                        std::int64_t delay_ms) {
    const auto& request = call.request;
    if (!policies_.exists(request.ns, request.function))
        co_return Error(Errc::not_found,
                        "there is no Function " + request.ns + "/" + request.function, {},
                        "trigger");
    if (request.body.size() > options_.max_body_bytes)
        co_return Error(Errc::too_large,
                        "the body of an asynchronous call may have " +
                            std::to_string(options_.max_body_bytes) + " bytes at most",
                        {}, "trigger");
    const auto policy = policies_.of(request.ns, request.function);
    {
        std::lock_guard lock(mutex_);
        if (stopping_) co_return Error(Errc::unavailable, "the daemon is stopping", {}, "trigger");
        if (core_.full())
            co_return Error(Errc::exhausted,
                            "too many calls wait already (async.maxPending); try again later", {},
                            "trigger");
    }
    call.created = now();
    call.due = call.created + delay_ms;
    call.expires = call.due + policy.max_age.count();
    auto accepted = co_await queue_.accept(std::move(call));
    if (!accepted) co_return accepted;
    if (!accepted->existing) {
        metrics_.accepted.add();
        add(accepted->call);
    }
    co_return accepted;
}

Task<Result<catalog::CallRecord>> AsyncDriver::await_end(std::string id, Deadline deadline) {
    const auto seq = catalog::call_seq_of(id);
    if (!seq) co_return seq.error();
    auto executor = co_await aio::net::this_coro::executor;
    std::unique_ptr<aio::Waiters::Place> place;
    if (!deadline.passed()) place = waiters_.enter(*seq, executor);
    auto record = co_await queue_.find(id);
    const bool over = !record || record->state == catalog::CallState::succeeded ||
                      record->state == catalog::CallState::failed;
    if (place && !over) {
        co_await place->wait(deadline);
        record = co_await queue_.find(id);
    }
    co_return record;
}

Task<Result<std::vector<catalog::CallRecord>>> AsyncDriver::list(catalog::CallQuery query) {
    return queue_.list(std::move(query));
}

Task<Result<void>> AsyncDriver::edit(std::string id, catalog::CallEdit edit) {
    return queue_.edit(std::move(id), std::move(edit));
}

Task<Result<void>> AsyncDriver::redrive(std::string id) {
    auto record = co_await queue_.find(id);
    if (!record) co_return record.error();
    const auto policy = policies_.of(record->request.ns, record->request.function);
    const auto at = now();
    auto call = co_await queue_.redrive(std::move(id), at, at + policy.max_age.count());
    if (!call) co_return call.error();
    add(std::move(*call));
    co_return Result<void>();
}

Task<Result<std::size_t>> AsyncDriver::purge(catalog::CallQuery query) {
    return queue_.purge(std::move(query));
}

Task<Result<void>> AsyncDriver::cancel(std::string id) {
    auto record = co_await queue_.find(id);
    if (!record) co_return record.error();
    bool waited = false;
    {
        std::lock_guard lock(mutex_);
        waited = core_.drop(record->call.seq);
    }
    if (!waited)
        co_return Error(Errc::conflict,
                        "call " + id + " does not wait any more; an attempt is not interrupted");
    co_await give_up(record->call, "cancelled", "it was cancelled while it waited");
    co_return Result<void>();
}

std::unique_ptr<AsyncCalls> AsyncCalls::make(AsyncOptions options, catalog::Catalog& catalog,
                                             catalog::CallQueue& queue, Deliverer& deliverer,
                                             std::shared_ptr<http::WebClient> web,
                                             TopicPublisher* topics, aio::Shards& shards,
                                             const base::Clock& clock, telemetry::Logger& log,
                                             telemetry::Registry& metrics) {
    return std::make_unique<AsyncDriver>(options, catalog, queue, deliverer, std::move(web), topics,
                                         shards, clock, log, metrics);
}

}  // namespace hearth::trigger
