#include <algorithm>

#include "trigger/queue_meeting.hpp"

namespace hearth::trigger {

using std::chrono::milliseconds;
using Next = Verdict::Next;

namespace {

constexpr std::size_t kLeastWindow = 64, kMostWindow = 1'000;
constexpr std::size_t kMostAnswer = 1u << 20;

bool of_the_function(const invoke::CallAnswer& answer) {
    const auto& component = answer.error->component;
    return component == "function" || component == "instance" || component == "deadline" ||
           answer.error->code == Errc::function_failed ||
           answer.error->code == Errc::deadline_exceeded;
}

/// A call that the platform could not make says nothing of the message.
CallOutcome judge(const invoke::CallAnswer& answer) {
    if (answer.error) return of_the_function(answer) ? CallOutcome::failed : CallOutcome::withheld;
    return answer.status >= 200 && answer.status < 300 ? CallOutcome::success : CallOutcome::failed;
}

CallEnd end_of(invoke::CallAnswer& answer) {
    CallEnd end;
    end.status = answer.status;
    end.reason = answer.error ? answer.error->message
                              : "the function answered " + std::to_string(answer.status);
    end.body = std::move(answer.body);
    for (std::size_t i = 0; i < answer.headers.size(); ++i) {
        const auto [name, value] = answer.headers.at(i);
        end.headers.emplace_back(name, value);
    }
    return end;
}

}  // namespace

QueuePolicy QueueRunner::policy() const {
    const auto& spec = names_.spec;
    QueuePolicy policy;
    policy.max_retries = spec.max_retries;
    policy.first_delay = spec.retry_delay;
    policy.batch = static_cast<std::size_t>(spec.batch_size);
    const auto wanted = static_cast<std::size_t>(spec.concurrency) * 4;
    policy.window = std::clamp(std::max(wanted, policy.batch * 2), kLeastWindow, kMostWindow);
    policy.respond = !spec.resp_topic.empty();
    policy.has_error_topic = !spec.error_topic.empty();
    return policy;
}

std::uint64_t QueueRunner::lane_of(const QueueMessage& message) const {
    using Ordering = model::MessageQueueTriggerSpec::Ordering;
    const auto ordering = names_.spec.ordering;
    if (ordering == Ordering::partition) return 1;
    if (ordering == Ordering::none || !message.key) return 0;
    return std::hash<std::string>{}(*message.key) | 1;
}

void QueueRunner::on_message(QueueMessage message) {
    const auto found = partitions_.find(message.partition);
    if (found == partitions_.end()) return;
    Partition& partition = found->second;
    if (!partition.core.add(message.offset, lane_of(message))) return;
    partition.bytes += message.value.size();
    const auto offset = message.offset;
    partition.messages.emplace(offset, std::move(message));
}

void QueueRunner::step() {
    const auto now = std::chrono::steady_clock::now();
    for (auto& [number, partition] : partitions_) {
        for (const auto& verdict : partition.core.publications_due(now))
            publish(number, partition, verdict);
    }
    // What is done while nothing can be stored would be done again.
    if (link_->state().connected) start_calls(now);
    keep_positions();
    keep_alive(now);
    for (auto& [number, partition] : partitions_) {
        const bool full = partition.core.full() || partition.bytes > kMostBytes;
        const bool roomy = partition.core.roomy() && partition.bytes < kMostBytes / 2;
        if (partition.paused ? !roomy : !full) continue;
        partition.paused = !partition.paused;
        link_->pause(number, partition.paused);
    }
}

/// Partitions take turns, so that a full one does not keep the others waiting.
void QueueRunner::start_calls(base::SteadyTime now) {
    const auto most = static_cast<std::size_t>(names_.spec.concurrency);
    std::size_t idle = 0;
    while (in_flight_ < most && !partitions_.empty() && idle < partitions_.size()) {
        auto turn = partitions_.lower_bound(next_partition_);
        if (turn == partitions_.end()) turn = partitions_.begin();
        next_partition_ = turn->first + 1;
        const auto unit = turn->second.core.start(now);
        if (!unit) {
            ++idle;
            continue;
        }
        idle = 0;
        call(turn->first, turn->second, *unit);
    }
}

void QueueRunner::call(int number, Partition& partition, const Unit& unit) {
    std::vector<const QueueMessage*> messages;
    for (const auto offset : unit.offsets) messages.push_back(&partition.messages.at(offset));
    auto delivery = delivery_of(names_, messages, unit.attempt, names_.spec.batch_size > 1);
    delivery.keep_body = kMostAnswer;
    Ticket ticket(meeting_, Place{number, partition.generation, unit.id});
    ++in_flight_;
    auto& shard = around_.shards.at(next_shard_++ % around_.shards.size());
    calls_.spawn(shard.executor(), "queue-call",
                 deliver(around_.deliverer, std::move(delivery), std::move(ticket)));
}

Task<void> QueueRunner::deliver(Deliverer& deliverer, Delivery delivery, Ticket ticket) {
    auto answer = co_await deliverer.deliver(std::move(delivery));
    auto outcome = judge(answer);
    auto end = end_of(answer);
    if (answer.truncated && outcome == CallOutcome::success) {
        end.body.clear();
        end.reason = "the function's answer is larger than 1 MiB";
        end.too_large = true;
    }
    ticket.tell(outcome, std::move(end));
}

void QueueRunner::take_completions() {
    std::vector<Completion> completions;
    {
        std::lock_guard lock(meeting_->mutex);
        completions.swap(meeting_->completions);
    }
    const auto now = std::chrono::steady_clock::now();
    for (auto& completion : completions) {
        --in_flight_;
        const auto& place = completion.place;
        const auto found = partitions_.find(place.partition);
        if (found == partitions_.end() || found->second.generation != place.generation) continue;
        Partition& partition = found->second;
        call_trouble_.clear();
        if (completion.outcome == CallOutcome::withheld) call_trouble_ = completion.end.reason;
        if (completion.outcome != CallOutcome::success) note_error(completion.end.reason);
        // An answer that no topic can take is a failure, but only where there is a topic for it.
        if (completion.end.too_large && !names_.spec.resp_topic.empty())
            completion.outcome = CallOutcome::failed;
        auto verdict = partition.core.called(place.unit, completion.outcome, now, draw());
        completion.end.attempts = verdict.unit.attempt;
        if (verdict.next == Next::publish_response || verdict.next == Next::publish_error ||
            verdict.next == Next::dropped)
            partition.ends[place.unit] = std::move(completion.end);
        act(place.partition, partition, std::move(verdict));
    }
}

void QueueRunner::act(int number, Partition& partition, Verdict verdict) {
    switch (verdict.next) {
        case Next::settled: {
            const auto end = partition.ends.find(verdict.unit.id);
            const bool failed = end != partition.ends.end() && end->second.gave_up;
            (failed ? failed_ : delivered_).add(verdict.unit.offsets.size());
            return settle(partition, verdict.unit);
        }
        case Next::dropped:
            dropped_.add(verdict.unit.offsets.size());
            around_.log.log(telemetry::Level::warn, "trigger",
                            "a message is dropped: its calls failed and there is no error topic",
                            {{"trigger", names_.ns + "/" + names_.name},
                             {"partition", std::to_string(number)},
                             {"offset", std::to_string(verdict.unit.offsets.front())},
                             {telemetry::kErr, partition.ends[verdict.unit.id].reason}});
            return settle(partition, verdict.unit);
        case Next::again_later:
            retried_.add(verdict.unit.offsets.size());
            return;
        case Next::publish_response:
        case Next::publish_error:
            return publish(number, partition, verdict);
        case Next::publish_later:
        case Next::stale:
            return;
    }
}

void QueueRunner::settle(Partition& partition, const Unit& unit) {
    for (const auto offset : unit.offsets) {
        const auto found = partition.messages.find(offset);
        if (found == partition.messages.end()) continue;
        link_->settle(found->second);
        partition.bytes -= found->second.value.size();
        partition.messages.erase(found);
    }
    partition.ends.erase(unit.id);
    partition.publications.erase(unit.id);
    std::lock_guard lock(status_mutex_);
    status_.last_delivery_at = std::chrono::system_clock::now();
}

void QueueRunner::publish(int number, Partition& partition, const Verdict& verdict) {
    const Unit& unit = verdict.unit;
    CallEnd& end = partition.ends[unit.id];
    end.gave_up = verdict.next == Next::publish_error;
    partition.publications[unit.id] = {unit.id, unit.offsets.size(), PublishOutcome::done};
    for (const auto offset : unit.offsets) {
        const auto& message = partition.messages.at(offset);
        const auto token = next_token_++;
        tokens_[token] = Place{number, partition.generation, unit.id};
        auto outgoing =
            end.gave_up ? error_of(names_, message, end) : response_of(names_, message, end);
        auto fault = link_->publish(token, std::move(outgoing));
        if (!fault) continue;
        // Told like one that comes later, so that there is one way for both.
        refused_at_once_.emplace_back(token, std::move(*fault));
    }
    if (!refused_at_once_.empty()) meeting_->wake();
}

void QueueRunner::take_refusals() {
    for (auto& [token, fault] : std::exchange(refused_at_once_, {}))
        on_published(token, std::move(fault));
}

void QueueRunner::on_published(std::uint64_t token, std::optional<PublishFault> fault) {
    const auto found = tokens_.find(token);
    if (found == tokens_.end()) return;
    const Place place = found->second;
    tokens_.erase(found);
    const auto at = partitions_.find(place.partition);
    if (at == partitions_.end() || at->second.generation != place.generation) return;
    Partition& partition = at->second;
    const auto publication = partition.publications.find(place.unit);
    if (publication == partition.publications.end()) return;
    auto& [unit, left, worst] = publication->second;
    if (fault) {
        worst = fault->permanent && worst != PublishOutcome::failed ? PublishOutcome::refused
                                                                    : PublishOutcome::failed;
        const bool error = partition.ends[place.unit].gave_up;
        publish_trouble_ = std::string(error ? "spec.errorTopic " : "spec.respTopic ") +
                           (error ? names_.spec.error_topic : names_.spec.resp_topic) +
                           " takes no message: " + fault->why;
        note_error(publish_trouble_);
    }
    if (--left > 0) return;
    const auto outcome = worst;
    partition.publications.erase(publication);
    if (outcome == PublishOutcome::done) publish_trouble_.clear();
    auto verdict =
        partition.core.published(place.unit, outcome, std::chrono::steady_clock::now(), draw());
    if (verdict.next == Next::publish_error) partition.ends[place.unit].reason = publish_trouble_;
    act(place.partition, partition, std::move(verdict));
}

}  // namespace hearth::trigger
