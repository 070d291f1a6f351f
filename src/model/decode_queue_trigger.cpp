#include <charconv>

#include "hearth/base/quantity.hpp"
#include "hearth/model/queue_trigger.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

using Spec = MessageQueueTriggerSpec;

Error broken(const Resource& resource, const std::string& what) {
    return Error(Errc::internal,
                 "MessageQueueTrigger " + qualified(resource.metadata) + ": " + what);
}

/// Leaves `out` as it is when the member is absent or empty.
void take(const json::object& object, std::string_view path, std::string& out) {
    if (const auto text = text_at(object, path); !text.empty()) out = text;
}

void take(const json::object& object, std::string_view path, int& out) {
    const auto text = text_at(object, path);
    int value = 0;
    const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec == std::errc() && stop == text.data() + text.size()) out = value;
}

Result<void> take(const Resource& resource, std::string_view path, std::chrono::milliseconds& out) {
    const auto text = text_at(resource.spec, path);
    if (text.empty()) return {};
    const auto value = base::parse_duration_ms(text);
    if (!value) return broken(resource, std::string(path) + ": " + value.error().message);
    out = std::chrono::milliseconds(*value);
    return {};
}

Spec::Ordering ordering_of(const json::object& spec, const Spec& decoded) {
    const auto word = text_at(spec, "metadata.ordering");
    if (word == "none") return Spec::Ordering::none;
    if (word == "partition") return Spec::Ordering::partition;
    return decoded.batch_size > 1 ? Spec::Ordering::partition : Spec::Ordering::key;
}

}  // namespace

Result<MessageQueueTriggerSpec> decode_message_queue_trigger(const Resource& resource) {
    Spec out;
    const json::object& spec = resource.spec;
    const auto type = text_at(spec, "messageQueueType");
    if (type == "nats")
        out.queue = Spec::Queue::nats;
    else if (type == "nats-jetstream")
        out.queue = Spec::Queue::jetstream;
    else if (type != "kafka")
        return broken(resource, "spec.messageQueueType is missing");
    out.function = text_at(spec, "functionref.name");
    out.workflow = text_at(spec, "functionref.type") == "workflow";
    if (out.function.empty()) return broken(resource, "spec.functionref.name is missing");
    out.topic = text_at(spec, "topic");
    if (out.topic.empty()) return broken(resource, "spec.topic is missing");
    out.resp_topic = text_at(spec, "respTopic");
    out.error_topic = text_at(spec, "errorTopic");
    out.max_retries = static_cast<int>(integer_at(spec, "maxRetries"));
    take(spec, "contentType", out.content_type);
    out.secret = text_at(spec, "secret");
    take(spec, "metadata.concurrency", out.concurrency);
    take(spec, "metadata.batchSize", out.batch_size);
    out.ordering = ordering_of(spec, out);
    out.bootstrap_servers = text_at(spec, "metadata.bootstrapServers");
    out.consumer_group = "hearth." + resource.metadata.ns + "." + resource.metadata.name;
    take(spec, "metadata.consumerGroup", out.consumer_group);
    out.from_latest = text_at(spec, "metadata.offsetResetPolicy") == "latest";
    take(spec, "metadata.sasl", out.sasl);
    out.tls = text_at(spec, "metadata.tls") == "enable";
    out.servers = text_at(spec, "metadata.natsServer");
    out.stream = text_at(spec, "metadata.stream");
    out.consumer = out.queue_group =
        "hearth-" + resource.metadata.ns + "-" + resource.metadata.name;
    take(spec, "metadata.consumer", out.consumer);
    take(spec, "metadata.queueGroup", out.queue_group);
    if (auto taken = take(resource, "metadata.retryDelay", out.retry_delay); taken.has_error())
        return taken.error();
    if (auto taken = take(resource, "metadata.ackWait", out.ack_wait); taken.has_error())
        return taken.error();
    return out;
}

}  // namespace hearth::model
