#include "trigger/nats_publications.hpp"

#include <charconv>

namespace hearth::trigger {
namespace {

constexpr std::chrono::milliseconds kPatience{5'000};
constexpr int kTooLarge = 10054;  // JetStream: message size exceeds maximum allowed

}  // namespace

PublishFault fault_of(natsStatus status) {
    return {status == NATS_MAX_PAYLOAD, natsStatus_GetText(status)};
}

std::optional<PublishFault> NatsPublications::publish(NatsSession& session, std::uint64_t token,
                                                      const OutgoingMessage& message) {
    const auto status =
        session.publish(message, session.reply_prefix() + "." + std::to_string(token));
    if (status != NATS_OK) return fault_of(status);
    waiting_[token] = Clock::now() + kPatience;
    return std::nullopt;
}

std::optional<std::uint64_t> NatsPublications::token_of(const NatsSession& session,
                                                        natsMsg* answer) {
    const std::string subject = natsMsg_GetSubject(answer);
    const auto word = subject.substr(std::min(subject.size(), session.reply_prefix().size() + 1));
    std::uint64_t token = 0;
    const auto [stop, ec] = std::from_chars(word.data(), word.data() + word.size(), token);
    if (ec != std::errc() || stop != word.data() + word.size()) return std::nullopt;
    return token;
}

void NatsPublications::take(std::uint64_t token, natsMsg* answer, const Ended& ended) {
    if (waiting_.erase(token) == 0) return;
    std::string words;
    if (status_of(answer, words) == 503)
        return ended(token, PublishFault{false, "no JetStream stream takes the subject"});
    const auto read = parse_api_answer(
        {natsMsg_GetData(answer), static_cast<std::size_t>(natsMsg_GetDataLength(answer))});
    if (read.is_json && read.code == 0) return ended(token, std::nullopt);
    ended(token, PublishFault{read.err_code == kTooLarge,
                              read.is_json ? read.message : "the answer is no JSON"});
}

void NatsPublications::expire(Clock::time_point now, const Ended& ended) {
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        if (at->second > now) {
            ++at;
            continue;
        }
        const auto token = at->first;
        at = waiting_.erase(at);
        ended(token, PublishFault{false, "JetStream did not confirm it in time"});
    }
}

}  // namespace hearth::trigger
