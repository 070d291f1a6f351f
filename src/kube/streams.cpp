#include "hearth/aio/one_shot.hpp"
#include "hearth/base/json_view.hpp"
#include "kube/rest_client.hpp"
#include "kube/status_error.hpp"
#include "kube/watch_lines.hpp"
#include "kube/watch_pulse.hpp"

namespace hearth::kube {
namespace json = boost::json;
namespace {

using Steady = std::chrono::steady_clock;

/// For the head of a stream's answer, including what a busy server says to wait.
constexpr std::chrono::seconds kPatience{60};
/// The server is to end a watch at its timeout; past it by this much nobody is there any more.
constexpr std::chrono::seconds kAfterTimeout{30};

std::string flag(bool on) {
    return on ? "true" : "";
}

template <class T>
std::string number(const std::optional<T>& value) {
    return value ? std::to_string(*value) : std::string();
}

/// What a watch and the task that listens to its pulse share. Thread: its shard.
struct WatchedLine {
    WatchedLine(aio::Executor executor, const WatchOptions& options)
        : pulse(options.silence_probe, options.max_silence, Steady::now()),
          probe_timeout(options.probe_timeout),
          timer(executor) {}

    WatchPulse pulse;
    const std::chrono::milliseconds probe_timeout;
    aio::net::basic_waitable_timer<Steady, aio::net::wait_traits<Steady>, aio::Executor> timer;
    Connection* connection = nullptr;  ///< null once the watch has ended
};

/// Ends the listening, whatever ends the watch.
class Watching {
 public:
    Watching(std::shared_ptr<WatchedLine> shared, Connection& connection)
        : shared_(std::move(shared)) {
        shared_->connection = &connection;
    }
    ~Watching() {
        shared_->connection = nullptr;
        shared_->timer.cancel();
    }
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

 private:
    std::shared_ptr<WatchedLine> shared_;
};

Task<void> listen_to_pulse(std::shared_ptr<WatchedLine> shared, Transport& transport) {
    while (shared->connection != nullptr) {
        const auto next = shared->pulse.next(Steady::now());
        if (next.what == WatchPulse::Do::cut) {
            shared->connection->cut(Error(Errc::unavailable,
                                          "the Kubernetes API server has fallen silent", {},
                                          std::string(kComponent)));
            co_return;
        }
        if (next.what == WatchPulse::Do::probe) {
            const auto began = Steady::now();
            const auto limit = Deadline::after(shared->probe_timeout);
            const bool answered = co_await transport.answers(limit);
            shared->pulse.probed(answered, began);
            continue;
        }
        shared->timer.expires_at(next.at);
        co_await shared->timer.async_wait(aio::use_task);
    }
}

Query watch_query(const WatchOptions& options) {
    return {{"watch", "true"},
            {"allowWatchBookmarks", "true"},
            {"timeoutSeconds", std::to_string(options.timeout.count())},
            {"resourceVersion", options.resource_version},
            {"labelSelector", options.label_selector},
            {"fieldSelector", options.field_selector}};
}

}  // namespace

Task<Result<WatchEnd>> RestClient::watch(ResourceType type, std::string ns, WatchOptions options,
                                         std::function<bool(WatchEvent)> on_event) {
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    auto request = call("GET", type.path(ns) + query_text(watch_query(options)), "watch", type);
    auto opened = co_await transport_->open(std::move(request), Deadline::after(kPatience));
    if (!opened) {
        json::object said;
        said["reason"] = reason_of(opened.error());
        said["message"] = opened.error().message;
        if (means_expired(0, said)) co_return WatchEnd::expired;
        co_return opened.error();
    }
    if (options.on_open) options.on_open();
    auto shared = std::make_shared<WatchedLine>(executor, options);
    Watching watching(shared, **opened);
    transport_->tasks().spawn(executor, "pulse of a watch", listen_to_pulse(shared, *transport_));
    const auto limit = Deadline::after(options.timeout + kAfterTimeout);
    WatchLines lines;
    for (;;) {
        auto piece = co_await (*opened)->read(limit);
        if (!piece && piece.error().code == Errc::cancelled) co_return piece.error();
        if (!piece || piece->empty()) co_return WatchEnd::closed;
        shared->pulse.heard(Steady::now());
        if (options.on_alive) options.on_alive();
        auto events = lines.feed(*piece);
        if (!events) co_return events.error();
        for (auto& event : *events) {
            if (event.type == WatchEvent::Type::error)
                co_return means_expired(0, event.object) ? WatchEnd::expired : WatchEnd::refused;
            if (!on_event(std::move(event))) co_return WatchEnd::stopped;
        }
    }
}

Task<Result<void>> RestClient::logs(std::string ns, std::string pod, LogOptions options,
                                    std::function<bool(std::string_view)> on_bytes,
                                    Deadline deadline) {
    const Query query = {
        {"container", options.container},
        {"follow", flag(options.follow)},
        {"timestamps", flag(options.timestamps)},
        {"previous", flag(options.previous)},
        {"tailLines", number(options.tail_lines)},
        {"sinceSeconds", number(options.since_seconds)},
        {"sinceTime", options.since_time},
        {"limitBytes", options.limit_bytes > 0 ? std::to_string(options.limit_bytes) : ""}};
    auto request = call("GET", kPods.path(ns, pod, "log") + query_text(query), "get", kPods);
    request.resource = "pods/log";
    auto opened =
        co_await transport_->open(std::move(request), deadline.sooner(Deadline::after(kPatience)));
    if (!opened) co_return opened.error();
    for (;;) {
        auto piece = co_await (*opened)->read(deadline);
        if (!piece) co_return piece.error();
        if (piece->empty() || !on_bytes(*piece)) co_return Result<void>();
    }
}

}  // namespace hearth::kube
