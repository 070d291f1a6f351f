#include <algorithm>

#include "hearth/base/quantity.hpp"
#include "model/cross_rules.hpp"
#include "model/path.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

bool kafka_name(std::string_view text) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    return text != "." && text != ".." && std::all_of(text.begin(), text.end(), good);
}

/// What is wrong with a NATS subject, or nothing.
std::string subject_fault(std::string_view text, bool wildcards) {
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
        return "is no NATS subject: it holds a blank or a control character";
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find('.', start), text.size());
        const auto token = text.substr(start, end - start);
        if (token.empty()) return "is no NATS subject: a part between two dots is empty";
        const bool rest = token == ">";
        if (rest && end != text.size()) return "is no NATS subject: `>` stands at the end only";
        if (!wildcards && (rest || token == "*"))
            return "names one subject: `*` and `>` are for spec.topic";
        start = end + 1;
    }
    return {};
}

void check_topics(const json::object& spec, Findings& findings) {
    const bool kafka = text_at(spec, "messageQueueType") == "kafka";
    const auto topic = text_at(spec, "topic");
    for (const char* key : {"topic", "respTopic", "errorTopic"}) {
        const auto name = text_at(spec, key);
        const std::string path = std::string("spec.") + key;
        if (name.empty()) {
            if (std::string_view(key) == "topic" && value_at(spec, "topic"))
                findings.fault(path, "is empty; name the topic whose messages call the function");
            continue;
        }
        if (kafka && !kafka_name(name))
            findings.fault(path, "is no Kafka topic: letters, digits, '.', '_' and '-' alone");
        if (!kafka) {
            if (auto fault = subject_fault(name, std::string_view(key) == "topic"); !fault.empty())
                findings.fault(path, std::move(fault));
        }
        if (std::string_view(key) != "topic" && name == topic)
            findings.fault(path, "is spec.topic itself: the function would be called without end");
    }
}

void check_credentials(const json::object& spec, Findings& findings) {
    const bool plain =
        text_at(spec, "metadata.sasl").empty() || text_at(spec, "metadata.sasl") == "none";
    if (!plain && text_at(spec, "secret").empty())
        findings.fault("spec.secret",
                       "is missing; metadata.sasl needs a Secret with username and password");
    if (text_at(spec, "metadata.natsServer").find('@') != std::string_view::npos)
        findings.fault("spec.metadata.natsServer",
                       "holds credentials; put them into a Secret and name it in spec.secret");
}

void warn_of_loss(const json::object& spec, Findings& findings) {
    const bool nats = text_at(spec, "messageQueueType") == "nats";
    if (nats)
        findings.warn("spec.messageQueueType",
                      "nats calls at most once per message: what arrives while the daemon is away "
                      "is lost; nats-jetstream loses none");
    else if (text_at(spec, "errorTopic").empty())
        findings.warn("spec.errorTopic",
                      "is missing: a message whose calls all fail is logged and dropped");
}

}  // namespace

void check_message_queue_trigger_rules(const Resource& resource, Findings& findings) {
    const json::object& spec = resource.spec;
    check_topics(spec, findings);
    for (const char* key : {"alias", "version", "functionweights"}) {
        const std::string path = std::string("functionref.") + key;
        const auto* value = value_at(spec, path);
        if (value && !is_zero(*value))
            findings.fault("spec." + path,
                           "is not supported by this server: use type name and name alone");
    }
    check_credentials(spec, findings);
    const auto batch = text_at(spec, "metadata.batchSize");
    if (!batch.empty() && batch != "1" && !text_at(spec, "respTopic").empty())
        findings.fault("spec.respTopic",
                       "goes not together with metadata.batchSize above 1: one answer cannot be "
                       "told to belong to one message");
    if (const auto wait = base::parse_duration_ms(text_at(spec, "metadata.ackWait"));
        wait && *wait < 1'000)
        findings.fault("spec.metadata.ackWait", "must be at least 1s");
    warn_of_loss(spec, findings);
}

}  // namespace hearth::model
