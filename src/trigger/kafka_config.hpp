#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hearth/base/result.hpp"
#include "trigger/queue_link.hpp"

namespace hearth::trigger {

/// Properties of librdkafka, in order.
using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

struct KafkaPlan {
    KafkaProperties common;  ///< brokers, TLS, SASL
    KafkaProperties consumer;
    KafkaProperties producer;
};

/// Pure. Errors: invalid_argument, naming what is missing and where it goes.
Result<KafkaPlan> plan_kafka(const LinkSettings& settings);

/// What librdkafka's statistics say of a consumer.
struct KafkaView {
    bool up = false;        ///< a broker is connected
    bool steady = false;    ///< the group has given this member its partitions
    std::int64_t lag = -1;  ///< messages that wait; -1: not known
};
/// Of a text that is no statistics: nothing is up.
KafkaView read_statistics(std::string_view text, const std::string& topic);

}  // namespace hearth::trigger
