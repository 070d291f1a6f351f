#include "hearth/kube/leader_lease.hpp"

#include <time.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <future>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "kube/lease_core.hpp"

namespace hearth::kube {
namespace {

constexpr std::chrono::seconds kStopPatience{10};

LeaderLeaseOptions checked(LeaderLeaseOptions options) {
    const bool ordered = options.duration > options.renew && options.renew > 2 * options.retry &&
                         options.retry.count() > 0;
    if (ordered) return options;
    const LeaderLeaseOptions defaults;
    options.duration = defaults.duration;
    options.renew = defaults.renew;
    options.retry = defaults.retry;
    return options;
}

class KubernetesLease final : public LeaderLease {
 public:
    KubernetesLease(Client& client, LeaderLeaseOptions options, aio::Shards& shards,
                    const base::Clock& clock, telemetry::Logger& log, telemetry::Registry* metrics)
        : client_(client.urgent()),
          options_(checked(std::move(options))),
          executor_(shards.first().executor()),
          clock_(clock),
          log_(log),
          core_(options_.identity, options_.duration, options_.renew, options_.retry),
          tasks_(log) {
        if (metrics == nullptr) return;
        metrics->gauge_callback("hearth_kubernetes_lease_held",
                                "1 while this process holds the lease.",
                                {{"lease", options_.ns + "/" + options_.name}},
                                [told = told_] { return *told ? 1.0 : 0.0; });
    }
    ~KubernetesLease() override { end_tasks(); }

    void start(Listener listener) override {
        listener_ = std::move(listener);
        tasks_.spawn(executor_, "leader lease", run());
        tasks_.spawn(executor_, "end of the leader lease", watch_end());
    }
    bool held() const override {
        return clock_.now().time_since_epoch().count() < held_until_.load();
    }
    void release(Deadline deadline) override;

 private:
    Task<void> run();
    Task<void> watch_end();
    Task<void> read();
    Task<void> write(LeaseRecord record);
    Task<void> give_back(Deadline deadline);
    void tell();
    void warn(const char* what, const Error& error);
    Deadline attempt_limit() const {
        return Deadline::after(std::min(options_.retry * 2, options_.renew / 2));
    }
    void end_tasks() {
        tasks_.cancel();
        tasks_.join_blocking(Deadline::after(kStopPatience));
    }

