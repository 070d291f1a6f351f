#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/model/queue_trigger.hpp"

namespace hearth::trigger {

using MessageHeaders = std::vector<std::pair<std::string, std::string>>;

/// One message as it came from a broker.
struct QueueMessage {
    int partition = 0;        ///< NATS: 0
    std::int64_t offset = 0;  ///< NATS: counts what this link got
    std::string topic;        ///< NATS: the subject it was sent to
    std::optional<std::string> key;
    std::string value;
    MessageHeaders headers;
    std::int64_t time_ms = 0;    ///< since 1970, as the broker tells; 0: it does not
    std::uint64_t sequence = 0;  ///< JetStream: in its stream
    std::string ack_subject;     ///< JetStream
};

/// A message for a topic.
struct OutgoingMessage {
    std::string topic;
    std::optional<std::string> key;
    std::string value;
    MessageHeaders headers;
};

struct PublishFault {
    bool permanent = false;  ///< this text will not be taken however often it is sent
    std::string why;
};

/// What a link says of itself. Words are those of the API.
struct LinkState {
    std::string word = "Connecting";  ///< Connecting, Joining, Connected, Disconnected,
                                      ///< AuthenticationFailed, TopicMissing…
    std::string message;
    bool connected = false;
    bool reopen = false;  ///< it cannot get better by itself: close it, pause, open another one
};

/// Who hears what comes. Called from within QueueLink::poll() and close(), on the owner's thread.
class LinkListener {
 public:
    virtual ~LinkListener() = default;
    virtual void on_message(QueueMessage message) = 0;
    virtual void on_assigned(const std::vector<int>& partitions) = 0;
    /// The partitions go to somebody else when this returns: what runs is waited for, no longer
    /// than `patience`, and what is done is stored.
    virtual void on_revoked(std::chrono::milliseconds patience) = 0;
    /// They are gone already: nothing of them can be stored any more.
    virtual void on_lost() = 0;
    virtual void on_published(std::uint64_t token, std::optional<PublishFault> fault) = 0;
};

/// A broker as one trigger sees it. Thread: its owner's, but for `wake`, which the link calls from
/// its library's threads.
class QueueLink {
 public:
    virtual ~QueueLink() = default;
    /// Hands what came to the listener. Never blocks on the network, but see on_revoked().
    virtual void poll(LinkListener& listener) = 0;
    /// The ends of publications alone; also from within the listener's on_revoked().
    virtual void poll_published(LinkListener& listener) = 0;
    virtual LinkState state() const = 0;
    /// Messages that wait at the broker; nothing when it is not known.
    virtual std::optional<std::int64_t> lag() = 0;
    /// This message needs not be delivered again.
    virtual void settle(const QueueMessage& message) = 0;
    /// All of `partition` below `position` is done.
    virtual void store(int partition, std::int64_t position) = 0;
    virtual void commit() = 0;
    /// Whether more messages of the partition may come.
    virtual void pause(int partition, bool paused) = 0;
    /// Work on the message goes on. Called for each unfinished one every keep_alive().
    virtual void touch(const QueueMessage& message) = 0;
    virtual std::optional<std::chrono::milliseconds> keep_alive() const = 0;
    /// The end is told to on_published(), unless an error is returned at once.
    virtual std::optional<PublishFault> publish(std::uint64_t token, OutgoingMessage message) = 0;
    /// Gives back what is not settled and leaves. Blocks for some seconds at most.
    virtual void close(LinkListener& listener, std::chrono::milliseconds patience) = 0;
};

/// All that a link needs to know. Credentials are those of the Secret, by key.
struct LinkSettings {
    std::string ns, name;
    model::MessageQueueTriggerSpec spec;
    std::map<std::string, std::string> credentials;
    std::chrono::milliseconds call_limit{60'000};  ///< the function's time limit
    std::size_t window = 256;
};

/// `wake` is called from any thread when poll() has something to do. Errors: invalid_argument
/// (settings or credentials that cannot work; message why), unavailable (the broker is away, or
/// refuses; message why).
using LinkMaker = std::function<Result<std::unique_ptr<QueueLink>>(const LinkSettings&,
                                                                   std::function<void()> wake)>;
Result<std::unique_ptr<QueueLink>> make_kafka_link(const LinkSettings& settings,
                                                   std::function<void()> wake);
Result<std::unique_ptr<QueueLink>> make_nats_link(const LinkSettings& settings,
                                                  std::function<void()> wake);

}  // namespace hearth::trigger
