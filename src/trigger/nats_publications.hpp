#pragma once

#include <chrono>
#include <map>

#include "trigger/nats_session.hpp"

namespace hearth::trigger {

/// Messages for JetStream whose acknowledgement is to come. Thread: the session's.
class NatsPublications {
 public:
    using Clock = std::chrono::steady_clock;
    using Ended = std::function<void(std::uint64_t token, std::optional<PublishFault>)>;

    std::optional<PublishFault> publish(NatsSession& session, std::uint64_t token,
                                        const OutgoingMessage& message);
    /// The token that an answer to the session's inbox belongs to; nothing: it is another
    /// request's.
    static std::optional<std::uint64_t> token_of(const NatsSession& session, natsMsg* answer);
    void take(std::uint64_t token, natsMsg* answer, const Ended& ended);
    void expire(Clock::time_point now, const Ended& ended);

 private:
    std::map<std::uint64_t, Clock::time_point> waiting_;  ///< until when
};

PublishFault fault_of(natsStatus status);

}  // namespace hearth::trigger
