#include <algorithm>
#include <map>

#include "trigger/kafka_handles.hpp"

namespace hearth::trigger {
namespace {

using std::chrono::milliseconds;

// Messages handed over in one poll(): enough to fill calls, few enough to see rebalances soon.
constexpr int kAtOnce = 512;
constexpr milliseconds kLongestDrain{240'000};

QueueMessage taken_from(const rd_kafka_message_t& message) {
    QueueMessage out;
    out.partition = message.partition;
    out.offset = message.offset;
    out.topic = rd_kafka_topic_name(message.rkt);
    if (message.key != nullptr)
        out.key.emplace(static_cast<const char*>(message.key), message.key_len);
    if (message.payload != nullptr)
        out.value.assign(static_cast<const char*>(message.payload), message.len);
    rd_kafka_timestamp_type_t kind{};
    const auto time = rd_kafka_message_timestamp(&message, &kind);
    out.time_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0 ? 0 : time;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
        std::string text;
        if (value != nullptr) text.assign(static_cast<const char*>(value), size);
        out.headers.emplace_back(name, std::move(text));
    }
    return out;
}

/// A consumer of one topic with a producer beside it. Each partition has a queue of its own, so
/// that a full one is simply not read while the group and the other partitions go on: librdkafka
/// would throw away what it has fetched of a partition that is paused.
class KafkaLink final : public QueueLink {
 public:
    KafkaLink(const LinkSettings& settings, KafkaPlan plan, Wake wake)
        : topic_(settings.spec.topic),
          group_(settings.spec.consumer_group),
          drain_(std::min({settings.call_limit + milliseconds(1'000), kLongestDrain})),
          wake_(std::move(wake)),
          plan_(std::move(plan)),
          publisher_(plan_, wake_) {}
    ~KafkaLink() override;
    Result<void> open();

    void poll(LinkListener& listener) override;
    void poll_published(LinkListener& listener) override {
        publisher_.poll([&](std::uint64_t token, std::optional<PublishFault> fault) {
            listener.on_published(token, std::move(fault));
        });
    }
    LinkState state() const override;
    std::optional<std::int64_t> lag() override { return lag_; }
    void settle(const QueueMessage&) override {}
    void store(int partition, std::int64_t position) override;
    void commit() override { rd_kafka_commit(consumer_, nullptr, 1); }
    void pause(int partition, bool paused) override;
    void touch(const QueueMessage&) override {}
    std::optional<milliseconds> keep_alive() const override { return std::nullopt; }
    std::optional<PublishFault> publish(std::uint64_t token, OutgoingMessage message) override {
        return publisher_.publish(token, message);
    }
    void close(LinkListener& listener, milliseconds patience) override;

 private:
    struct Partition {
        KafkaQueue queue;
        bool paused = false;
    };

    static void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t* list, void* self);
    static void on_error(rd_kafka_t*, int code, const char* reason, void* self);
    static int on_statistics(rd_kafka_t*, char* text, std::size_t size, void* self);
    void assign(rd_kafka_topic_partition_list_t* list);
    void revoke();
    void note_error(rd_kafka_resp_err_t code, const char* reason);
    void take(const rd_kafka_message_t& message);
    void drop_queues();

    const std::string topic_, group_;
    const milliseconds drain_;
    Wake wake_;
    KafkaPlan plan_;
    KafkaPublisher publisher_;
    rd_kafka_t* consumer_ = nullptr;
    KafkaQueue events_;
    std::map<int, Partition> partitions_;
    LinkListener* listener_ = nullptr;  ///< while poll() or close() runs
    milliseconds patience_{0};          ///< of a revocation
    bool up_ = false, steady_ = false, was_up_ = false;
    bool refused_ = false, fatal_ = false;  ///< credentials; the client itself
    std::string error_, topic_error_;
    std::optional<std::int64_t> lag_;
};

Result<void> KafkaLink::open() {
    auto conf = make_kafka_conf(plan_.common, plan_.consumer);
    if (!conf) return conf.error();
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_rebalance_cb(conf->get(), &KafkaLink::on_rebalance);
    rd_kafka_conf_set_error_cb(conf->get(), &KafkaLink::on_error);
    rd_kafka_conf_set_stats_cb(conf->get(), &KafkaLink::on_statistics);
    // What it would log comes to on_error and becomes the trigger's state.
    rd_kafka_conf_set_log_cb(conf->get(), nullptr);
    char text[512];
    consumer_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), text, sizeof text);
    if (consumer_ == nullptr)
        return Error(Errc::invalid_argument, std::string("Kafka consumer: ") + text);
    (void)conf->release();
    rd_kafka_poll_set_consumer(consumer_);
    events_.reset(rd_kafka_queue_get_consumer(consumer_));
    wake_on_event(events_.get(), wake_);
    KafkaPartitions topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), topic_.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(consumer_, topics.get());
        code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return Error(Errc::invalid_argument,
                     std::string("subscribing to ") + topic_ + ": " + rd_kafka_err2str(code));
    return {};
}

KafkaLink::~KafkaLink() {
    if (events_) rd_kafka_queue_cb_event_enable(events_.get(), nullptr, nullptr);
    drop_queues();
    events_.reset();
    if (consumer_ != nullptr)
        rd_kafka_destroy_flags(consumer_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void KafkaLink::drop_queues() {
    for (auto& [number, partition] : partitions_)
        rd_kafka_queue_cb_event_enable(partition.queue.get(), nullptr, nullptr);
    partitions_.clear();
}

void KafkaLink::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t* list, void* opaque) {
    auto* self = static_cast<KafkaLink*>(opaque);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        self->assign(list);
    else
        self->revoke();
}

void KafkaLink::assign(rd_kafka_topic_partition_list_t* list) {
    std::vector<int> numbers;
    for (int i = 0; i < list->cnt; ++i) {
        const int number = list->elems[i].partition;
        KafkaQueue queue(rd_kafka_queue_get_partition(consumer_, topic_.c_str(), number));
        if (!queue) continue;
        rd_kafka_queue_forward(queue.get(), nullptr);
        wake_on_event(queue.get(), wake_);
        partitions_[number].queue = std::move(queue);
        numbers.push_back(number);
    }
    up_ = was_up_ = steady_ = true;
    topic_error_.clear();
    if (listener_ != nullptr) listener_->on_assigned(numbers);
    rd_kafka_assign(consumer_, list);
}

void KafkaLink::revoke() {
    steady_ = false;
    if (listener_ != nullptr) {
        if (rd_kafka_assignment_lost(consumer_) != 0) {
            listener_->on_lost();
        } else {
            listener_->on_revoked(patience_.count() > 0 ? patience_ : drain_);
            if (up_) rd_kafka_commit(consumer_, nullptr, 0);
        }
    }
    drop_queues();
    rd_kafka_assign(consumer_, nullptr);
}

void KafkaLink::on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    static_cast<KafkaLink*>(opaque)->note_error(static_cast<rd_kafka_resp_err_t>(code), reason);
}

void KafkaLink::note_error(rd_kafka_resp_err_t code, const char* reason) {
    switch (code) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR__SSL:
            refused_ = true;
            error_ = reason;
            break;
        case RD_KAFKA_RESP_ERR__FATAL:
            fatal_ = true;
            error_ = reason;
            break;
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            up_ = false;
            if (error_.empty()) error_ = reason;
            break;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
            topic_error_ = "there is no topic " + topic_ + " on the brokers";
            break;
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            topic_error_ = "the brokers refuse this user the topic " + topic_ + " or the group " +
                           group_ + ": " + reason;
            break;
        default:
            error_ = reason;
    }
}

int KafkaLink::on_statistics(rd_kafka_t*, char* text, std::size_t size, void* opaque) {
    auto* self = static_cast<KafkaLink*>(opaque);
    const auto view = read_statistics(std::string_view(text, size), self->topic_);
    self->up_ = view.up;
    self->was_up_ = self->was_up_ || view.up;
    self->steady_ = view.steady && !self->partitions_.empty();
    if (view.up && view.steady) self->error_.clear();
    self->lag_.reset();
    if (view.lag >= 0) self->lag_ = view.lag;
    return 0;
}

void KafkaLink::take(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        listener_->on_message(taken_from(message));
        return;
    }
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
    note_error(message.err, message.payload != nullptr ? rd_kafka_message_errstr(&message)
                                                       : rd_kafka_err2str(message.err));
}

