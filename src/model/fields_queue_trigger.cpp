#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kQueueTrigger[] = {
    {"spec", object, true, "", "", "Which messages call which function."},
    {"spec.functionref", object, true, "", "", "The function that is called."},
    {"spec.functionref.type", string, false, "name", "enum:,name,workflow",
     "`name`, or `workflow`: each message starts a run of a Workflow."},
    {"spec.functionref.name", string, true, "", "dns1123", "Name of the Function or Workflow."},
    {"spec.functionref.alias", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.version", string, false, "", "", "Refused: comes with versions."},
    {"spec.functionref.functionweights", any, false, "", "", "Refused unless empty."},
    {"spec.messageQueueType", string, true, "", "enum:kafka,nats,nats-jetstream",
     "`kafka` and `nats-jetstream` call at least once per message; `nats` (core subjects) at most "
     "once."},
    {"spec.mqtkind", string, false, "", "enum:,fission,keda",
     "Fission's choice of connector; here all are part of the daemon."},
    {"spec.topic", string, true, "", "maxlen:249",
     "Kafka topic, or NATS subject with `*` and `>` as NATS reads them."},
    {"spec.respTopic", string, false, "", "maxlen:249",
     "Gets the function's answer; a message counts as done when the broker has it."},
    {"spec.errorTopic", string, false, "", "maxlen:249",
     "Gets each message that failed for good, with X-Hearth-Error-* headers; without it such a "
     "message is dropped."},
    {"spec.maxRetries", integer, false, "0", "range:0..1000",
     "Calls after the first failed one. Calls that the platform could not make are not counted."},
    {"spec.contentType", string, false, "application/json", "maxlen:255",
     "Content-Type of the call when the message tells none."},
    {"spec.secret", string, false, "", "dns1123",
     "Secret with `username`, `password`, `ca`, `cert`, `key` (PEM), `keyPassword`; for NATS also "
     "`token` or `credentials` (a creds file)."},
    {"spec.pollingInterval", integer, false, "", "noeffect", "KEDA's."},
    {"spec.cooldownPeriod", integer, false, "", "noeffect", "KEDA's."},
    {"spec.minReplicaCount", integer, false, "", "noeffect", "KEDA's."},
    {"spec.maxReplicaCount", integer, false, "", "noeffect", "KEDA's."},
    {"spec.podspec", any, false, "", "noeffect", "Of Fission's connector pods."},
    {"spec.metadata", object, false, "", "", "Settings of the queue, each a text."},
    {"spec.metadata.topic", string, false, "", "noeffect", "KEDA's; `spec.topic` counts."},
    {"spec.metadata.concurrency", string, false, "10", "count",
     "Calls of this trigger at once, 1 to 1000."},
    {"spec.metadata.batchSize", string, false, "1", "count",
     "Messages of one call at most, 1 to 1000; above 1 the body is application/cloudevents-batch"
     "+json."},
    {"spec.metadata.ordering", string, false, "key", "enum:key,partition,none",
     "Kafka: which messages wait for the one before; with batchSize above 1 `key` acts as "
     "`partition`."},
    {"spec.metadata.retryDelay", duration, false, "1s", "positive",
     "Pause before the first retry; doubles with each, up to a minute."},
    {"spec.metadata.bootstrapServers", string, false, "", "maxlen:1024",
     "Kafka brokers as host:port, commas between; `queues.kafkaBrokers` of the configuration when "
     "absent."},
    {"spec.metadata.consumerGroup", string, false, "hearth.<namespace>.<name>", "maxlen:249",
     "Kafka consumer group, which keeps the position."},
    {"spec.metadata.offsetResetPolicy", string, false, "earliest", "enum:earliest,latest",
     "Where a group without a position starts."},
    {"spec.metadata.sasl", string, false, "none", "enum:none,plaintext,scram_sha256,scram_sha512",
     "How Kafka is told `username` and `password` of the Secret; its key `sasl` goes before."},
    {"spec.metadata.tls", string, false, "disable", "enum:disable,enable",
     "TLS to the broker, checked against `ca` of the Secret or the system's; the Secret's key "
     "`tls` goes before."},
    {"spec.metadata.unsafeSsl", string, false, "", "enum:,false",
     "Certificates are always checked: put the broker's CA into the Secret's key `ca`."},
    {"spec.metadata.natsServer", string, false, "", "maxlen:1024",
     "NATS URLs, commas between; `queues.natsServers` of the configuration when absent."},
    {"spec.metadata.queueGroup", string, false, "hearth-<namespace>-<name>", "maxlen:128",
     "Queue group of a core subject: one of its members gets each message."},
    {"spec.metadata.stream", string, false, "", "maxlen:128",
     "JetStream stream; the one that takes `topic` when absent."},
    {"spec.metadata.consumer", string, false, "hearth-<namespace>-<name>", "maxlen:128",
     "Durable pull consumer, made when it does not exist."},
    {"spec.metadata.ackWait", duration, false, "30s", "positive",
     "JetStream delivers again what it heard nothing of for so long; calls that last longer are "
     "reported in time."},
    {"spec.metadata.account", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.activationLagThreshold", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.allowIdleConsumers", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.ensureEvenDistributionOfPartitions", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.excludePersistentLag", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.lagThreshold", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.limitToPartitionsWithLag", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.natsServerMonitoringEndpoint", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.partitionLimitation", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.saslTokenProviderType", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.scaleToZeroOnInvalidOffset", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.useHttps", string, false, "", "noeffect", "KEDA's."},
    {"spec.metadata.version", string, false, "", "noeffect", "KEDA's."},
};

}  // namespace

std::span<const FieldRow> message_queue_trigger_fields() {
    return kQueueTrigger;
}

}  // namespace hearth::model
