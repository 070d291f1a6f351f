#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <set>
#include <thread>

#include "support/catch.hpp"
#include "trigger/queue_link.hpp"

using namespace hearth;
using namespace hearth::trigger;
using namespace std::chrono_literals;

namespace {

/// librdkafka's brokers within this process.
class MockCluster {
 public:
    MockCluster() {
        char text[512];
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
        cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
        rd_kafka_mock_topic_create(cluster_, "orders", 2, 1);
        rd_kafka_mock_topic_create(cluster_, "failed", 1, 1);
    }
    ~MockCluster() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(owner_);
    }
    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    rd_kafka_mock_cluster_t* get() { return cluster_; }

 private:
    rd_kafka_t* owner_;
    rd_kafka_mock_cluster_t* cluster_;
};

struct Seen final : LinkListener {
    void on_message(QueueMessage message) override { messages.push_back(std::move(message)); }
    void on_assigned(const std::vector<int>& numbers) override {
        ++assignments;
        partitions.insert(numbers.begin(), numbers.end());
    }
    void on_revoked(std::chrono::milliseconds) override {
        ++revocations;
        if (when_revoked) when_revoked();
    }
    void on_lost() override { ++losses; }
    void on_published(std::uint64_t token, std::optional<PublishFault> fault) override {
        published[token] = fault ? fault->why : "";
    }
    std::vector<QueueMessage> messages;
    std::set<int> partitions;
    std::map<std::uint64_t, std::string> published;
    std::function<void()> when_revoked;
    int assignments = 0, revocations = 0, losses = 0;
};

LinkSettings settings_for(const MockCluster& cluster, const std::string& topic = "orders") {
    LinkSettings settings;
    settings.ns = "default";
    settings.name = "q";
    settings.spec.topic = topic;
    settings.spec.consumer_group = "g";
    settings.spec.bootstrap_servers = cluster.brokers();
    return settings;
}

