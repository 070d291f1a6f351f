#include "trigger/topic_port.hpp"

#include "trigger/kafka_handles.hpp"
#include "trigger/nats_publications.hpp"

namespace hearth::trigger {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostWaiting = 10'000;
constexpr milliseconds kIdle{60'000};
constexpr milliseconds kLook{500};  ///< while messages are under way: some ends have no event
constexpr milliseconds kServerPatience{3'000};

class KafkaSink final : public TopicSink {
 public:
    KafkaSink(KafkaPlan plan, std::function<void()> wake)
        : wake_(std::move(wake)), publisher_(std::move(plan), wake_) {}
    std::optional<PublishFault> publish(std::uint64_t token,
                                        const OutgoingMessage& message) override {
        return publisher_.publish(token, message);
    }
    void poll(const Ended& ended) override { publisher_.poll(ended); }

 private:
    Wake wake_;
    KafkaPublisher publisher_;
};

/// Core subjects: what was sent has arrived when the server answers a ping sent after it.
class CoreSink final : public TopicSink {
 public:
    explicit CoreSink(std::unique_ptr<NatsSession> session) : session_(std::move(session)) {}
    std::optional<PublishFault> publish(std::uint64_t token,
                                        const OutgoingMessage& message) override {
        if (const auto status = session_->publish(message, ""); status != NATS_OK)
            return fault_of(status);
        sent_.push_back(token);
        return std::nullopt;
    }
    void poll(const Ended& ended) override {
        if (sent_.empty()) return;
        const auto status = session_->flush(kServerPatience);
        for (const auto token : std::exchange(sent_, {}))
            ended(token, status == NATS_OK ? std::nullopt : std::optional(fault_of(status)));
    }

 private:
    std::unique_ptr<NatsSession> session_;
    std::vector<std::uint64_t> sent_;
};

class StreamSink final : public TopicSink {
 public:
    explicit StreamSink(std::unique_ptr<NatsSession> session) : session_(std::move(session)) {}
    std::optional<PublishFault> publish(std::uint64_t token,
                                        const OutgoingMessage& message) override {
        return publications_.publish(*session_, token, message);
    }
    void poll(const Ended& ended) override {
        std::deque<NatsMessage> answers;
        {
            std::lock_guard lock(session_->inbox().mutex);
            answers.swap(session_->inbox().answers);
        }
        for (const auto& answer : answers) {
            const auto token = NatsPublications::token_of(*session_, answer.get());
            if (token) publications_.take(*token, answer.get(), ended);
        }
        publications_.expire(NatsPublications::Clock::now(), ended);
    }

 private:
    std::unique_ptr<NatsSession> session_;
    NatsPublications publications_;
};

Error failure(const PublishFault& fault) {
    return Error(fault.permanent ? Errc::too_large : Errc::unavailable,
                 "the broker did not take the message: " + fault.why);
}

}  // namespace

Result<std::unique_ptr<TopicSink>> make_topic_sink(const LinkSettings& settings,
                                                   std::function<void()> wake) {
    using Queue = model::MessageQueueTriggerSpec::Queue;
    if (settings.spec.queue == Queue::kafka) {
        auto plan = plan_kafka(settings);
        if (!plan) return plan.error();
        return std::unique_ptr<TopicSink>(
            std::make_unique<KafkaSink>(std::move(*plan), std::move(wake)));
    }
    auto session = NatsSession::open(settings, std::move(wake));
    if (!session) return session.error();
    if (settings.spec.queue == Queue::nats)
        return std::unique_ptr<TopicSink>(std::make_unique<CoreSink>(std::move(*session)));
    return std::unique_ptr<TopicSink>(std::make_unique<StreamSink>(std::move(*session)));
}

TopicPort::TopicPort(LinkSettings settings, const SecretReader& secrets)
    : settings_(std::move(settings)), secrets_(secrets) {
    thread_ = std::thread([this] { run(); });
}

TopicPort::~TopicPort() {
    begin_stop();
    join();
}

void TopicPort::begin_stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
}

void TopicPort::join() {
    if (thread_.joinable()) thread_.join();
}

Result<void> TopicPort::submit(OutgoingMessage message, Done done) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_) return Error(Errc::unavailable, "the daemon is stopping", {}, "trigger");
        if (jobs_.size() >= kMostWaiting)
            return Error(Errc::exhausted, "too many messages wait for the broker", {}, "trigger");
        jobs_.push_back({std::move(message), std::move(done)});
    }
    changed_.notify_one();
    return {};
}

/// Until there is something to do. False: the daemon ends.
bool TopicPort::rest() {
    std::unique_lock lock(mutex_);
    const auto something = [this] { return stopping_ || signal_ || !jobs_.empty(); };
    if (!under_way_.empty()) {
        changed_.wait_for(lock, kLook, something);
    } else if (sink_ == nullptr) {
        changed_.wait(lock, something);
    } else if (!changed_.wait_for(lock, kIdle, something)) {
        lock.unlock();
        sink_.reset();
        return true;
    }
    signal_ = false;
    return !stopping_;
}

std::deque<TopicPort::Job> TopicPort::take() {
    std::lock_guard lock(mutex_);
    return std::exchange(jobs_, {});
}

Result<void> TopicPort::open() {
    if (!settings_.spec.secret.empty()) {
        auto credentials = secrets_.read(settings_.ns, settings_.spec.secret);
        if (!credentials) return credentials.error();
        settings_.credentials = std::move(*credentials);
    }
    auto wake = [this] {
        {
            std::lock_guard lock(mutex_);
            signal_ = true;
        }
        changed_.notify_one();
    };
    auto made = make_topic_sink(settings_, std::move(wake));
    if (!made) return made.error();
    sink_ = std::move(*made);
    return {};
}

void TopicPort::send(std::deque<Job> jobs) {
    for (auto& job : jobs) {
        const auto token = next_token_++;
        under_way_.emplace(token, std::move(job.done));
        if (const auto fault = sink_->publish(token, job.message)) end(token, fault);
    }
}

void TopicPort::end(std::uint64_t token, const std::optional<PublishFault>& fault) {
    const auto found = under_way_.find(token);
    if (found == under_way_.end()) return;
    failed_ = failed_ || (fault && !fault->permanent);
    found->second->deliver(fault ? Result<void>(failure(*fault)) : Result<void>());
    under_way_.erase(found);
}

void TopicPort::drop_all(const Error& error) {
    for (auto& [token, done] : std::exchange(under_way_, {})) done->deliver(error);
    for (auto& job : take()) job.done->deliver(error);
}

void TopicPort::run() {
    while (rest()) {
        auto jobs = take();
        if (!jobs.empty() && sink_ == nullptr) {
            if (auto opened = open(); opened.has_error()) {
                Error error = opened.error();
                if (error.code == Errc::not_found) error.code = Errc::unavailable;
                for (auto& job : jobs) job.done->deliver(error);
                continue;
            }
        }
        if (sink_ == nullptr) continue;
        send(std::move(jobs));
        const TopicSink::Ended ended =
            [this](std::uint64_t token, std::optional<PublishFault> fault) { end(token, fault); };
        sink_->poll(ended);
        if (!failed_ || !under_way_.empty()) continue;
        failed_ = false;
        sink_.reset();
    }
    drop_all(Error(Errc::unavailable, "the daemon is stopping", {}, "trigger"));
    sink_.reset();
}

}  // namespace hearth::trigger
