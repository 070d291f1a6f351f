#pragma once

#include <chrono>
#include <string>

#include "hearth/base/result.hpp"
#include "hearth/model/queue_trigger.hpp"
#include "hearth/model/resource.hpp"

namespace hearth::model {

/// A topic of Kafka, or a subject of NATS.
struct CallTopic {
    MessageQueueTriggerSpec::Queue queue = MessageQueueTriggerSpec::Queue::kafka;
    std::string name;
    std::string servers;  ///< empty: the configuration's
    std::string secret;   ///< credentials, as of a MessageQueueTrigger; empty: none
    bool operator==(const CallTopic&) const = default;
};

/// Who is told of a call's end. All empty: nobody.
struct CallDestination {
    std::string function;  ///< of the same namespace
    std::string url;
    CallTopic topic;
    bool structured = false;  ///< CloudEvents mode of the message; else binary
    bool empty() const { return function.empty() && url.empty() && topic.name.empty(); }
    bool operator==(const CallDestination&) const = default;
};

/// Function.spec.invocation: how queued calls of a function are made.
struct Invocation {
    int max_attempts = 3;
    std::chrono::milliseconds backoff_base{1'000};
    std::chrono::milliseconds backoff_cap{300'000};
    bool jitter = true;
    std::chrono::milliseconds max_age{6 * 3'600'000};
    int concurrency = 10;  ///< calls from the queue that run at once
    CallDestination on_success, on_failure;
    bool operator==(const Invocation&) const = default;
};

/// Errors: internal when the resource is not what check() accepted.
Result<Invocation> decode_invocation(const Resource& function);

}  // namespace hearth::model
