#include "hearth/kube/informer.hpp"

#include <atomic>
#include <mutex>
#include <random>

#include "hearth/aio/one_shot.hpp"
#include "hearth/aio/task_group.hpp"
#include "kube/informer_core.hpp"

namespace hearth::kube {
namespace {

/// A list of many pages on a busy server; each page has its own way to fail before.
constexpr std::chrono::seconds kListPatience{60};
constexpr std::chrono::seconds kStopPatience{10};

/// What the metrics read for as long as the registry lives, which may be longer than the informer.
struct Figures {
    std::atomic<bool> synced{false}, connected{false};
    std::atomic<std::size_t> objects{0};
    std::atomic<std::int64_t> heard_ms{-1};  ///< of the steady clock; -1: never
};

std::int64_t in_ms(base::SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

class WatchingInformer final : public Informer {
 public:
    WatchingInformer(Client& client, InformerOptions options, aio::Shards& shards,
                     const base::Clock& clock, telemetry::Logger& log, telemetry::Registry& metrics)
        : client_(client),
          options_(std::move(options)),
          name_(options_.name.empty() ? options_.type.plural : options_.name),
          executor_(shards.first().executor()),
          clock_(clock),
          log_(log),
          core_(options_.backoff_first, options_.backoff_max, std::random_device{}()),
          lists_(metrics.counter("hearth_kubernetes_informer_lists_total",
                                 "Lists that an informer made; more than one means that it could "
                                 "not go on from where it was.",
                                 {{"informer", name_}})),
          watches_(metrics.counter("hearth_kubernetes_informer_watches_total",
                                   "Watches that an informer opened.", {{"informer", name_}})),
          failures_(metrics.counter("hearth_kubernetes_informer_failures_total",
                                    "Lists and watches of an informer that failed.",
                                    {{"informer", name_}})),
          tasks_(log) {
        core_.resume(options_.resume);
        if (options_.tell_progress) core_.tell_progress();
        figures_->synced = core_.synced();
        add_gauges(metrics);
    }
    ~WatchingInformer() override { stop(); }

    void start(std::function<void(const Notice&)> handler) override {
        handler_ = std::move(handler);
        tasks_.spawn(executor_, "informer of " + name_, run());
    }
    std::shared_ptr<const std::map<std::string, ObjectPtr>> snapshot() const override {
        std::lock_guard lock(mutex_);
        return core_.snapshot();
    }
    ObjectPtr find(const std::string& key) const override {
        std::lock_guard lock(mutex_);
        return core_.find(key);
    }
    bool synced() const override { return figures_->synced; }
    bool connected() const override { return figures_->connected; }
    std::chrono::milliseconds age() const override {
        const auto heard = figures_->heard_ms.load();
        if (heard < 0) return std::chrono::milliseconds::max();
        return std::chrono::milliseconds(in_ms(clock_.now()) - heard);
    }
    std::string trouble() const override {
        std::lock_guard lock(mutex_);
        return trouble_;
    }
    void stop() override {
        tasks_.cancel();
        if (!tasks_.join_blocking(Deadline::after(kStopPatience)))
            log_.log(telemetry::Level::error, "kube", "an informer did not end in time",
                     {{"informer", name_}});
    }

 private:
    void add_gauges(telemetry::Registry& metrics);
    Task<void> run();
    Task<bool> list();
    Task<bool> watch();
    void failed(const char* what, const Error& error);
    void tell(const std::vector<Notice>& notices);
    void note_figures();

    Client& client_;
    const InformerOptions options_;
    const std::string name_;
    const aio::Executor executor_;
    const base::Clock& clock_;
    telemetry::Logger& log_;
    std::function<void(const Notice&)> handler_;
    mutable std::mutex mutex_;  ///< guards core_ and trouble_; the shard alone changes them
    std::string trouble_;
    mutable InformerCore core_;
    std::shared_ptr<Figures> figures_ = std::make_shared<Figures>();
    telemetry::Counter& lists_;
    telemetry::Counter& watches_;
    telemetry::Counter& failures_;
    std::mt19937_64 random_{std::random_device{}()};
    aio::TaskGroup tasks_;
};

void WatchingInformer::add_gauges(telemetry::Registry& metrics) {
    const telemetry::Labels labels = {{"informer", name_}};
    const auto figures = figures_;
    metrics.gauge_callback("hearth_kubernetes_informer_synced",
                           "1 once an informer's first list is in.", labels,
                           [figures] { return figures->synced ? 1.0 : 0.0; });
    metrics.gauge_callback("hearth_kubernetes_informer_connected",
                           "1 while an informer's watch is open.", labels,
                           [figures] { return figures->connected ? 1.0 : 0.0; });
    metrics.gauge_callback("hearth_kubernetes_informer_objects", "Objects an informer knows.",
                           labels, [figures] { return static_cast<double>(figures->objects); });
    metrics.gauge_callback("hearth_kubernetes_informer_age_seconds",
                           "Time since the API server last told an informer something; -1: never.",
                           labels, [figures, clock = &clock_] {
                               const auto heard = figures->heard_ms.load();
                               if (heard < 0) return -1.0;
                               return static_cast<double>(in_ms(clock->now()) - heard) / 1000;
                           });
}

void WatchingInformer::tell(const std::vector<Notice>& notices) {
    note_figures();
    for (const auto& notice : notices) {
        if (notice.kind == Notice::Kind::synced) figures_->synced = true;
        handler_(notice);
    }
}

void WatchingInformer::note_figures() {
    figures_->objects = core_.size();
    if (const auto heard = core_.heard()) figures_->heard_ms = in_ms(*heard);
}

void WatchingInformer::failed(const char* what, const Error& error) {
    failures_.add();
    {
        std::lock_guard lock(mutex_);
        trouble_ = error.message;
    }
    log_.log(telemetry::Level::warn, "kube", what,
             {{"informer", name_}, {telemetry::kErr, error.message}});
}

/// False when the informer is to end.
Task<bool> WatchingInformer::list() {
    ListOptions wanted;
    wanted.label_selector = options_.label_selector;
    wanted.field_selector = options_.field_selector;
    wanted.page = options_.page;
    lists_.add();
    const auto limit = Deadline::after(kListPatience);
    auto got = co_await client_.list(options_.type, options_.ns, std::move(wanted), limit);
    if (!got && got.error().code == Errc::cancelled) co_return false;
    std::vector<Notice> notices;
    {
        std::lock_guard lock(mutex_);
        if (got)
            core_.listed(std::move(*got), clock_.now(), notices);
        else
            core_.list_failed(clock_.now());
    }
    if (!got) failed("the list of an informer failed; it will be tried again", got.error());
    tell(notices);
    co_return true;
}

/// False when the informer is to end.
Task<bool> WatchingInformer::watch() {
    WatchOptions wanted;
    wanted.label_selector = options_.label_selector;
    wanted.field_selector = options_.field_selector;
    wanted.resource_version = core_.next().resource_version;
    const auto least = options_.watch_min.count();
    std::uniform_int_distribution<std::int64_t> seconds(least, 2 * least);
    wanted.timeout = std::chrono::seconds(seconds(random_));
    wanted.silence_probe = options_.silence_probe;
    wanted.probe_timeout = options_.probe_timeout;
    wanted.max_silence = options_.max_silence;
    wanted.on_open = [this] {
        std::lock_guard lock(mutex_);
        core_.watching(clock_.now());
        trouble_.clear();
        watches_.add();
        figures_->connected = true;
    };
    std::function<bool(WatchEvent)> on_event = [this](WatchEvent event) {
        std::vector<Notice> notices;
        {
            std::lock_guard lock(mutex_);
            core_.event(std::move(event), clock_.now(), notices);
        }
        tell(notices);
        return true;
    };
    auto ended =
        co_await client_.watch(options_.type, options_.ns, std::move(wanted), std::move(on_event));
    figures_->connected = false;
    if (!ended && ended.error().code == Errc::cancelled) co_return false;
    if (!ended) failed("the watch of an informer failed; it will be tried again", ended.error());
    std::lock_guard lock(mutex_);
    if (ended)
        core_.watch_ended(*ended, clock_.now());
    else
        core_.watch_failed(clock_.now());
    co_return true;
}

Task<void> WatchingInformer::run() {
    for (bool on = true; on;) {
        const auto next = core_.next();
        switch (next.what) {
            case InformerCore::Next::Do::list:
                on = co_await list();
                break;
            case InformerCore::Next::Do::watch:
                on = co_await watch();
                break;
            case InformerCore::Next::Do::wait:
                on = co_await aio::sleep_until(Deadline::after(next.pause));
                if (on) core_.waited();
                break;
        }
    }
}

}  // namespace

std::unique_ptr<Informer> Informer::make(Client& client, InformerOptions options,
                                         aio::Shards& shards, const base::Clock& clock,
                                         telemetry::Logger& log, telemetry::Registry& metrics) {
    return std::make_unique<WatchingInformer>(client, std::move(options), shards, clock, log,
                                              metrics);
}

}  // namespace hearth::kube
