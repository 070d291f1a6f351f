#pragma once

#include <string>
#include <vector>

#include "hearth/trigger/delivery.hpp"
#include "trigger/queue_link.hpp"

namespace hearth::trigger {

/// Who the messages are for, as texts need it.
struct QueueNames {
    std::string ns, name;
    model::MessageQueueTriggerSpec spec;
};

/// The call that a unit of messages makes. One message goes as it is, in CloudEvents' binary mode;
/// several go as one application/cloudevents-batch+json. Pure.
Delivery delivery_of(const QueueNames& names, const std::vector<const QueueMessage*>& messages,
                     int attempt, bool batch);

/// How a call ended, as far as publications tell of it.
struct CallEnd {
    int status = 0;
    int attempts = 0;
    bool gave_up = false;    ///< the message goes to the error topic
    bool too_large = false;  ///< the answer was cut off
    std::string reason;
    std::string body;
    MessageHeaders headers;
};
OutgoingMessage response_of(const QueueNames& names, const QueueMessage& message,
                            const CallEnd& end);
/// The message as it came, with headers that say where it came from and why it is here.
OutgoingMessage error_of(const QueueNames& names, const QueueMessage& message, const CallEnd& end);

/// The same over all deliveries of one message, where the broker numbers its messages; else of this
/// process alone.
std::string event_id_of(const QueueNames& names, const QueueMessage& message);

}  // namespace hearth::trigger
