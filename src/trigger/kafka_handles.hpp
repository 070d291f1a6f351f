#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>

#include "trigger/kafka_config.hpp"

namespace hearth::trigger {

/// librdkafka's handles as owners.
template <auto Free>
struct KafkaFree {
    template <class T>
    void operator()(T* handle) const {
        Free(handle);
    }
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, KafkaFree<rd_kafka_conf_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaFree<rd_kafka_queue_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaFree<rd_kafka_message_destroy>>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                        KafkaFree<rd_kafka_topic_partition_list_destroy>>;

/// Errors: invalid_argument with librdkafka's own words.
Result<KafkaConf> make_kafka_conf(const KafkaProperties& common, const KafkaProperties& own);

/// What `wake` needs to be to be called from librdkafka's threads; outlives the handles that name
/// it.
using Wake = std::function<void()>;
void wake_on_event(rd_kafka_queue_t* queue, Wake& wake);

/// Publishes to topics: one producer, made when the first message goes. Thread: one owner.
class KafkaPublisher {
 public:
    /// `ended` is called from poll().
    using Ended = std::function<void(std::uint64_t token, std::optional<PublishFault>)>;
    KafkaPublisher(KafkaPlan plan, Wake& wake) : plan_(std::move(plan)), wake_(wake) {}
    ~KafkaPublisher();
    std::optional<PublishFault> publish(std::uint64_t token, const OutgoingMessage& message);
    void poll(const Ended& ended);

 private:
    static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
    static void on_error(rd_kafka_t*, int code, const char* reason, void* self);
    Result<void> open();

    KafkaPlan plan_;
    Wake& wake_;
    rd_kafka_t* producer_ = nullptr;
    KafkaQueue events_;
    const Ended* ended_ = nullptr;
    std::string trouble_;  ///< the last one with a broker
};

}  // namespace hearth::trigger
