#include "trigger/kafka_handles.hpp"

namespace hearth::trigger {

Result<KafkaConf> make_kafka_conf(const KafkaProperties& common, const KafkaProperties& own) {
    KafkaConf conf(rd_kafka_conf_new());
    char text[512];
    for (const auto* list : {&common, &own}) {
        for (const auto& [key, value] : *list) {
            if (rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), text, sizeof text) !=
                RD_KAFKA_CONF_OK)
                return Error(Errc::invalid_argument, std::string("Kafka settings: ") + text);
        }
    }
    return conf;
}

void wake_on_event(rd_kafka_queue_t* queue, Wake& wake) {
    rd_kafka_queue_cb_event_enable(
        queue, [](rd_kafka_t*, void* opaque) { (*static_cast<Wake*>(opaque))(); }, &wake);
}

void KafkaPublisher::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto* self = static_cast<KafkaPublisher*>(opaque);
    if (self->ended_ == nullptr) return;
    const auto token = reinterpret_cast<std::uintptr_t>(message->_private);
    std::optional<PublishFault> fault;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fault.emplace();
        fault->permanent = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                           message->err == RD_KAFKA_RESP_ERR_INVALID_MSG ||
                           message->err == RD_KAFKA_RESP_ERR_INVALID_RECORD;
        fault->why = rd_kafka_err2str(message->err);
        const bool late = message->err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
        if (late && !self->trouble_.empty()) fault->why += ": " + self->trouble_;
    } else {
        self->trouble_.clear();
    }
    (*self->ended_)(token, std::move(fault));
}

void KafkaPublisher::on_error(rd_kafka_t*, int, const char* reason, void* opaque) {
    static_cast<KafkaPublisher*>(opaque)->trouble_ = reason;
}

Result<void> KafkaPublisher::open() {
    auto conf = make_kafka_conf(plan_.common, plan_.producer);
    if (!conf) return conf.error();
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &KafkaPublisher::on_delivery);
    rd_kafka_conf_set_error_cb(conf->get(), &KafkaPublisher::on_error);
    rd_kafka_conf_set_log_cb(conf->get(), nullptr);
    char text[512];
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), text, sizeof text);
    if (producer_ == nullptr)
        return Error(Errc::invalid_argument, std::string("Kafka producer: ") + text);
    (void)conf->release();
    events_.reset(rd_kafka_queue_get_main(producer_));
    wake_on_event(events_.get(), wake_);
    return {};
}

KafkaPublisher::~KafkaPublisher() {
    if (events_) rd_kafka_queue_cb_event_enable(events_.get(), nullptr, nullptr);
    events_.reset();
    if (producer_ == nullptr) return;
    rd_kafka_purge(producer_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                  RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(producer_);
}

std::optional<PublishFault> KafkaPublisher::publish(std::uint64_t token,
                                                    const OutgoingMessage& message) {
    if (producer_ == nullptr) {
        if (auto opened = open(); opened.has_error())
            return PublishFault{false, opened.error().message};
    }
    rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size());
    for (const auto& [name, value] : message.headers)
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    rd_kafka_vu_t parts[6];
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = message.topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[1].u.mem.ptr = const_cast<char*>(message.value.data());
    parts[1].u.mem.size = message.value.size();
    parts[2].vtype = RD_KAFKA_VTYPE_KEY;
    parts[2].u.mem.ptr = message.key ? const_cast<char*>(message.key->data()) : nullptr;
    parts[2].u.mem.size = message.key ? message.key->size() : 0;
    parts[3].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[3].u.headers = headers;
    parts[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[4].u.i = RD_KAFKA_MSG_F_COPY;
    parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[5].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(token));
    rd_kafka_error_t* error = rd_kafka_produceva(producer_, parts, 6);
    if (error == nullptr) return std::nullopt;
    rd_kafka_headers_destroy(headers);
    PublishFault fault{rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                       rd_kafka_error_string(error)};
    rd_kafka_error_destroy(error);
    return fault;
}

void KafkaPublisher::poll(const Ended& ended) {
    if (producer_ == nullptr) return;
    ended_ = &ended;
    while (rd_kafka_poll(producer_, 0) > 0) {
    }
    ended_ = nullptr;
}

}  // namespace hearth::trigger
