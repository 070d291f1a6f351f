#include "trigger/queue_texts.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "hearth/base/ids.hpp"

namespace hearth::trigger {

namespace json = boost::json;
using Spec = model::MessageQueueTriggerSpec;

namespace {

constexpr std::size_t kMostHeaders = 64, kMostHeaderBytes = 16u << 10;

/// Headers of a message that would speak of the HTTP exchange itself, or of who may call.
bool of_the_exchange(std::string_view name) {
    static constexpr std::array kNames = {"connection",
                                          "content-length",
                                          "expect",
                                          "host",
                                          "keep-alive",
                                          "proxy-connection",
                                          "te",
                                          "trailer",
                                          "upgrade",
                                          "transfer-encoding",
                                          "proxy-authenticate"};
    return std::any_of(kNames.begin(), kNames.end(),
                       [&](const char* own) { return http::same_name(name, own); });
}

/// Kafka's binding of CloudEvents writes attributes as ce_NAME.
std::string http_name(const std::string& name) {
    return name.starts_with("ce_") ? "ce-" + name.substr(3) : name;
}

void copy_headers(const MessageHeaders& from, http::HeaderList& to) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : from) {
        bytes += name.size() + value.size();
        if (to.size() >= kMostHeaders || bytes > kMostHeaderBytes) break;
        if (!of_the_exchange(name)) (void)to.add(http_name(name), value);
    }
}

std::string_view header_of(const QueueMessage& message, std::string_view name) {
    for (const auto& [known, value] : message.headers) {
        if (http::same_name(known, name)) return value;
    }
    return {};
}

base::WallTime wall_time(std::int64_t ms) {
    return base::WallTime(std::chrono::milliseconds(ms));
}

std::string source_of(const QueueNames& names) {
    return "/hearth/messagequeuetriggers/" + names.ns + "/" + names.name;
}

const char* type_of(const QueueNames& names) {
    return names.spec.queue == Spec::Queue::kafka ? "hearth.kafka.message" : "hearth.nats.message";
}

bool is_utf8(const std::string& text) {
    boost::system::error_code ec;
    (void)json::parse(json::serialize(json::string(text)), ec);
    return !ec.failed();
}

void put_data(json::object& event, const std::string& value, std::string_view content_type) {
    if (content_type.find("json") != std::string_view::npos) {
        boost::system::error_code ec;
        auto parsed = json::parse(value, ec);
        if (!ec.failed()) {
            event["data"] = std::move(parsed);
            return;
        }
    }
    if (is_utf8(value))
        event["data"] = value;
    else
        event["data_base64"] = base::base64_encode(value);
}

/// A message as a structured event; one that is an event by itself keeps its attributes.
json::object event_object(const QueueNames& names, const QueueMessage& message) {
    json::object event;
    event["specversion"] = "1.0";
    event["id"] = event_id_of(names, message);
    event["source"] = source_of(names);
    event["type"] = type_of(names);
    event["subject"] = message.topic;
    if (message.time_ms > 0) event["time"] = base::to_rfc3339(wall_time(message.time_ms));
    for (const auto& [name, value] : message.headers) {
        const bool attribute = (name.starts_with("ce_") || name.starts_with("ce-")) &&
                               name != "ce_specversion" && name != "ce-specversion";
        if (attribute && is_utf8(value)) event[name.substr(3)] = value;
    }
    if (names.spec.queue == Spec::Queue::kafka) {
        event["partition"] = message.partition;
        event["offset"] = std::to_string(message.offset);
    }
    if (message.key && is_utf8(*message.key)) event["partitionkey"] = *message.key;
    auto content_type = header_of(message, "content-type");
    if (content_type.empty()) content_type = names.spec.content_type;
    event["datacontenttype"] = content_type;
    put_data(event, message.value, content_type);
    return event;
}

void describe(const QueueNames& names, const QueueMessage& message, Delivery& delivery) {
    copy_headers(message.headers, delivery.headers);
    if (!delivery.headers.has("Content-Type"))
        (void)delivery.headers.add("Content-Type", names.spec.content_type);
    if (names.spec.queue == Spec::Queue::kafka) {
        (void)delivery.headers.set("X-Hearth-Queue-Partition", std::to_string(message.partition));
        (void)delivery.headers.set("X-Hearth-Queue-Offset", std::to_string(message.offset));
    } else if (message.sequence > 0) {
        (void)delivery.headers.set("X-Hearth-Queue-Sequence", std::to_string(message.sequence));
    }
    (void)delivery.headers.set("X-Hearth-Queue-Topic", message.topic);
    if (message.key) (void)delivery.headers.set("X-Hearth-Queue-Key", *message.key);
}