template <class F>
bool soon(QueueLink& link, Seen& seen, F condition, std::chrono::seconds limit = 90s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
        link.poll(seen);
        if (condition()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

void send(QueueLink& link, Seen& seen, const std::string& topic, int from, int to) {
    for (int i = from; i < to; ++i) {
        OutgoingMessage out;
        out.topic = topic;
        out.key = "k" + std::to_string(i % 5);
        out.value = std::to_string(i);
        out.headers = {{"n", std::to_string(i)}};
        REQUIRE_FALSE(link.publish(static_cast<std::uint64_t>(1000 + i), std::move(out)));
    }
    const auto last = static_cast<std::uint64_t>(1000 + to - 1);
    REQUIRE(soon(link, seen, [&] { return seen.published.contains(last); }));
}

std::unique_ptr<QueueLink> open(const LinkSettings& settings) {
    auto made = make_kafka_link(settings, [] {});
    REQUIRE(made);
    return std::move(*made);
}

std::size_t distinct(const Seen& seen) {
    std::set<std::string> values;
    for (const auto& message : seen.messages) values.insert(message.value);
    return values.size();
}

}  // namespace

TEST_CASE("kafka: messages come with key, headers and place, and a position outlives the link") {
    MockCluster cluster;
    {
        Seen seen;
        auto link = open(settings_for(cluster));
        send(*link, seen, "orders", 0, 20);
        REQUIRE(soon(*link, seen, [&] { return seen.messages.size() == 20; }));
        CHECK(seen.partitions == std::set<int>{0, 1});
        const auto& first = seen.messages.front();
        CHECK(first.topic == "orders");
        CHECK(first.key.has_value());
        CHECK(first.headers == MessageHeaders{{"n", first.value}});
        CHECK(link->state().connected);
        seen.when_revoked = [&] {
            std::map<int, std::int64_t> ends;
            for (const auto& message : seen.messages)
                ends[message.partition] = std::max(ends[message.partition], message.offset + 1);
            for (const auto& [partition, end] : ends) link->store(partition, end);
        };
        link->close(seen, 100ms);
        CHECK(seen.revocations == 1);
    }
    Seen later;
    auto link = open(settings_for(cluster));
    send(*link, later, "orders", 20, 21);
    REQUIRE(soon(*link, later, [&] { return !later.messages.empty(); }));
    std::this_thread::sleep_for(200ms);
    link->poll(later);
    CHECK(later.messages.size() == 1);
    CHECK(later.messages[0].value == "20");
    link->close(later, 0ms);
}

TEST_CASE("kafka: what was not stored comes again") {
    MockCluster cluster;
    {
        Seen seen;
        auto link = open(settings_for(cluster));
        send(*link, seen, "orders", 0, 10);
        REQUIRE(soon(*link, seen, [&] { return seen.messages.size() == 10; }));
        link->close(seen, 0ms);
    }
    Seen again;
    auto link = open(settings_for(cluster));
    CHECK(soon(*link, again, [&] { return again.messages.size() == 10; }));
    link->close(again, 0ms);
}

TEST_CASE("kafka: a partition that is paused is not read; the others are") {
    MockCluster cluster;
    Seen seen;
    auto link = open(settings_for(cluster));
    REQUIRE(soon(*link, seen, [&] { return seen.partitions.size() == 2; }));
    link->pause(0, true);
    send(*link, seen, "orders", 0, 40);
    std::this_thread::sleep_for(500ms);
    link->poll(seen);
    for (const auto& message : seen.messages) CHECK(message.partition == 1);
    link->pause(0, false);
    CHECK(soon(*link, seen, [&] { return seen.messages.size() == 40; }));
    link->close(seen, 0ms);
}

TEST_CASE("kafka: errors of a group's coordinator are got over, one after another") {
    MockCluster cluster;
    Seen seen;
    auto link = open(settings_for(cluster));
    REQUIRE(soon(*link, seen, [&] { return seen.partitions.size() == 2; }));
    int sent = 0;
    for (const auto code :
         {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
          RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
          RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID}) {
        INFO(rd_kafka_err2name(code));
        // Of heartbeats, by their number in the protocol.
        rd_kafka_mock_push_request_errors(cluster.get(), 12, 1, code);
        send(*link, seen, "orders", sent, sent + 5);
        sent += 5;
        REQUIRE(
            soon(*link, seen, [&] { return distinct(seen) == static_cast<std::size_t>(sent); }));
        REQUIRE(soon(*link, seen, [&] { return link->state().connected; }));
    }
    link->close(seen, 0ms);
}

TEST_CASE("kafka: a broker that goes and comes is told and got over") {
    MockCluster cluster;
    Seen seen;
    auto link = open(settings_for(cluster));
    REQUIRE(soon(*link, seen, [&] { return link->state().connected; }));
    rd_kafka_mock_broker_set_down(cluster.get(), 1);
    REQUIRE(soon(*link, seen, [&] { return link->state().word == "Disconnected"; }));
    CHECK_FALSE(link->state().message.empty());
    CHECK_FALSE(link->state().reopen);
    rd_kafka_mock_broker_set_up(cluster.get(), 1);
    REQUIRE(soon(*link, seen, [&] { return link->state().connected; }));
    send(*link, seen, "orders", 0, 3);
    CHECK(soon(*link, seen, [&] { return distinct(seen) == 3; }));
    link->close(seen, 0ms);
}

TEST_CASE("kafka: a publication that the topic refuses is told with the reason") {
    MockCluster cluster;
    Seen seen;
    auto link = open(settings_for(cluster));
    // Produce, by its number in the protocol.
    rd_kafka_mock_push_request_errors(cluster.get(), 0, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    OutgoingMessage out;
    out.topic = "failed";
    out.value = "x";
    REQUIRE_FALSE(link->publish(1, out));
    REQUIRE(soon(*link, seen, [&] { return seen.published.contains(1); }));
    CHECK(seen.published[1].find("authorization failed") != std::string::npos);
    // The client gives the topic up until it has asked for it again; then it is as before.
    REQUIRE(soon(*link, seen, [&] { return !link->publish(2, out).has_value(); }));
    REQUIRE(soon(*link, seen, [&] { return seen.published.contains(2); }));
    CHECK(seen.published[2].empty());
    link->close(seen, 0ms);
}

TEST_CASE("kafka: a broker that is not there is a state, and closing does not wait for it") {
    LinkSettings settings;
    settings.ns = "default";
    settings.name = "q";
    settings.spec.topic = "orders";
    settings.spec.consumer_group = "g";
    settings.spec.bootstrap_servers = "127.0.0.1:1";
    Seen seen;
    auto link = open(settings);
    REQUIRE(soon(*link, seen,
                 [&] { return link->state().message.find("127.0.0.1:1") != std::string::npos; }));
    CHECK(link->state().word == "Connecting");
    const auto began = std::chrono::steady_clock::now();
    link->close(seen, 100ms);
    link.reset();
    CHECK(std::chrono::steady_clock::now() - began < 5s);
}
