#include "trigger/watch_line.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <thread>

namespace hearth::trigger {

using telemetry::Level;

namespace {

constexpr std::chrono::seconds kFirstPause{2}, kLongestPause{60}, kDiscovery{20}, kStopPatience{15};
constexpr std::chrono::milliseconds kFirstRetry{500}, kPoll{2};
constexpr std::chrono::seconds kLongestRetry{60}, kLedgerRetry{1}, kLook{5};
/// Rows of notices that called nobody, written at once.
constexpr std::size_t kMostUnwritten = 200;

std::chrono::milliseconds longer(std::chrono::milliseconds pause, std::chrono::milliseconds most) {
    return std::min(pause * 2, most);
}

}  // namespace

WatchLine::WatchLine(WatchSurroundings& around, WatchDefinition definition, WatchMemory memory)
    : around_(around),
      definition_(std::move(definition)),
      memory_(std::move(memory)),
      tasks_(around.log) {}

void WatchLine::start() {
    tasks_.spawn(around_.shards.first().executor(),
                 "kubernetes watch " + definition_.ns + "/" + definition_.name, run());
}

void WatchLine::stop(Deadline patient) {
    ending_ = true;
    while (calling_ && !patient.passed()) std::this_thread::sleep_for(kPoll);
    tasks_.cancel();
    std::shared_ptr<kube::Informer> informer;
    {
        std::lock_guard lock(mutex_);
        informer = informer_;
    }
    if (informer) informer->stop();
    if (!tasks_.join_blocking(Deadline::after(kStopPatience))) {
        around_.log.log(Level::error, "trigger", "a Kubernetes watch did not end in time",
                        {{"trigger", definition_.ns + "/" + definition_.name}});
    }
}

WatchLine::Status WatchLine::status() const {
    std::lock_guard lock(mutex_);
    auto status = status_;
    if (!status.subscribed || !informer_) return status;
    if (informer_->connected()) return status;
    status.subscribed = false;
    status.reason = "Connecting";
    status.message = informer_->trouble();
    return status;
}

void WatchLine::say(bool subscribed, std::string reason, std::string message) {
    std::lock_guard lock(mutex_);
    status_.subscribed = subscribed;
    status_.reason = std::move(reason);
    status_.message = std::move(message);
    status_.queued = queue_.size();
    status_.revision = memory_.revision();
    status_.counts = memory_.counts();
}

std::string WatchLine::now_text() const {
    return base::to_rfc3339(around_.clock.wall());
}

/// Errors: forbidden.
Result<std::string> WatchLine::watched_namespace() const {
    const auto& options = around_.options;
    const auto& own = options.fixed_namespace.empty() ? definition_.ns : options.fixed_namespace;
    const auto allowed = [&](std::string_view ns) {
        return std::find(options.namespaces.begin(), options.namespaces.end(), ns) !=
               options.namespaces.end();
    };
    const auto& spec = definition_.spec;
    const std::string remedy = "an administrator adds it to kubernetes.watchNamespaces";
    if (spec.all_namespaces) {
        if (allowed("*")) return std::string();
        return Error(Errc::forbidden,
                     "all namespaces may not be watched: '*' is not in the configuration's "
                     "kubernetes.watchNamespaces");
    }
    if (spec.ns.empty() || spec.ns == own || allowed(spec.ns) || allowed("*"))
        return spec.ns.empty() ? own : spec.ns;
    return Error(
        Errc::forbidden,
        "the namespace " + spec.ns + " is not the trigger's own and may not be watched; " + remedy);
}

Task<Result<kube::InformerOptions>> WatchLine::prepare(std::string ns) {
    const auto& spec = definition_.spec;
    const auto limit = Deadline::after(kDiscovery);
    auto type = co_await around_.options.client->discover(spec.api_version, spec.kind, limit);
    if (!type) co_return type.error();
    if (!type->namespaced && !spec.all_namespaces) {
        co_return Error(Errc::invalid_argument,
                        spec.kind + " objects have no namespace; set spec.allNamespaces");
    }
    kube::InformerOptions options;
    options.type = std::move(*type);
    options.ns = std::move(ns);
    options.label_selector = spec.label_selector;
    options.field_selector = spec.field_selector;
    options.name = "trigger " + definition_.ns + "/" + definition_.name;
    options.resume = memory_.resume();
    options.tell_progress = true;
    co_return options;
}

Task<void> WatchLine::run() {
    const auto ns = watched_namespace();
    if (!ns) {
        say(false, "Forbidden", ns.error().message);
        co_return;
    }
    if (!co_await write(memory_.watch(definition_.spec, *ns))) co_return;
    for (std::chrono::milliseconds pause = kFirstPause; !tasks_.cancelled();) {
        say(false, "Connecting", "");
        auto options = co_await prepare(*ns);
        if (tasks_.cancelled()) co_return;
        if (options) {
            pause = kFirstPause;
            if (!co_await follow(std::move(*options))) co_return;
            continue;
        }
        say(false, "StartFailed", options.error().message);
        if (!co_await aio::sleep_until(Deadline::after(pause))) co_return;
        pause = longer(pause, kLongestPause);
    }
}

/// True when the queue was full and has been emptied: begin anew. False when the line is to end.
Task<bool> WatchLine::follow(kube::InformerOptions options) {
    overflowed_ = false;
    std::shared_ptr<kube::Informer> informer =
        kube::Informer::make(*around_.options.client, std::move(options), around_.shards,
                             around_.clock, around_.log, around_.metrics);
    {
        std::lock_guard lock(mutex_);
        if (tasks_.cancelled()) co_return false;
        informer_ = informer;
    }
    informer->start([this](const kube::Notice& notice) { take(notice); });
    say(true, "Subscribed", "");
    for (;;) {
        if (!co_await empty_queue()) co_return false;
        if (!queue_.empty()) continue;
        if (overflowed_) break;
        waiting_ = std::make_shared<aio::OneShot<bool>>(around_.shards.first().executor());
        const auto waiting = waiting_;
        const auto limit = Deadline::after(kLook);
        (void)co_await waiting->wait(limit);
        waiting_.reset();
        if (tasks_.cancelled()) co_return false;
    }
    co_await drop_informer();
    co_return !tasks_.cancelled();
}

Task<void> WatchLine::drop_informer() {
    std::shared_ptr<kube::Informer> informer;
    {
        std::lock_guard lock(mutex_);
        informer = informer_;
    }
    auto work = [informer]() -> Result<void> {
        informer->stop();
        return {};
    };
    (void)co_await around_.pool.run(std::move(work));
    // What came while it stopped is told again.
    queue_.clear();
}

void WatchLine::take(const kube::Notice& notice) {
    if (queue_.size() >= kMostQueued) overflowed_ = true;
    // One that is missing would be forgotten if a later one were told.
    if (overflowed_) return;
    queue_.push_back(notice);
    if (waiting_) waiting_->deliver(true);
}

/// False when the line is to end.
Task<bool> WatchLine::empty_queue() {
    while (!queue_.empty()) {
        auto notice = std::move(queue_.front());
        queue_.pop_front();
        calling_ = true;
        bool on = !ending_;
        if (on) on = co_await deal_with(std::move(notice));
        calling_ = false;
        if (!on) co_return false;
    }
    auto writes = std::move(unwritten_);
    unwritten_.clear();
    co_return co_await write(std::move(writes));
}

Task<bool> WatchLine::deal_with(kube::Notice notice) {
    const bool calls = is_wanted(definition_.spec, notice, memory_.is_new());
    if (calls) {
        const bool dealt = co_await deliver(notice);
        if (!dealt) co_return false;
    }
    if (notice.kind == kube::Notice::Kind::relisted) {
        memory_.count_relist(now_text());
        around_.relists.add();
        around_.log.log(Level::warn, "trigger",
                        "a Kubernetes watch had to list anew; changes in between were told as one",
                        {{"trigger", definition_.ns + "/" + definition_.name}});
    }
    for (auto& write : memory_.dealt_with(notice)) unwritten_.push_back(std::move(write));
    say(true, "Subscribed", "");
    if (!calls && unwritten_.size() < kMostUnwritten) co_return true;
    auto writes = std::move(unwritten_);
    unwritten_.clear();
    co_return co_await write(std::move(writes));
}

/// Until the function has taken the event, has refused it, or its retries are used up.
Task<bool> WatchLine::deliver(const kube::Notice& notice) {
    std::chrono::milliseconds pause = kFirstRetry;
    std::string error;
    for (int attempt = 1; attempt <= definition_.spec.max_retries + 1; ++attempt) {
        auto delivery = delivery_of(notice);
        delivery.attempt = attempt;
        calling_ = true;
        if (ending_) co_return false;
        const auto answer = co_await around_.deliverer.deliver(std::move(delivery));
        const auto outcome = outcome_of(answer);
        if (outcome != Outcome::done && (ending_ || tasks_.cancelled())) co_return false;
        if (outcome == Outcome::done) {
            memory_.count_event(true, "", now_text());
            around_.delivered.add();
            co_return true;
        }
        error = answer.error ? answer.error->message
                             : "the function answered " + std::to_string(answer.status);
        // A function that is not there yet may come.
        const bool missing = answer.error && answer.error->code == Errc::not_found;
        if (outcome == Outcome::refused && !missing) break;
        say(true, "Retrying", error);
        if (attempt > definition_.spec.max_retries) break;
        calling_ = false;  // nothing is lost if it ends here
        if (!co_await aio::sleep_until(Deadline::after(pause))) co_return false;
        pause = longer(pause, kLongestRetry);
    }
    memory_.count_event(false, error, now_text());
    around_.given_up.add();
    around_.log.log(Level::warn, "trigger", "an event of a Kubernetes watch was given up",
                    {{"trigger", definition_.ns + "/" + definition_.name},
                     {"object", kube::object_key(*notice.object)},
                     {"event", std::string(event_word(notice))},
                     {telemetry::kErr, error}});
    co_return true;
}

Delivery WatchLine::delivery_of(const kube::Notice& notice) const {
    const auto& object = *notice.object;
    const auto word = event_word(notice);
    std::string type = "hearth.kubernetes.";
    for (const char c : word) type += static_cast<char>(c | 0x20);
    Delivery delivery;
    delivery.ns = definition_.ns;
    delivery.function = definition_.spec.function;
    delivery.workflow = definition_.spec.workflow;
    delivery.trigger = "KubernetesWatchTrigger/" + definition_.ns + "/" + definition_.name;
    delivery.event.id = definition_.uid + "-" + kube::metadata_text(object, "uid") + "-" +
                        kube::metadata_text(object, "resourceVersion") + "-" + std::string(word);
    delivery.event.source =
        "/hearth/kuberneteswatchtriggers/" + definition_.ns + "/" + definition_.name;
    delivery.event.type = std::move(type);
    delivery.event.subject = kube::object_key(object);
    delivery.headers.add("Content-Type", "application/json");
    delivery.headers.add("X-Kubernetes-Event-Type", std::string(word));
    delivery.headers.add("X-Kubernetes-Object-Type", definition_.spec.kind);
    // Only a list that lacked it tells of it; the object is then what was known, its name at least.
    if (!notice.certain) delivery.headers.add("X-Hearth-Relisted", "true");
    auto whole = object;
    if (!whole.contains("kind")) whole["kind"] = definition_.spec.kind;
    if (!whole.contains("apiVersion")) whole["apiVersion"] = definition_.spec.api_version;
    delivery.body = boost::json::serialize(whole) + "\n";
    return delivery;
}

/// Until it is written; false when the line is to end.
Task<bool> WatchLine::write(std::vector<catalog::LedgerWrite> writes) {
    if (writes.empty()) co_return true;
    for (;;) {
        auto once = writes;
        const auto done = co_await around_.ledger.write(std::move(once));
        if (done) co_return true;
        if (tasks_.cancelled()) co_return false;
        say(true, "NotRecorded",
            "the watch waits: its ledger cannot be written: " + done.error().message);
        if (!co_await aio::sleep_until(Deadline::after(kLedgerRetry))) co_return false;
    }
}

}  // namespace hearth::trigger