void add_origin(const QueueMessage& message, MessageHeaders& headers) {
    headers.emplace_back("MessageSource", message.topic);
    headers.emplace_back("X-Hearth-Origin-Topic", message.topic);
    if (message.sequence > 0) {
        headers.emplace_back("X-Hearth-Origin-Sequence", std::to_string(message.sequence));
        return;
    }
    headers.emplace_back("X-Hearth-Origin-Partition", std::to_string(message.partition));
    headers.emplace_back("X-Hearth-Origin-Offset", std::to_string(message.offset));
}

/// One line of printable text: header values of NATS end at a line's end.
std::string one_line(std::string text) {
    constexpr std::size_t kMost = 1024;
    if (text.size() > kMost) text.resize(kMost);
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
    }
    return text;
}

}  // namespace

std::string event_id_of(const QueueNames& names, const QueueMessage& message) {
    if (names.spec.queue == Spec::Queue::kafka)
        return message.topic + "-" + std::to_string(message.partition) + "-" +
               std::to_string(message.offset);
    if (message.sequence > 0) return names.name + "-" + std::to_string(message.sequence);
    static const std::string kProcess = base::random_hex(8);
    return kProcess + "-" + names.name + "-" + std::to_string(message.offset);
}

Delivery delivery_of(const QueueNames& names, const std::vector<const QueueMessage*>& messages,
                     int attempt, bool batch) {
    Delivery delivery;
    delivery.ns = names.ns;
    delivery.function = names.spec.function;
    delivery.workflow = names.spec.workflow;
    delivery.trigger = "MessageQueueTrigger/" + names.ns + "/" + names.name;
    delivery.attempt = attempt;
    const QueueMessage& first = *messages.front();
    delivery.event.id = event_id_of(names, first);
    delivery.event.source = source_of(names);
    delivery.event.type = type_of(names);
    delivery.event.subject = first.topic;
    if (first.time_ms > 0) delivery.event.time = wall_time(first.time_ms);
    if (batch) {
        json::array events;
        for (const auto* message : messages) events.push_back(event_object(names, *message));
        delivery.body = json::serialize(events);
        (void)delivery.headers.add("Content-Type", "application/cloudevents-batch+json");
        (void)delivery.headers.add("X-Hearth-Queue-Topic", names.spec.topic);
    } else {
        delivery.body = first.value;
        describe(names, first, delivery);
    }
    (void)delivery.headers.set("X-Fission-MQTrigger-Topic", names.spec.topic);
    (void)delivery.headers.set("X-Fission-MQTrigger-RespTopic", names.spec.resp_topic);
    (void)delivery.headers.set("X-Fission-MQTrigger-ErrorTopic", names.spec.error_topic);
    return delivery;
}

OutgoingMessage response_of(const QueueNames& names, const QueueMessage& message,
                            const CallEnd& end) {
    OutgoingMessage out;
    out.topic = names.spec.resp_topic;
    out.key = message.key;
    out.value = end.body;
    for (const auto& [name, value] : end.headers) {
        if (!of_the_exchange(name) && !http::same_name(name, "date"))
            out.headers.emplace_back(name, one_line(value));
    }
    add_origin(message, out.headers);
    return out;
}

OutgoingMessage error_of(const QueueNames& names, const QueueMessage& message, const CallEnd& end) {
    OutgoingMessage out;
    out.topic = names.spec.error_topic;
    out.key = message.key;
    out.value = message.value;
    out.headers = message.headers;
    if (names.spec.queue != Spec::Queue::kafka) {
        // JetStream would act on its own headers, such as an expected sequence.
        std::erase_if(out.headers, [](const auto& h) { return h.first.starts_with("Nats-"); });
    }
    add_origin(message, out.headers);
    out.headers.emplace_back("X-Hearth-Error-Reason", one_line(end.reason));
    out.headers.emplace_back("X-Hearth-Error-Status", std::to_string(end.status));
    out.headers.emplace_back("X-Hearth-Error-Attempts", std::to_string(end.attempts));
    out.headers.emplace_back("X-Hearth-Error-Trigger", names.ns + "/" + names.name);
    out.headers.emplace_back("X-Hearth-Error-Function", names.ns + "/" + names.spec.function);
    return out;
}

}  // namespace hearth::trigger
