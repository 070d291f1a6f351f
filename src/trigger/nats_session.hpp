#pragma once

#include <nats/nats.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "trigger/nats_wire.hpp"
#include "trigger/queue_link.hpp"

namespace hearth::trigger {

struct NatsMessageFree {
    void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
using NatsMessage = std::unique_ptr<natsMsg, NatsMessageFree>;

/// What libnats' threads leave for the link's owner. Thread: any.
struct NatsInbox {
    static constexpr std::size_t kMost = 8192;

    std::mutex mutex;
    std::deque<NatsMessage> messages;  ///< of the subscription to the topic, bounded
    std::deque<NatsMessage> answers;   ///< to requests of the link
    std::uint64_t dropped = 0;
    bool connected = true, closed = false;
    std::uint64_t reconnects = 0;
    std::string error;
    std::function<void()> wake;
    NatsCredentials credentials;
};

/// One connection that comes back by itself. Thread: its owner's.
class NatsSession {
 public:
    /// Connects; blocks for three seconds at most. Errors: invalid_argument, unauthenticated,
    /// unavailable.
    static Result<std::unique_ptr<NatsSession>> open(const LinkSettings& settings,
                                                     std::function<void()> wake);
    ~NatsSession();

    NatsInbox& inbox() { return *inbox_; }
    /// Where answers to requests go; a request's reply subject is this with a dot and a word behind
    /// it.
    const std::string& reply_prefix() const { return reply_prefix_; }
    Result<void> subscribe(const std::string& subject, const std::string& queue_group, int most);
    /// Messages for the link's topic that come to a subject of its own. Returns that subject.
    Result<std::string> subscribe_own(int most);
    /// Blocks for three seconds at most.
    Result<std::string> request(const std::string& subject, const std::string& text);
    natsStatus publish(const std::string& subject, const std::string& reply, std::string_view text);
    natsStatus publish(const OutgoingMessage& message, const std::string& reply);
    /// NATS_OK: the server has all that was published.
    natsStatus flush(std::chrono::milliseconds patience);

 private:
    struct Id {
        std::uint64_t number = 0;
    };
    NatsSession() = default;
    Result<void> configure(natsOptions* options, const LinkSettings& settings);
    Result<void> secure(natsOptions* options, const LinkSettings& settings);
    Result<void> listen(const std::string& subject, const std::string& group, bool answers,
                        int most);

    std::shared_ptr<NatsInbox> inbox_;
    std::unique_ptr<Id> id_;
    natsConnection* connection_ = nullptr;
    std::vector<natsSubscription*> subscriptions_;
    std::string reply_prefix_;
};

/// The message as the core knows it; `offset` is its number of this link.
QueueMessage taken_from(natsMsg* message, std::int64_t offset);
/// The status of a message that has no content: 100, 404, 408, 409, 503; 0: it is a real message.
int status_of(natsMsg* message, std::string& words);

}  // namespace hearth::trigger
