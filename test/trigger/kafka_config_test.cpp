#include "trigger/kafka_config.hpp"

#include <algorithm>

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::trigger;
using namespace std::chrono_literals;

namespace {

std::string value_of(const KafkaProperties& list, const std::string& key) {
    const auto at = std::find_if(list.begin(), list.end(), [&](auto& p) { return p.first == key; });
    return at == list.end() ? std::string() : at->second;
}

LinkSettings settings() {
    LinkSettings out;
    out.ns = "default";
    out.name = "q";
    out.spec.topic = "orders";
    out.spec.consumer_group = "g";
    out.spec.bootstrap_servers = "127.0.0.1:1";
    out.spec.secret = "login";
    return out;
}

}  // namespace

TEST_CASE("positions are kept by hand and the assignor is an eager one") {
    auto wanted = settings();
    wanted.call_limit = 600s;
    const auto plan = plan_kafka(wanted);
    REQUIRE(plan);
    CHECK(value_of(plan->consumer, "enable.auto.offset.store") == "false");
    CHECK(value_of(plan->consumer, "partition.assignment.strategy") == "range,roundrobin");
    CHECK(value_of(plan->consumer, "max.poll.interval.ms") == "1200000");
    CHECK(value_of(plan->consumer, "auto.offset.reset") == "earliest");
    CHECK(value_of(plan->common, "security.protocol") == "plaintext");
    CHECK(value_of(plan->producer, "acks") == "all");
}

TEST_CASE("credentials of the Secret become SASL and TLS") {
    auto wanted = settings();
    wanted.spec.sasl = "scram_sha512";
    wanted.spec.tls = true;
    wanted.credentials = {{"username", "u"}, {"password", "p"}, {"ca", "PEM"}};
    const auto plan = plan_kafka(wanted);
    REQUIRE(plan);
    CHECK(value_of(plan->common, "security.protocol") == "sasl_ssl");
    CHECK(value_of(plan->common, "sasl.mechanism") == "SCRAM-SHA-512");
    CHECK(value_of(plan->common, "sasl.password") == "p");
    CHECK(value_of(plan->common, "ssl.ca.pem") == "PEM");
    wanted.credentials["tls"] = "disable";
    wanted.credentials["sasl"] = "plaintext";
    const auto other = plan_kafka(wanted);
    REQUIRE(other);
    CHECK(value_of(other->common, "security.protocol") == "sasl_plaintext");
    CHECK(value_of(other->common, "sasl.mechanism") == "PLAIN");
}

TEST_CASE("what is missing is named, with the place where it goes") {
    auto wanted = settings();
    wanted.spec.sasl = "plaintext";
    wanted.credentials = {{"username", "u"}};
    CHECK(plan_kafka(wanted).error().message ==
          "the Secret default/login has no key password, which sasl plaintext needs");
    wanted.spec.bootstrap_servers.clear();
    CHECK(plan_kafka(wanted).error().message ==
          "no brokers are named: give spec.metadata.bootstrapServers, or queues.kafkaBrokers in "
          "the daemon's configuration");
}

TEST_CASE("statistics tell whether a broker is up, the group is steady, and how much waits") {
    const auto view = read_statistics(
        R"({"brokers":{"a:1/bootstrap":{"state":"DOWN"},"b:1/1":{"state":"UP"}},
            "cgrp":{"join_state":"steady"},
            "topics":{"orders":{"partitions":{
              "0":{"fetch_state":"active","consumer_lag":9,"consumer_lag_stored":4},
              "1":{"fetch_state":"active","consumer_lag":-1,"consumer_lag_stored":-1,"lo_offset":2,"hi_offset":5},
              "2":{"fetch_state":"none","consumer_lag":50,"consumer_lag_stored":50},
              "-1":{"fetch_state":"none"}}}}})",
        "orders");
    CHECK(view.up);
    CHECK(view.steady);
    CHECK(view.lag == 7);
    const auto nothing = read_statistics("{", "orders");
    CHECK_FALSE(nothing.up);
    CHECK(nothing.lag == -1);
}
