#include "trigger/kafka_config.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace hearth::trigger {

namespace json = boost::json;

namespace {

// The time to work off what runs when partitions are revoked is part of this; Kafka's own default.
constexpr std::chrono::milliseconds kLeastPollInterval{300'000};
constexpr std::chrono::milliseconds kMostPollInterval{86'400'000};

Error unusable(const std::string& what) {
    return Error(Errc::invalid_argument, what);
}

const std::string& credential(const LinkSettings& settings, const std::string& key) {
    static const std::string kNone;
    const auto found = settings.credentials.find(key);
    return found == settings.credentials.end() ? kNone : found->second;
}

Result<void> add_sasl(const LinkSettings& settings, bool tls, KafkaProperties& out) {
    std::string kind = credential(settings, "sasl");
    if (kind.empty()) kind = settings.spec.sasl;
    const bool none = kind == "none";
    out.emplace_back("security.protocol",
                     none ? (tls ? "ssl" : "plaintext") : (tls ? "sasl_ssl" : "sasl_plaintext"));
    if (none) return {};
    const char* mechanism = kind == "plaintext"      ? "PLAIN"
                            : kind == "scram_sha256" ? "SCRAM-SHA-256"
                            : kind == "scram_sha512" ? "SCRAM-SHA-512"
                                                     : nullptr;
    if (mechanism == nullptr)
        return unusable(
            "the Secret's key sasl holds none of none, plaintext, scram_sha256, "
            "scram_sha512");
    for (const char* key : {"username", "password"}) {
        if (credential(settings, key).empty())
            return unusable("the Secret " + settings.ns + "/" + settings.spec.secret +
                            " has no key " + key + ", which sasl " + kind + " needs");
    }
    out.emplace_back("sasl.mechanism", mechanism);
    out.emplace_back("sasl.username", credential(settings, "username"));
    out.emplace_back("sasl.password", credential(settings, "password"));
    return {};
}

Result<void> add_tls(const LinkSettings& settings, KafkaProperties& out) {
    const auto& certificate = credential(settings, "cert");
    const auto& key = credential(settings, "key");
    if (certificate.empty() != key.empty())
        return unusable("the Secret " + settings.ns + "/" + settings.spec.secret +
                        " needs both cert and key, or neither");
    if (!credential(settings, "ca").empty())
        out.emplace_back("ssl.ca.pem", credential(settings, "ca"));
    if (!key.empty()) {
        out.emplace_back("ssl.certificate.pem", certificate);
        out.emplace_back("ssl.key.pem", key);
    }
    if (!credential(settings, "keyPassword").empty())
        out.emplace_back("ssl.key.password", credential(settings, "keyPassword"));
    return {};
}

KafkaProperties consumer_of(const LinkSettings& settings) {
    const auto interval =
        std::clamp(settings.call_limit * 2, kLeastPollInterval, kMostPollInterval);
    return {
        {"group.id", settings.spec.consumer_group},
        {"auto.offset.reset", settings.spec.from_latest ? "latest" : "earliest"},
        {"enable.auto.offset.store", "false"},
        {"enable.auto.commit", "true"},
        {"auto.commit.interval.ms", "250"},
        {"isolation.level", "read_committed"},
        // librdkafka 2.0.2 may lose its assignment with the cooperative one.
        {"partition.assignment.strategy", "range,roundrobin"},
        {"max.poll.interval.ms", std::to_string(interval.count())},
        {"session.timeout.ms", "10000"},
        {"heartbeat.interval.ms", "1000"},
        {"queued.max.messages.kbytes", "8192"},
        {"queued.min.messages", "1000"},
        {"fetch.wait.max.ms", "500"},
        {"fetch.error.backoff.ms", "500"},
        {"statistics.interval.ms", "2000"},
    };
}

}  // namespace

Result<KafkaPlan> plan_kafka(const LinkSettings& settings) {
    if (settings.spec.bootstrap_servers.empty())
        return unusable(
            "no brokers are named: give spec.metadata.bootstrapServers, or "
            "queues.kafkaBrokers in the daemon's configuration");
    const auto& switched = credential(settings, "tls");
    const bool tls = switched.empty() ? settings.spec.tls : switched == "enable";
    KafkaPlan plan;
    plan.common = {
        {"bootstrap.servers", settings.spec.bootstrap_servers},
        {"client.id", "hearth." + settings.ns + "." + settings.name},
        {"reconnect.backoff.ms", "100"},
        {"reconnect.backoff.max.ms", "5000"},
        {"topic.metadata.refresh.interval.ms", "30000"},
        {"log.connection.close", "false"},
        {"socket.keepalive.enable", "true"},
        {"socket.timeout.ms", "10000"},
    };
    if (auto added = add_sasl(settings, tls, plan.common); added.has_error()) return added.error();
    if (tls) {
        if (auto added = add_tls(settings, plan.common); added.has_error()) return added.error();
    }
    plan.consumer = consumer_of(settings);
    // Not idempotent: a refused message would end such a producer for good, and the lanes keep the
    // order of keys.
    plan.producer = {{"acks", "all"},
                     {"message.timeout.ms", "15000"},
                     {"linger.ms", "2"},
                     {"queue.buffering.max.messages", "10000"},
                     {"message.max.bytes", "104857600"}};
    return plan;
}

KafkaView read_statistics(std::string_view text, const std::string& topic) {
    KafkaView view;
    boost::system::error_code ec;
    const json::value whole = json::parse(text, ec);
    if (ec || !whole.is_object()) return view;
    const auto* brokers = whole.get_object().if_contains("brokers");
    if (brokers && brokers->is_object()) {
        for (const auto& broker : brokers->get_object()) {
            const auto* fields = broker.value().if_object();
            const auto* state = fields ? fields->if_contains("state") : nullptr;
            view.up = view.up || (state && state->is_string() && state->get_string() == "UP");
        }
    }
    if (const auto* group = whole.get_object().if_contains("cgrp"); group && group->is_object()) {
        const auto* join = group->get_object().if_contains("join_state");
        view.steady = join && join->is_string() && join->get_string() == "steady";
    }
    boost::system::error_code missing;
    const auto* partitions = whole.find_pointer("/topics/" + topic + "/partitions", missing);
    if (!partitions || !partitions->is_object()) return view;
    for (const auto& partition : partitions->get_object()) {
        const auto* fields = partition.value().if_object();
        if (!fields) continue;
        const auto number = [&](const char* key) {
            const auto* value = fields->if_contains(key);
            return value && value->is_int64() ? value->get_int64() : std::int64_t{-1};
        };
        const auto* state = fields->if_contains("fetch_state");
        if (!state || !state->is_string() || state->get_string() != "active") continue;
        std::int64_t lag = std::max(number("consumer_lag_stored"), number("consumer_lag"));
        if (number("consumer_lag_stored") >= 0) lag = number("consumer_lag_stored");
        // A group that has stored nothing yet has all of it before it.
        if (lag < 0 && number("hi_offset") >= 0 && number("lo_offset") >= 0)
            lag = number("hi_offset") - number("lo_offset");
        if (lag >= 0) view.lag = std::max<std::int64_t>(view.lag, 0) + lag;
    }
    return view;
}

}  // namespace hearth::trigger
