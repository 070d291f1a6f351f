#include "hearth/base/quantity.hpp"
#include "hearth/model/invocation.hpp"
#include "model/spec_view.hpp"

namespace hearth::model {

namespace json = boost::json;

namespace {

using std::chrono::milliseconds;

Result<void> read_duration(const json::object& spec, std::string_view path, milliseconds& into) {
    const auto text = text_at(spec, path);
    if (text.empty()) return {};
    auto read = base::parse_duration_ms(text);
    if (!read)
        return Error(Errc::internal,
                     "spec.invocation." + std::string(path) + ": " + read.error().message);
    into = milliseconds(*read);
    return {};
}

CallDestination destination(const json::object& spec, std::string_view which) {
    CallDestination out;
    if (const auto* to = object_at(spec, which)) {
        out.function = text_at(*to, "function");
        out.url = text_at(*to, "url");
        out.topic.name = text_at(*to, "topic.name");
        out.topic.servers = text_at(*to, "topic.servers");
        out.topic.secret = text_at(*to, "topic.secret");
        const auto type = text_at(*to, "topic.messageQueueType");
        using Queue = MessageQueueTriggerSpec::Queue;
        out.topic.queue = type == "nats"             ? Queue::nats
                          : type == "nats-jetstream" ? Queue::jetstream
                                                     : Queue::kafka;
        out.structured = text_at(*to, "format") == "structured";
    }
    return out;
}

}  // namespace

Result<Invocation> decode_invocation(const Resource& function) {
    Invocation out;
    const auto* spec = object_at(function.spec, "invocation");
    if (!spec) return out;
    out.max_attempts = static_cast<int>(integer_at(*spec, "retry.maxAttempts", out.max_attempts));
    out.concurrency = static_cast<int>(integer_at(*spec, "concurrency", out.concurrency));
    if (const auto* jitter = value_at(*spec, "retry.jitter"); jitter && jitter->is_bool())
        out.jitter = jitter->get_bool();
    struct Duration {
        const char* path;
        milliseconds& into;
    };
    for (const auto& [path, into] :
         {Duration{"retry.backoffBase", out.backoff_base},
          Duration{"retry.backoffCap", out.backoff_cap}, Duration{"maxAge", out.max_age}}) {
        if (auto done = read_duration(*spec, path, into); done.has_error()) return done.error();
    }
    out.on_success = destination(*spec, "onSuccess");
    out.on_failure = destination(*spec, "onFailure");
    return out;
}

}  // namespace hearth::model
