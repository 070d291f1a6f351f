#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "trigger/queue_link.hpp"

namespace hearth::trigger {

/// The texts of JetStream's API, as its wire protocol has them. All pure.

/// What the reply subject of a delivered message tells.
struct AckInfo {
    std::uint64_t sequence = 0;  ///< of the message in its stream
    std::uint64_t deliveries = 0;
    std::int64_t time_ms = 0;
    std::int64_t pending = 0;  ///< messages of the consumer that are not delivered yet
};
std::optional<AckInfo> parse_ack_subject(std::string_view subject);

std::string stream_names_request(const std::string& subject);
/// The one stream. Errors: not_found, conflict (several).
Result<std::string> parse_stream_names(std::string_view answer, const std::string& subject);

std::string consumer_request(const LinkSettings& settings, const std::string& stream);
std::string pull_request(std::size_t messages, std::chrono::milliseconds wait);

/// An answer of the API or an acknowledgement of a publication.
struct ApiAnswer {
    int code = 0;  ///< of the error; 0: none
    int err_code = 0;
    std::string message;
    std::int64_t undone = 0;  ///< of a consumer's description: not delivered or not acknowledged
    bool is_json = false;
};
ApiAnswer parse_api_answer(std::string_view text);

/// The two parts of a creds file; empty when they are not in it.
struct NatsCredentials {
    std::string jwt, seed;
};
NatsCredentials parse_credentials(std::string_view text);

}  // namespace hearth::trigger
