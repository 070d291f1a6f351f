#include "trigger/nats_wire.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <vector>

namespace hearth::trigger {

namespace json = boost::json;

namespace {

constexpr std::size_t kShortAck = 9, kLongAck = 11;
constexpr std::int64_t kNanosOfMilli = 1'000'000;

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(at, start), text.size());
        parts.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

template <class T>
bool read(std::string_view text, T& out) {
    const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    return ec == std::errc() && stop == text.data() + text.size();
}

std::string between(std::string_view text, std::string_view name) {
    const std::string head = "-----BEGIN " + std::string(name) + "-----";
    const auto start = text.find(head);
    if (start == std::string_view::npos) return {};
    auto rest = text.substr(start + head.size());
    const auto end = rest.find("---");
    std::string out;
    for (const char c : rest.substr(0, end)) {
        if (static_cast<unsigned char>(c) > ' ') out += c;
    }
    return end == std::string_view::npos ? std::string() : out;
}

}  // namespace

std::optional<AckInfo> parse_ack_subject(std::string_view subject) {
    if (!subject.starts_with("$JS.ACK.")) return std::nullopt;
    const auto parts = split(subject, '.');
    // Servers with domains put two parts before the stream and one at the end.
    std::size_t first = 4;
    if (parts.size() >= kLongAck)
        first = 6;
    else if (parts.size() != kShortAck)
        return std::nullopt;
    AckInfo info;
    std::int64_t nanos = 0;
    if (!read(parts[first], info.deliveries) || !read(parts[first + 1], info.sequence) ||
        !read(parts[first + 3], nanos) || !read(parts[first + 4], info.pending))
        return std::nullopt;
    info.time_ms = nanos / kNanosOfMilli;
    return info;
}

std::string stream_names_request(const std::string& subject) {
    json::object request;
    request["subject"] = subject;
    return json::serialize(request);
}

Result<std::string> parse_stream_names(std::string_view answer, const std::string& subject) {
    const auto read = parse_api_answer(answer);
    if (read.code != 0) return Error(Errc::unavailable, read.message);
    boost::system::error_code ec;
    const auto whole = json::parse(answer, ec);
    const auto* names = whole.is_object() ? whole.get_object().if_contains("streams") : nullptr;
    if (ec || !names || !names->is_array() || names->get_array().empty())
        return Error(Errc::not_found, "no JetStream stream takes the subject " + subject +
                                          ": make one, or name it in spec.metadata.stream");
    if (names->get_array().size() > 1)
        return Error(Errc::conflict, "several JetStream streams take the subject " + subject +
                                         ": name one in spec.metadata.stream");
    const auto* name = names->get_array().front().if_string();
    return name ? std::string(*name) : std::string();
}

std::string consumer_request(const LinkSettings& settings, const std::string& stream) {
    json::object config;
    config["durable_name"] = settings.spec.consumer;
    config["deliver_policy"] = settings.spec.from_latest ? "new" : "all";
    config["ack_policy"] = "explicit";
    config["ack_wait"] = settings.spec.ack_wait.count() * kNanosOfMilli;
    config["max_deliver"] = -1;
    config["max_ack_pending"] = 1000;
    config["filter_subject"] = settings.spec.topic;
    config["replay_policy"] = "instant";
    json::object request;
    request["stream_name"] = stream;
    request["config"] = std::move(config);
    return json::serialize(request);
}

std::string pull_request(std::size_t messages, std::chrono::milliseconds wait) {
    json::object request;
    request["batch"] = messages;
    request["expires"] = wait.count() * kNanosOfMilli;
    return json::serialize(request);
}

ApiAnswer parse_api_answer(std::string_view text) {
    ApiAnswer out;
    boost::system::error_code ec;
    const auto whole = json::parse(text, ec);
    if (ec || !whole.is_object()) return out;
    out.is_json = true;
    const auto& object = whole.get_object();
    for (const char* key : {"num_pending", "num_ack_pending"}) {
        if (const auto* count = object.if_contains(key); count && count->is_int64())
            out.undone += count->get_int64();
    }
    const auto* error = object.if_contains("error");
    if (!error || !error->is_object()) return out;
    const auto number = [&](const char* key) {
        const auto* value = error->get_object().if_contains(key);
        return value && value->is_int64() ? static_cast<int>(value->get_int64()) : 0;
    };
    out.code = number("code") != 0 ? number("code") : 500;
    out.err_code = number("err_code");
    const auto* words = error->get_object().if_contains("description");
    out.message = words && words->is_string() ? std::string(words->get_string()) : "unknown error";
    return out;
}

NatsCredentials parse_credentials(std::string_view text) {
    return {between(text, "NATS USER JWT"), between(text, "USER NKEY SEED")};
}

}  // namespace hearth::trigger
