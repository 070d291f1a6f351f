#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "hearth/model/queue_trigger.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::model;
using namespace std::chrono_literals;

namespace {

Checked check_spec(const std::string& spec) {
    const auto parsed = parse_documents(
        "apiVersion: fission.io/v1\nkind: MessageQueueTrigger\nmetadata: {name: q}\nspec:\n" + spec,
        "f.yaml");
    REQUIRE(parsed.faults.empty());
    REQUIRE(parsed.documents.size() == 1);
    return check(parsed.documents.front(), "default");
}

std::vector<std::string> texts(const std::vector<Fault>& faults) {
    std::vector<std::string> out;
    for (const auto& fault : faults) out.push_back(to_string(fault));
    return out;
}

const std::string kKafka =
    "  functionref: {type: name, name: f}\n  messageQueueType: kafka\n  topic: orders\n"
    "  errorTopic: orders-failed\n";

}  // namespace

TEST_CASE("a queue trigger of Fission's tools is taken, and what has no effect is said") {
    const auto checked =
        check_spec(kKafka +
                   "  mqtkind: keda\n  maxRetries: 3\n  contentType: text/plain\n"
                   "  pollingInterval: 30\n  cooldownPeriod: 300\n"
                   "  minReplicaCount: 0\n  maxReplicaCount: 100\n"
                   "  secret: kafka-login\n  metadata:\n"
                   "    bootstrapServers: kafka:9092\n    consumerGroup: g\n"
                   "    lagThreshold: \"5\"\n    sasl: scram_sha256\n    tls: enable\n"
                   "    offsetResetPolicy: latest\n");
    CHECK(texts(checked.faults).empty());
    const auto warned = texts(checked.warnings);
    CHECK(warned.size() == 4);
    const auto spec = decode_message_queue_trigger(checked.resource);
    REQUIRE(spec);
    CHECK(spec->queue == MessageQueueTriggerSpec::Queue::kafka);
    CHECK(spec->function == "f");
    CHECK(spec->max_retries == 3);
    CHECK(spec->content_type == "text/plain");
    CHECK(spec->bootstrap_servers == "kafka:9092");
    CHECK(spec->consumer_group == "g");
    CHECK(spec->from_latest);
    CHECK(spec->sasl == "scram_sha256");
    CHECK(spec->tls);
    CHECK(spec->concurrency == 10);
    CHECK(spec->ordering == MessageQueueTriggerSpec::Ordering::key);
}

TEST_CASE("defaults of a queue trigger come from its own name") {
    const auto checked = check_spec(
        "  functionref: {name: f}\n  messageQueueType: nats-jetstream\n  topic: orders.>\n"
        "  errorTopic: failed.orders\n  metadata: {batchSize: \"20\", ackWait: 5s, retryDelay: "
        "100ms}\n");
    CHECK(texts(checked.faults).empty());
    CHECK(texts(checked.warnings).empty());
    const auto spec = decode_message_queue_trigger(checked.resource);
    REQUIRE(spec);
    CHECK(spec->queue == MessageQueueTriggerSpec::Queue::jetstream);
    CHECK(spec->consumer == "hearth-default-q");
    CHECK(spec->consumer_group == "hearth.default.q");
    CHECK(spec->batch_size == 20);
    CHECK(spec->ordering == MessageQueueTriggerSpec::Ordering::partition);
    CHECK(spec->ack_wait == 5s);
    CHECK(spec->retry_delay == 100ms);
}

TEST_CASE("what a queue trigger loses is said when it is written") {
    const auto nats =
        check_spec("  functionref: {name: f}\n  messageQueueType: nats\n  topic: a\n");
    REQUIRE(nats.warnings.size() == 1);
    CHECK(nats.warnings[0].message.find("at most once") != std::string::npos);
    const auto kafka =
        check_spec("  functionref: {name: f}\n  messageQueueType: kafka\n  topic: a\n");
    REQUIRE(kafka.warnings.size() == 1);
    CHECK(kafka.warnings[0].path == "spec.errorTopic");
}

TEST_CASE("faults of a queue trigger have a place and a remedy") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"  functionref: {name: f}\n  messageQueueType: kafka\n  topic: a b\n",
         "spec.topic: is no Kafka topic: letters, digits, '.', '_' and '-' alone"},
        {"  functionref: {name: f}\n  messageQueueType: nats\n  topic: a..b\n",
         "spec.topic: is no NATS subject: a part between two dots is empty"},
        {"  functionref: {name: f}\n  messageQueueType: nats\n  topic: a.>.b\n",
         "spec.topic: is no NATS subject: `>` stands at the end only"},
        {"  functionref: {name: f}\n  messageQueueType: nats\n  topic: a\n  respTopic: b.*\n",
         "spec.respTopic: names one subject: `*` and `>` are for spec.topic"},
        {kKafka + "  respTopic: orders\n",
         "spec.respTopic: is spec.topic itself: the function would be called without end"},
        {kKafka + "  metadata: {sasl: plaintext}\n",
         "spec.secret: is missing; metadata.sasl needs a Secret with username and password"},
        {kKafka + "  metadata: {natsServer: \"nats://me:pw@host\"}\n",
         "spec.metadata.natsServer: holds credentials; put them into a Secret and name it in "
         "spec.secret"},
        {kKafka + "  metadata: {concurrency: \"0\"}\n",
         "spec.metadata.concurrency: must be a whole number from 1 to 1000, as text"},
        {kKafka + "  respTopic: done\n  metadata: {batchSize: \"2\"}\n",
         "spec.respTopic: goes not together with metadata.batchSize above 1: one answer cannot be "
         "told to belong to one message"},
        {kKafka + "  metadata: {bootstrapServer: x}\n", "did you mean bootstrapServers?"},
        {"  functionref: {name: f}\n  messageQueueType: rabbitmq\n  topic: a\n",
         "spec.messageQueueType: must be one of kafka, nats, nats-jetstream"},
        {"  functionref: {name: f, alias: live}\n  messageQueueType: kafka\n  topic: a\n",
         "spec.functionref.alias: is not supported by this server: use type name and name alone"},
    }));
    const auto checked = check_spec(std::get<0>(row));
    std::string all;
    for (const auto& line : texts(checked.faults)) all += line + "\n";
    INFO(all);
    CHECK(all.find(std::get<1>(row)) != std::string::npos);
}
