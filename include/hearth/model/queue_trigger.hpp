#pragma once

#include <chrono>
#include <string>

#include "hearth/base/result.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::model {

/// Which messages of one topic call which function. What metadata leaves out has its default here.
struct MessageQueueTriggerSpec {
    enum class Queue { kafka, nats, jetstream };
    enum class Ordering {
        key,         ///< messages of one partition with the same key one after another, others side by side
        partition,   ///< all of a partition one after another
        none
    };
    Queue queue = Queue::kafka;
    std::string function;              ///< functionref.name
    bool workflow = false;             ///< functionref.type workflow: `function` names a Workflow
    std::string topic, resp_topic, error_topic;
    int max_retries = 0;               ///< calls after the first failed one
    std::string content_type = "application/json";
    std::string secret;                ///< credentials; empty: none
    int concurrency = 10;              ///< calls of this trigger at once
    int batch_size = 1;                ///< messages of one call at most
    Ordering ordering = Ordering::key;
    std::chrono::milliseconds retry_delay{1'000};   ///< before the first retry; doubles with each
    // Kafka.
    std::string bootstrap_servers;     ///< empty: the configuration's
    std::string consumer_group;        ///< hearth.<namespace>.<name> unless given
    bool from_latest = false;          ///< a group without an offset starts at the end
    std::string sasl = "none";         ///< none, plaintext, scram_sha256, scram_sha512
    bool tls = false;
    // NATS.
    std::string servers;               ///< URLs with commas between; empty: the configuration's
    std::string stream, consumer;      ///< JetStream; stream empty: the one that takes `topic`
    std::string queue_group;           ///< of core subjects
    std::chrono::milliseconds ack_wait{30'000};     ///< JetStream sends again what was not acknowledged by then
    bool operator==(const MessageQueueTriggerSpec&) const = default;
};

/// The typed form of a resource that check() accepted. Errors: internal when it was not.
Result<MessageQueueTriggerSpec> decode_message_queue_trigger(const Resource& resource);

}  // namespace hearth::model
