#include "trigger/topic_address.hpp"

#include <array>

#include "hearth/http/message.hpp"

namespace hearth::trigger {
namespace {

using Queue = model::MessageQueueTriggerSpec::Queue;

struct Scheme {
    Queue queue;
    std::string_view text;
};
constexpr std::array kSchemes = {Scheme{Queue::kafka, "kafka://"}, Scheme{Queue::nats, "nats://"},
                                 Scheme{Queue::jetstream, "nats-jetstream://"}};
constexpr std::string_view kSecret = "?secret=";

const Scheme* scheme_of(std::string_view url) {
    for (const auto& scheme : kSchemes)
        if (url.starts_with(scheme.text)) return &scheme;
    return nullptr;
}

/// Only what would end a part is written otherwise, so that people can read the address.
std::string quoted_part(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '%' || c == '/' || c == '?')
            out += http::percent_encode(std::string_view(&c, 1));
        else
            out += c;
    }
    return out;
}

}  // namespace

std::string topic_url(const model::CallTopic& topic) {
    std::string url;
    for (const auto& scheme : kSchemes)
        if (scheme.queue == topic.queue) url = scheme.text;
    url += quoted_part(topic.servers) + "/" + quoted_part(topic.name);
    if (!topic.secret.empty()) url += std::string(kSecret) + topic.secret;
    return url;
}

bool is_topic_url(std::string_view url) {
    return scheme_of(url) != nullptr;
}

Result<model::CallTopic> parse_topic_url(std::string_view url) {
    const auto* scheme = scheme_of(url);
    const Error broken(Errc::invalid_argument, std::string(url) + " is no address of a topic");
    if (scheme == nullptr) return broken;
    url.remove_prefix(scheme->text.size());
    model::CallTopic topic;
    topic.queue = scheme->queue;
    if (const auto at = url.find(kSecret); at != std::string_view::npos) {
        topic.secret = url.substr(at + kSecret.size());
        url = url.substr(0, at);
    }
    const auto slash = url.find('/');
    if (slash == std::string_view::npos) return broken;
    auto servers = http::percent_decode(url.substr(0, slash), false);
    auto name = http::percent_decode(url.substr(slash + 1), false);
    if (!servers || !name || name->empty()) return broken;
    topic.servers = std::move(*servers);
    topic.name = std::move(*name);
    return topic;
}

}  // namespace hearth::trigger
