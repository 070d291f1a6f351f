#include "hearth/trigger/queue_triggers.hpp"

#include <boost/json.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "hearth/model/queue_trigger.hpp"
#include "hearth/model/specs.hpp"
#include "trigger/queue_runner.hpp"
#include "trigger/secret_reader.hpp"

namespace hearth::trigger {
namespace {

namespace json = boost::json;
using model::Kind;
using Spec = model::MessageQueueTriggerSpec;
using std::chrono::milliseconds;

constexpr milliseconds kReapEvery{200};

json::object condition(const char* type, bool good, const std::string& reason,
                       const std::string& message) {
    json::object out;
    out["type"] = type;
    out["status"] = good ? "True" : "False";
    out["reason"] = reason;
    out["message"] = message;
    return out;
}

json::object to_json(const QueueStatus& status) {
    json::object out;
    out["state"] = status.state;
    out["message"] = status.message;
    out["since"] = base::to_rfc3339(status.since);
    out["lag"] = status.lag ? json::value(*status.lag) : json::value(nullptr);
    out["inFlight"] = status.in_flight;
    out["held"] = status.held;
    out["delivered"] = status.delivered;
    out["retried"] = status.retried;
    out["failed"] = status.failed;
    out["dropped"] = status.dropped;
    json::array partitions;
    for (const int number : status.partitions) partitions.emplace_back(number);
    out["partitions"] = std::move(partitions);
    if (status.last_error_at) {
        json::object error;
        error["time"] = base::to_rfc3339(*status.last_error_at);
        error["message"] = status.last_error;
        out["lastError"] = std::move(error);
    }
    if (status.last_delivery_at) out["lastDelivery"] = base::to_rfc3339(*status.last_delivery_at);
    json::array conditions;
    conditions.push_back(condition("BindingReady", status.connected, status.state, status.message));
    conditions.push_back(condition("Ready", status.state == "Connected", status.state,
                                   status.state == "Connected" ? "" : status.message));
    out["conditions"] = std::move(conditions);
    return out;
}

Result<std::unique_ptr<QueueLink>> make_link(const LinkSettings& settings,
                                             std::function<void()> wake) {
    return settings.spec.queue == Spec::Queue::kafka ? make_kafka_link(settings, std::move(wake))
                                                     : make_nats_link(settings, std::move(wake));
}

class CatalogQueueTriggers final : public QueueTriggers {
 public:
    CatalogQueueTriggers(QueueTriggersOptions options, catalog::Catalog& catalog,
                         backend::SettingsSource* settings, Deliverer& deliverer,
                         aio::Shards& shards, telemetry::Logger& log, telemetry::Registry& metrics);
    ~CatalogQueueTriggers() override { stop(); }

    void start() override;
    void stop() override;
    json::object status(const model::Resource& trigger) const override;

 private:
    using Name = std::pair<std::string, std::string>;
    struct Running {
        std::unique_ptr<QueueRunner> runner;
        std::int64_t generation = 0;
    };

    void note(const std::vector<catalog::Change>& changes);
    void work();
    void look_at(const Name& name);
    void secret_changed(const Name& secret);
    milliseconds call_limit(const std::string& ns, const std::string& function) const;