    Client& client_;
    const LeaderLeaseOptions options_;
    const aio::Executor executor_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    Listener listener_;
    LeaseCore core_;  ///< the shard's alone
    std::atomic<base::SteadyTime::rep> held_until_{
        base::SteadyTime::min().time_since_epoch().count()};
    std::shared_ptr<std::atomic<bool>> told_ = std::make_shared<std::atomic<bool>>(false);
    std::optional<std::string> told_holder_;
    std::optional<Errc> warned_;
    aio::TaskGroup tasks_;
};

/// Makes known what the last step has changed.
void KubernetesLease::tell() {
    const auto now = clock_.now();
    held_until_ = core_.held_until().time_since_epoch().count();
    const bool is_held = core_.held(now);
    const auto holder = core_.holder(now);
    // A loss before anything else, so that nobody hears of another holder while he still acts.
    if (!is_held && *told_) {
        *told_ = false;
        log_.log(telemetry::Level::warn, "kube", "lost the leader lease",
                 {{"lease", options_.ns + "/" + options_.name}});
        if (listener_.lost) listener_.lost();
    }
    if (told_holder_ != holder) {
        told_holder_ = holder;
        if (listener_.holder) listener_.holder(holder);
    }
    if (is_held && !*told_) {
        *told_ = true;
        log_.log(telemetry::Level::info, "kube", "took the leader lease",
                 {{"lease", options_.ns + "/" + options_.name}});
        if (listener_.acquired) listener_.acquired();
    }
}

void KubernetesLease::warn(const char* what, const Error& error) {
    // Once per kind of trouble: it is tried again every second or two.
    if (warned_ == error.code) return;
    warned_ = error.code;
    log_.log(telemetry::Level::warn, "kube", what,
             {{"lease", options_.ns + "/" + options_.name}, {telemetry::kErr, error.message}});
}

Task<void> KubernetesLease::read() {
    const auto limit = attempt_limit();
    auto got = co_await client_.get(kLeases, options_.ns, options_.name, limit);
    const auto now = clock_.now();
    if (got) {
        core_.was_read(lease_of(*got), now);
    } else if (got.error().code == Errc::not_found) {
        core_.was_read(std::nullopt, now);
    } else {
        core_.read_failed(now);
        warn("the leader lease cannot be read; it will be tried again", got.error());
    }
}

Task<void> KubernetesLease::write(LeaseRecord record) {
    const auto limit = attempt_limit();
    const bool creates = record.resource_version.empty();
    auto object = lease_object(record, options_.ns, options_.name, micro_time(clock_.wall()));
    WriteOptions plain;
    std::string name = creates ? std::string() : options_.name;
    const auto began = clock_.now();
    auto written = co_await client_.write(kLeases, options_.ns, std::move(name), std::move(object),
                                          std::move(plain), limit);
    const auto now = clock_.now();
    auto made = written ? lease_of(*written) : std::nullopt;
    if (made) {
        core_.was_written(std::move(*made), began, now);
        warned_.reset();
        co_return;
    }
    const auto code = written ? Errc::io : written.error().code;
    const bool conflict = code == Errc::conflict || code == Errc::already_exists ||
                          (code == Errc::not_found && !creates);
    core_.write_failed(conflict, now);
    if (!written && !conflict)
        warn("the leader lease cannot be written; it will be tried again", written.error());
}

Task<void> KubernetesLease::run() {
    for (;;) {
        const auto now = clock_.now();
        auto next = core_.next(now);
        if (next.what == LeaseCore::Next::Do::wait) {
            const bool on = co_await aio::sleep_until(Deadline::after(next.at - now));
            if (!on) co_return;
        } else if (next.what == LeaseCore::Next::Do::read) {
            co_await read();
        } else {
            co_await write(std::move(next.record));
        }
        tell();
    }
}

/// Notices the end of the lease while a request for its renewal hangs.
Task<void> KubernetesLease::watch_end() {
    for (;;) {
        const auto now = clock_.now();
        base::SteadyTime::duration span = options_.retry;
        if (core_.held(now)) span = core_.held_until() - now;
        const bool on = co_await aio::sleep_until(Deadline::after(span));
        if (!on) co_return;
        tell();
    }
}

Task<void> KubernetesLease::give_back(Deadline deadline) {
    auto got = co_await client_.get(kLeases, options_.ns, options_.name, deadline);
    if (!got) co_return;
    auto record = lease_of(*got);
    if (!record || record->holder != options_.identity) co_return;
    record->holder.clear();
    record->renew_time.clear();
    record->duration = std::chrono::seconds(1);
    auto object = lease_object(*record, options_.ns, options_.name, micro_time(clock_.wall()));
    auto written =
        co_await client_.update(kLeases, options_.ns, options_.name, std::move(object), deadline);
    if (!written)
        log_.log(telemetry::Level::warn, "kube",
                 "the leader lease could not be given back; others wait until it is over",
                 {{telemetry::kErr, written.error().message}});
}

void KubernetesLease::release(Deadline deadline) {
    end_tasks();
    held_until_ = base::SteadyTime::min().time_since_epoch().count();
    *told_ = false;
    const auto holder = core_.holder(clock_.now());
    if (!holder.empty() && holder != options_.identity) return;
    auto done = std::make_shared<std::promise<void>>();
    auto ended = done->get_future();
    auto finished = [done](std::exception_ptr) { done->set_value(); };
    aio::net::co_spawn(executor_, give_back(deadline), std::move(finished));
    const auto slack = std::chrono::seconds(1);
    ended.wait_for(std::min<Deadline::Clock::duration>(deadline.left(), kStopPatience) + slack);
}

}  // namespace

std::unique_ptr<LeaderLease> LeaderLease::make(Client& client, LeaderLeaseOptions options,
                                               aio::Shards& shards, const base::Clock& clock,
                                               telemetry::Logger& log,
                                               telemetry::Registry* metrics) {
    return std::make_unique<KubernetesLease>(client, std::move(options), shards, clock, log,
                                             metrics);
}

base::SteadyTime BootClock::now() const {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return base::SteadyTime(std::chrono::seconds(time.tv_sec) +
                            std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace hearth::kube