void KafkaLink::poll(LinkListener& listener) {
    listener_ = &listener;
    poll_published(listener);
    while (KafkaMessage message{rd_kafka_consumer_poll(consumer_, 0)}) take(*message);
    bool more = false;
    for (auto& [number, partition] : partitions_) {
        rd_kafka_message_t* batch[kAtOnce];
        if (partition.paused) continue;
        const auto count = rd_kafka_consume_batch_queue(partition.queue.get(), 0, batch, kAtOnce);
        for (ssize_t i = 0; i < count; ++i) take(*KafkaMessage(batch[i]));
        more = more || count == kAtOnce;
    }
    if (more) wake_();
    listener_ = nullptr;
}

LinkState KafkaLink::state() const {
    LinkState state;
    state.message = error_;
    if (fatal_) {
        state.word = "Failed";
        state.reopen = true;
    } else if (refused_) {
        state.word = "AuthenticationFailed";
        state.reopen = true;
    } else if (!up_) {
        state.word = was_up_ ? "Disconnected" : "Connecting";
        if (error_.empty()) state.message = "no broker has answered yet";
    } else if (!topic_error_.empty()) {
        state.word = "TopicUnavailable";
        state.message = topic_error_;
    } else if (!steady_) {
        state.word = "Joining";
        state.message = "waiting for partitions of the group " + group_;
    } else {
        state.word = "Connected";
        state.connected = true;
    }
    return state;
}

void KafkaLink::store(int partition, std::int64_t position) {
    KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), partition)->offset = position;
    rd_kafka_offsets_store(consumer_, list.get());
}

void KafkaLink::pause(int partition, bool paused) {
    const auto found = partitions_.find(partition);
    if (found == partitions_.end()) return;
    found->second.paused = paused;
    // What came meanwhile made no new event.
    if (!paused) wake_();
}

void KafkaLink::close(LinkListener& listener, milliseconds patience) {
    listener_ = &listener;
    patience_ = std::max(patience, milliseconds(1));
    rd_kafka_consumer_close(consumer_);
    listener_ = nullptr;
}

}  // namespace

Result<std::unique_ptr<QueueLink>> make_kafka_link(const LinkSettings& settings,
                                                   std::function<void()> wake) {
    auto plan = plan_kafka(settings);
    if (!plan) return plan.error();
    auto link = std::make_unique<KafkaLink>(settings, std::move(*plan), std::move(wake));
    if (auto opened = link->open(); opened.has_error()) return opened.error();
    return std::unique_ptr<QueueLink>(std::move(link));
}

}  // namespace hearth::trigger