    const QueueTriggersOptions options_;
    catalog::Catalog& catalog_;
    SecretReader secrets_;
    telemetry::Logger& log_;
    QueueSurroundings around_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::set<Name> triggers_to_see_, secrets_to_see_;
    bool stopping_ = false;
    std::map<Name, Running> running_;  ///< changed by the thread alone, under the mutex
    std::vector<std::unique_ptr<QueueRunner>> retired_;  ///< the thread's own
    catalog::Catalog::Subscription subscription_;
    std::thread thread_;
};

CatalogQueueTriggers::CatalogQueueTriggers(QueueTriggersOptions options, catalog::Catalog& catalog,
                                           backend::SettingsSource* settings, Deliverer& deliverer,
                                           aio::Shards& shards, telemetry::Logger& log,
                                           telemetry::Registry& metrics)
    : options_(std::move(options)),
      catalog_(catalog),
      secrets_(catalog, settings, shards),
      log_(log),
      around_{shards,
              deliverer,
              log,
              metrics,
              make_link,
              [this](const std::string& ns, const std::string& name) {
                  return secrets_.read(ns, name);
              },
              [this](const std::string& ns, const std::string& function) {
                  return call_limit(ns, function);
              }} {}

void CatalogQueueTriggers::start() {
    subscription_ = catalog_.subscribe([this](const auto& changes) { note(changes); });
    catalog::ListQuery query;
    query.kind = Kind::message_queue_trigger;
    std::lock_guard lock(mutex_);
    for (const auto& record : catalog_.list(query))
        triggers_to_see_.emplace(record->metadata.ns, record->metadata.name);
    thread_ = std::thread([this] { work(); });
}

void CatalogQueueTriggers::note(const std::vector<catalog::Change>& changes) {
    std::lock_guard lock(mutex_);
    for (const auto& change : changes) {
        const auto& record = *change.record;
        Name name{record.metadata.ns, record.metadata.name};
        if (record.kind == Kind::message_queue_trigger)
            triggers_to_see_.insert(std::move(name));
        else if (record.kind == Kind::secret)
            secrets_to_see_.insert(std::move(name));
        else
            continue;
        changed_.notify_one();
    }
}

void CatalogQueueTriggers::work() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const auto triggers = std::exchange(triggers_to_see_, {});
        const auto secrets = std::exchange(secrets_to_see_, {});
        // The catalog calls note() with locks of its own held.
        lock.unlock();
        for (const auto& name : triggers) look_at(name);
        for (const auto& name : secrets) secret_changed(name);
        std::erase_if(retired_, [](const auto& runner) { return runner->stopped(); });
        lock.lock();
        const auto something = [this] {
            return stopping_ || !triggers_to_see_.empty() || !secrets_to_see_.empty();
        };
        if (retired_.empty())
            changed_.wait(lock, something);
        else
            changed_.wait_for(lock, kReapEvery, something);
    }
}

/// Starts, replaces or ends the trigger's runner as the catalog has it now.
void CatalogQueueTriggers::look_at(const Name& name) {
    const auto record = catalog_.find(Kind::message_queue_trigger, name.first, name.second);
    const auto at = running_.find(name);
    if (record && at != running_.end() && at->second.generation == record->metadata.generation)
        return;
    if (at != running_.end()) {
        at->second.runner->begin_stop();
        retired_.push_back(std::move(at->second.runner));
        std::lock_guard lock(mutex_);
        running_.erase(at);
    }
    if (!record) return;
    auto spec = record->decode(model::decode_message_queue_trigger);
    if (!spec) {
        log_.log(
            telemetry::Level::error, "trigger", "a queue trigger cannot be read",
            {{"trigger", name.first + "/" + name.second}, {telemetry::kErr, spec.error().message}});
        return;
    }
    if (spec->bootstrap_servers.empty()) spec->bootstrap_servers = options_.kafka_brokers;
    if (spec->servers.empty()) spec->servers = options_.nats_servers;
    auto runner = std::make_unique<QueueRunner>(
        QueueNames{name.first, name.second, std::move(*spec)}, around_);
    runner->start();
    std::lock_guard lock(mutex_);
    running_[name] = Running{std::move(runner), record->metadata.generation};
}

void CatalogQueueTriggers::secret_changed(const Name& secret) {
    for (auto& [name, running] : running_) {
        if (name.first == secret.first && running.runner->names().spec.secret == secret.second)
            running.runner->reconnect();
    }
}

void CatalogQueueTriggers::stop() {
    subscription_.reset();
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
    for (auto& [name, running] : running_) running.runner->begin_stop();
    retired_.clear();
    std::map<Name, Running> ending;
    {
        std::lock_guard lock(mutex_);
        ending.swap(running_);
    }
}

milliseconds CatalogQueueTriggers::call_limit(const std::string& ns,
                                              const std::string& function) const {
    const auto record = catalog_.find(Kind::function, ns, function);
    const auto spec = record ? record->decode(model::decode_function)
                             : Result<model::FunctionSpec>(model::FunctionSpec{});
    return spec ? spec->function_timeout : model::FunctionSpec{}.function_timeout;
}

json::object CatalogQueueTriggers::status(const model::Resource& trigger) const {
    QueueStatus status;
    status.state = "Starting";
    std::lock_guard lock(mutex_);
    const auto at = running_.find({trigger.metadata.ns, trigger.metadata.name});
    if (at != running_.end()) status = at->second.runner->status();
    return to_json(status);
}

}  // namespace

std::unique_ptr<QueueTriggers> QueueTriggers::make(QueueTriggersOptions options,
                                                   catalog::Catalog& catalog,
                                                   backend::SettingsSource* settings,
                                                   Deliverer& deliverer, aio::Shards& shards,
                                                   telemetry::Logger& log,
                                                   telemetry::Registry& metrics) {
    return std::make_unique<CatalogQueueTriggers>(std::move(options), catalog, settings, deliverer,
                                                  shards, log, metrics);
}

}  // namespace hearth::trigger
