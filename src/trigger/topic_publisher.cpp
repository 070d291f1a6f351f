#include "hearth/trigger/topic_publisher.hpp"

#include <map>
#include <mutex>

#include "trigger/secret_reader.hpp"
#include "trigger/topic_address.hpp"
#include "trigger/topic_port.hpp"

namespace hearth::trigger {
namespace {

// Each has a thread; functions that name more servers and Secrets than this are no sane set-up.
constexpr std::size_t kMostPorts = 128;

/// CloudEvents' Kafka binding has ce_NAME and content-type; the one of NATS is that of HTTP.
OutgoingMessage message_of(const model::CallTopic& topic, catalog::CallRequest request) {
    OutgoingMessage message;
    message.topic = topic.name;
    message.value = std::move(request.body);
    const bool kafka = topic.queue == model::MessageQueueTriggerSpec::Queue::kafka;
    for (auto& [name, value] : request.headers) {
        if (kafka && name == "Nats-Msg-Id") continue;
        if (kafka && name.starts_with("ce-")) name[2] = '_';
        if (kafka && name == "Content-Type") name = "content-type";
        message.headers.emplace_back(std::move(name), std::move(value));
    }
    return message;
}

class Publisher final : public TopicPublisher {
 public:
    Publisher(QueueTriggersOptions options, catalog::Catalog& catalog,
              backend::SettingsSource* settings, aio::Shards& shards)
        : options_(std::move(options)), secrets_(catalog, settings, shards) {}
    ~Publisher() override { stop(); }

    Task<Result<void>> publish(catalog::CallRequest request, Deadline deadline) override {
        auto topic = parse_topic_url(request.url);
        if (!topic) co_return topic.error();
        auto port = port_for(request.ns, *topic);
        if (!port) co_return port.error();
        auto executor = co_await aio::net::this_coro::executor;
        auto done = std::make_shared<aio::OneShot<Result<void>>>(executor);
        auto queued = (*port)->submit(message_of(*topic, std::move(request)), done);
        if (queued.has_error()) co_return queued;
        auto result = co_await done->wait(deadline);
        if (!result)
            co_return Error(deadline.passed() ? Errc::deadline_exceeded : Errc::cancelled,
                            "the broker did not confirm the message in time");
        co_return std::move(*result);
    }

    void stop() override {
        std::map<Key, std::shared_ptr<TopicPort>> ending;
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
            ending.swap(ports_);
        }
        for (auto& [key, port] : ending) port->begin_stop();
        for (auto& [key, port] : ending) port->join();
    }

 private:
    struct Key {
        model::MessageQueueTriggerSpec::Queue queue;
        std::string servers, ns, secret;
        auto operator<=>(const Key&) const = default;
    };

    Result<std::shared_ptr<TopicPort>> port_for(const std::string& ns,
                                                const model::CallTopic& topic) {
        // Without a Secret the namespace makes no difference.
        Key key{topic.queue, topic.servers, topic.secret.empty() ? "" : ns, topic.secret};
        const bool kafka = topic.queue == model::MessageQueueTriggerSpec::Queue::kafka;
        if (key.servers.empty())
            key.servers = kafka ? options_.kafka_brokers : options_.nats_servers;
        if (key.servers.empty())
            return Error(Errc::invalid_argument,
                         kafka ? "no brokers are named: give topic.servers, or "
                                 "queues.kafkaBrokers in the daemon's configuration"
                               : "no server is named: give topic.servers, or queues.natsServers in "
                                 "the daemon's configuration");
        std::lock_guard lock(mutex_);
        if (stopping_) return Error(Errc::unavailable, "the daemon is stopping", {}, "trigger");
        auto& port = ports_[key];
        if (port) return port;
        if (ports_.size() > kMostPorts) {
            ports_.erase(key);
            return Error(Errc::exhausted, "destinations name too many different servers", {},
                         "trigger");
        }
        LinkSettings settings;
        settings.ns = ns;
        settings.name = "destinations";
        settings.spec.queue = topic.queue;
        settings.spec.secret = topic.secret;
        settings.spec.bootstrap_servers = settings.spec.servers = key.servers;
        port = std::make_shared<TopicPort>(std::move(settings), secrets_);
        return port;
    }

    const QueueTriggersOptions options_;
    const SecretReader secrets_;
    std::mutex mutex_;
    bool stopping_ = false;
    std::map<Key, std::shared_ptr<TopicPort>> ports_;
};

}  // namespace

std::unique_ptr<TopicPublisher> TopicPublisher::make(QueueTriggersOptions options,
                                                     catalog::Catalog& catalog,
                                                     backend::SettingsSource* settings,
                                                     aio::Shards& shards) {
    return std::make_unique<Publisher>(std::move(options), catalog, settings, shards);
}

}  // namespace hearth::trigger
