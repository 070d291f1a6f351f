#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "hearth/aio/one_shot.hpp"
#include "trigger/queue_link.hpp"
#include "trigger/secret_reader.hpp"

namespace hearth::trigger {

/// A broker as somebody who only publishes sees it. Thread: its owner's.
class TopicSink {
 public:
    using Ended = std::function<void(std::uint64_t token, std::optional<PublishFault>)>;
    virtual ~TopicSink() = default;
    /// The end is told by poll(), unless a fault is returned at once.
    virtual std::optional<PublishFault> publish(std::uint64_t token,
                                                const OutgoingMessage& message) = 0;
    virtual void poll(const Ended& ended) = 0;
};
/// Errors: invalid_argument, unauthenticated, unavailable.
Result<std::unique_ptr<TopicSink>> make_topic_sink(const LinkSettings& settings,
                                                   std::function<void()> wake);

/// One thread with one connection, which is opened for the first message, and closed when it has
/// nothing to do for a minute or a message failed: the next one sees the Secret as it is then.
/// Thread: submit and begin_stop any.
class TopicPort {
 public:
    using Done = std::shared_ptr<aio::OneShot<Result<void>>>;

    /// `secrets` outlives it.
    TopicPort(LinkSettings settings, const SecretReader& secrets);
    ~TopicPort();
    /// Errors: exhausted, unavailable.
    Result<void> submit(OutgoingMessage message, Done done);
    void begin_stop();
    void join();

 private:
    struct Job {
        OutgoingMessage message;
        Done done;
    };

    void run();
    bool rest();
    std::deque<Job> take();
    Result<void> open();
    void send(std::deque<Job> jobs);
    void end(std::uint64_t token, const std::optional<PublishFault>& fault);
    void drop_all(const Error& error);

    LinkSettings settings_;
    const SecretReader& secrets_;
    std::unique_ptr<TopicSink> sink_;
    std::map<std::uint64_t, Done> under_way_;
    std::uint64_t next_token_ = 1;
    bool failed_ = false;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    bool signal_ = false, stopping_ = false;
    std::thread thread_;
};

}  // namespace hearth::trigger
