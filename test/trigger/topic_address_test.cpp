#include "trigger/topic_address.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::trigger;
using Queue = model::MessageQueueTriggerSpec::Queue;

TEST_CASE("topic address: it can be read, and is read back", "[trigger][unit]") {
    struct Row {
        Queue queue;
        std::string servers, name, secret, url;
    };
    const Row row =
        GENERATE(Row{Queue::kafka, "", "orders", "", "kafka:///orders"},
                 Row{Queue::kafka, "a:9092,b:9092", "orders", "login",
                     "kafka://a:9092,b:9092/orders?secret=login"},
                 Row{Queue::nats, "nats://n:4222", "a.b", "", "nats://nats:%2F%2Fn:4222/a.b"},
                 Row{Queue::jetstream, "tls://n", "50%?/x", "s",
                     "nats-jetstream://tls:%2F%2Fn/50%25%3F%2Fx?secret=s"});
    model::CallTopic topic;
    topic.queue = row.queue;
    topic.servers = row.servers;
    topic.name = row.name;
    topic.secret = row.secret;
    CHECK(topic_url(topic) == row.url);
    CHECK(is_topic_url(row.url));
    CHECK(parse_topic_url(row.url).value() == topic);
}

TEST_CASE("topic address: what is none", "[trigger][unit]") {
    for (const auto* url :
         {"https://a.example/x", "kafka://only-servers", "nats:///", "kafka://%zz/t", ""}) {
        INFO(url);
        CHECK(parse_topic_url(url).has_error());
    }
    CHECK_FALSE(is_topic_url("https://a.example/kafka://"));
}
