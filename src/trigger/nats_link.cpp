#include <charconv>
#include <map>

#include "trigger/nats_publications.hpp"

namespace hearth::trigger {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPullWait{30'000};
constexpr milliseconds kAskAgain{5'000};       // how often the consumer's lag is asked for
constexpr milliseconds kPullPause{200};        // after a refused pull
constexpr milliseconds kConsumerGone{10'000};  // of refusals without a break
constexpr int kMostPending = 65'536;

/// What both kinds of link have.
class NatsLink : public QueueLink {
 public:
    explicit NatsLink(std::unique_ptr<NatsSession> session) : session_(std::move(session)) {}
    LinkState state() const override;
    void store(int, std::int64_t) override {}
    void commit() override {}
    void pause(int, bool paused) override {
        paused_ = paused;
        if (!paused) session_->inbox().wake();
    }

 protected:
    virtual std::string trouble() const { return {}; }
    std::deque<NatsMessage> take_messages();
    std::deque<NatsMessage> take_answers();

    std::unique_ptr<NatsSession> session_;
    std::int64_t next_offset_ = 1;
    bool paused_ = false;
};

LinkState NatsLink::state() const {
    LinkState state;
    auto& inbox = session_->inbox();
    std::lock_guard lock(inbox.mutex);
    state.message = inbox.error;
    const bool refused = inbox.error.find("uthorization") != std::string::npos ||
                         inbox.error.find("uthentication") != std::string::npos;
    if (inbox.closed) {
        state.word = refused ? "AuthenticationFailed" : "Disconnected";
        state.reopen = true;
    } else if (!inbox.connected) {
        state.word = refused ? "AuthenticationFailed" : "Disconnected";
    } else if (auto words = trouble(); !words.empty()) {
        state.word = "ConsumerUnavailable";
        state.message = std::move(words);
    } else {
        state.word = "Connected";
        state.connected = true;
        if (inbox.dropped > 0)
            state.message = std::to_string(inbox.dropped) +
                            " messages were dropped: they came faster than the function takes them";
    }
    return state;
}

std::deque<NatsMessage> NatsLink::take_messages() {
    std::lock_guard lock(session_->inbox().mutex);
    return std::exchange(session_->inbox().messages, {});
}

std::deque<NatsMessage> NatsLink::take_answers() {
    std::lock_guard lock(session_->inbox().mutex);
    return std::exchange(session_->inbox().answers, {});
}

/// A core subject: the server sends and forgets.
class CoreLink final : public NatsLink {
 public:
    using NatsLink::NatsLink;
    void poll(LinkListener& listener) override {
        if (first_) listener.on_assigned({0});
        first_ = false;
        poll_published(listener);
        if (paused_) return;
        for (const auto& message : take_messages())
            listener.on_message(taken_from(message.get(), next_offset_++));
    }
    void poll_published(LinkListener& listener) override {
        for (const auto token : std::exchange(sent_, {}))
            listener.on_published(token, std::nullopt);
    }
    std::optional<std::int64_t> lag() override {
        std::lock_guard lock(session_->inbox().mutex);
        return static_cast<std::int64_t>(session_->inbox().messages.size());
    }
    void settle(const QueueMessage&) override {}
    void touch(const QueueMessage&) override {}
    std::optional<milliseconds> keep_alive() const override { return std::nullopt; }
    std::optional<PublishFault> publish(std::uint64_t token, OutgoingMessage message) override {
        if (const auto status = session_->publish(message, ""); status != NATS_OK)
            return fault_of(status);
        sent_.push_back(token);
        session_->inbox().wake();
        return std::nullopt;
    }
    void close(LinkListener& listener, milliseconds patience) override {
        poll(listener);
        listener.on_revoked(patience);
        session_->flush(milliseconds(1'000));
    }

 private:
    std::vector<std::uint64_t> sent_;
    bool first_ = true;
};

/// A durable pull consumer of a stream. One pull request is open at a time and asks for no more
/// than there is room.
class StreamLink final : public NatsLink {
 public:
    StreamLink(std::unique_ptr<NatsSession> session, const LinkSettings& settings)
        : NatsLink(std::move(session)), settings_(settings) {}
    Result<void> open();

    void poll(LinkListener& listener) override;
    void poll_published(LinkListener& listener) override {
        for (const auto& answer : take_answers()) take_answer(listener, answer.get());
        publications_.expire(Clock::now(), told_to(listener));
    }
    std::optional<std::int64_t> lag() override {
        if (pending_ < 0) return std::nullopt;
        return pending_ + static_cast<std::int64_t>(held_.size());
    }
    void settle(const QueueMessage& message) override { acknowledge(message, "+ACK", true); }
    void touch(const QueueMessage& message) override { acknowledge(message, "+WPI", false); }
    std::optional<milliseconds> keep_alive() const override { return settings_.spec.ack_wait / 3; }
    std::optional<PublishFault> publish(std::uint64_t token, OutgoingMessage message) override;
    void close(LinkListener& listener, milliseconds patience) override;

 private:
    std::string trouble() const override;
    void acknowledge(const QueueMessage& message, std::string_view word, bool last);
    void take_message(LinkListener& listener, NatsMessage message);
    void take_answer(LinkListener& listener, natsMsg* answer);
    static NatsPublications::Ended told_to(LinkListener& listener) {
        return [&listener](std::uint64_t token, std::optional<PublishFault> fault) {
            listener.on_published(token, std::move(fault));
        };
    }
    void note_refusal(int status, const std::string& words);
    void pull(Clock::time_point now);
    void ask_lag(Clock::time_point now);

    const LinkSettings settings_;
    std::string stream_, messages_subject_;
    std::map<std::uint64_t, std::string>
        held_;  ///< sequence → the newest subject to acknowledge at
    NatsPublications publications_;
    std::size_t asked_ = 0;  ///< messages of the open pull request to come
    Clock::time_point asked_until_{}, next_pull_{}, next_lag_{};
    std::optional<Clock::time_point> refused_since_;
    std::string refusal_;
    std::int64_t pending_ = -1;
    std::uint64_t reconnects_ = 0;
    bool first_ = true;
};

Result<void> StreamLink::open() {
    stream_ = settings_.spec.stream;
    if (stream_.empty()) {
        const auto answer =
            session_->request("$JS.API.STREAM.NAMES", stream_names_request(settings_.spec.topic));
        if (!answer) return answer.error();
        const auto name = parse_stream_names(*answer, settings_.spec.topic);
        if (!name) return name.error();
        stream_ = *name;
    }
    const auto made = session_->request(
        "$JS.API.CONSUMER.DURABLE.CREATE." + stream_ + "." + settings_.spec.consumer,
        consumer_request(settings_, stream_));
    if (!made) return made.error();
    if (const auto read = parse_api_answer(*made); read.code != 0)
        return Error(read.code == 404 ? Errc::not_found : Errc::unavailable,
                     "the consumer " + settings_.spec.consumer + " of the stream " + stream_ +
                         " cannot be made: " + read.message);
    auto subject = session_->subscribe_own(kMostPending);
    if (!subject) return subject.error();
    messages_subject_ = std::move(*subject);
    return {};
}

std::string StreamLink::trouble() const {
    if (!refused_since_ || Clock::now() - *refused_since_ < milliseconds(1'000)) return {};
    return refusal_;
}

void StreamLink::acknowledge(const QueueMessage& message, std::string_view word, bool last) {
    const auto found = held_.find(message.sequence);
    if (found == held_.end()) return;
    session_->publish(found->second, "", word);
    if (last) held_.erase(found);
}

void StreamLink::take_message(LinkListener& listener, NatsMessage message) {
    std::string words;
    if (const int status = status_of(message.get(), words); status != 0) {
        if (status == 100) return;
        asked_ = 0;
        if (status == 503 || (status == 409 && words.find("Max") == std::string::npos))
            note_refusal(status, words);
        return;
    }
    refused_since_.reset();
    if (asked_ > 0) --asked_;
    const char* reply = natsMsg_GetReply(message.get());
    const auto info = parse_ack_subject(reply != nullptr ? reply : "");
    if (!info) return;
    pending_ = info->pending;
    const bool known = held_.contains(info->sequence);
    held_[info->sequence] = reply;
    // Delivered again while the function still works on it.
    if (known) return;
    auto taken = taken_from(message.get(), next_offset_++);
    taken.sequence = info->sequence;
    taken.time_ms = info->time_ms;
    listener.on_message(std::move(taken));
}

void StreamLink::note_refusal(int status, const std::string& words) {
    const auto now = Clock::now();
    if (!refused_since_) refused_since_ = now;
    next_pull_ = now + kPullPause;
    refusal_ = status == 503 ? "nobody answers for the consumer " + settings_.spec.consumer +
                                   " of the stream " + stream_
                             : "the consumer " + settings_.spec.consumer + ": " + words;
    if (now - *refused_since_ < kConsumerGone) return;
    std::lock_guard lock(session_->inbox().mutex);
    session_->inbox().closed = true;
    session_->inbox().error = refusal_;
}

void StreamLink::take_answer(LinkListener& listener, natsMsg* answer) {
    if (const auto token = NatsPublications::token_of(*session_, answer))
        return publications_.take(*token, answer, told_to(listener));
    const auto read = parse_api_answer(
        {natsMsg_GetData(answer), static_cast<std::size_t>(natsMsg_GetDataLength(answer))});
    if (read.code == 404) note_refusal(404, "does not exist any more");
    if (read.is_json && read.code == 0)
        pending_ = std::max<std::int64_t>(read.undone - static_cast<std::int64_t>(held_.size()), 0);
}

void StreamLink::poll(LinkListener& listener) {
    if (first_) listener.on_assigned({0});
    first_ = false;
    const auto now = Clock::now();
    std::uint64_t reconnects = 0;
    bool connected = false;
    {
        std::lock_guard lock(session_->inbox().mutex);
        reconnects = session_->inbox().reconnects;
        connected = session_->inbox().connected;
    }
    for (auto& message : take_messages()) take_message(listener, std::move(message));
    poll_published(listener);
    if (reconnects != reconnects_) {
        // The server has forgotten the open request.
        reconnects_ = reconnects;
        asked_ = 0;
        next_pull_ = next_lag_ = now;
    }
    if (!connected) return;
    pull(now);
    ask_lag(now);
}

void StreamLink::pull(Clock::time_point now) {
    if (asked_ > 0 && now > asked_until_) asked_ = 0;
    if (asked_ > 0 || paused_ || now < next_pull_) return;
    const std::size_t room = settings_.window - std::min(settings_.window, held_.size());
    if (room < std::max<std::size_t>(settings_.window / 4, 1)) return;
    const auto sent =
        session_->publish("$JS.API.CONSUMER.MSG.NEXT." + stream_ + "." + settings_.spec.consumer,
                          messages_subject_, pull_request(room, kPullWait));
    if (sent != NATS_OK) {
        next_pull_ = now + kPullPause;
        return;
    }
    asked_ = room;
    // Its end is told by the server; this is for an end that gets lost.
    asked_until_ = now + kPullWait + milliseconds(2'000);
}

void StreamLink::ask_lag(Clock::time_point now) {
    if (now < next_lag_) return;
    next_lag_ = now + kAskAgain;
    session_->publish("$JS.API.CONSUMER.INFO." + stream_ + "." + settings_.spec.consumer,
                      session_->reply_prefix() + ".info", "");
}

std::optional<PublishFault> StreamLink::publish(std::uint64_t token, OutgoingMessage message) {
    return publications_.publish(*session_, token, message);
}

void StreamLink::close(LinkListener& listener, milliseconds patience) {
    paused_ = true;
    poll(listener);
    listener.on_revoked(patience);
    // Others get at once what is not done.
    for (const auto& [sequence, subject] : held_) session_->publish(subject, "", "-NAK");
    session_->flush(milliseconds(1'000));
}

}  // namespace

Result<std::unique_ptr<QueueLink>> make_nats_link(const LinkSettings& settings,
                                                  std::function<void()> wake) {
    auto session = NatsSession::open(settings, std::move(wake));
    if (!session) return session.error();
    if (settings.spec.queue == model::MessageQueueTriggerSpec::Queue::jetstream) {
        auto link = std::make_unique<StreamLink>(std::move(*session), settings);
        if (auto opened = link->open(); opened.has_error()) return opened.error();
        return std::unique_ptr<QueueLink>(std::move(link));
    }
    auto on = (*session)->subscribe(settings.spec.topic, settings.spec.queue_group, kMostPending);
    if (on.has_error()) return on.error();
    return std::unique_ptr<QueueLink>(std::make_unique<CoreLink>(std::move(*session)));
}

}  // namespace hearth::trigger
