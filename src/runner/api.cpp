#include "runner/api.hpp"

#include <boost/json/serialize.hpp>

#include <charconv>

#include "runner/packing.hpp"

namespace hearth::runner {
namespace {

namespace json = boost::json;

constexpr std::string_view kArchives = "/v1/archives/";
constexpr std::string_view kLoadType = "application/vnd.hearth.load";
/// A Secret or config map has at most 1 MiB; base64 adds a third. Reading it takes up to four times
/// as much memory.
constexpr std::size_t kLongestOrder = 8u << 20;
constexpr std::int64_t kLongestWaitMs = 600'000;

/// The value of a query's parameter; nothing of it needs percent-decoding.
std::string_view parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.starts_with(name) && pair.size() > name.size() && pair[name.size()] == '=') {
            return pair.substr(name.size() + 1);
        }
    }
    return {};
}

Fault too_long() {
    return Fault(413, "too_large",
                 "settings and order take more than " + std::to_string(kLongestOrder) + " bytes");
}

Task<Result<std::string>> read_all(Body& body) {
    std::string out;
    for (;;) {
        auto piece = co_await body.read();
        if (!piece) co_return piece.error();
        if (piece->empty()) co_return out;
        out += *piece;
        if (out.size() > kLongestOrder) co_return too_long();
    }
}

}  // namespace

Api::Api(const Configuration& configuration, Executor executor)
    : configuration_(configuration),
      token_(configuration.token_file),
      environment_(executor, configuration.environment),
      instance_(configuration_, environment_, token_, executor) {}

Task<Reply> Api::answer(Call call, Body& body) {
    if (call.path == "/healthz") {
        if (call.method != "GET") co_return wrong_method("GET");
        co_return text_reply(200, "ok\n");
    }
    if (call.path == "/readyz") {
        if (call.method != "GET") co_return wrong_method("GET");
        const bool ready = co_await instance_.ready();
        co_return ready ? text_reply(200, "ok\n") : text_reply(503, "not ready\n");
    }
    if (!call.path.starts_with("/v1/")) {
        co_return no_such_path(call.path);
    }
    if (!token_.accepts(call.authorization)) {
        co_return not_let_in();
    }
    if (call.path == "/v1/state") {
        if (call.method != "GET") co_return wrong_method("GET");
        co_return co_await state(call);
    }
    if (call.path == "/v1/load") {
        if (call.method != "POST") co_return wrong_method("POST");
        co_return co_await load(call, body);
    }
    if (call.path == "/v1/settings") {
        if (call.method != "PUT") co_return wrong_method("PUT");
        co_return co_await settings(call, body);
    }
    if (call.path.starts_with(kArchives)) {
        if (call.method != "GET") co_return wrong_method("GET");
        co_return archive(call.path.substr(kArchives.size()));
    }
    co_return no_such_path(call.path);
}

Task<Reply> Api::state(const Call& call) {
    const std::string_view wait = parameter(call.query, "wait");
    if (!wait.empty()) {
        if (wait != "ready") co_return Reply(refused("wait must be ready"));
        const std::string_view limit = parameter(call.query, "timeoutMs");
        std::int64_t ms = -1;
        const auto [end, ec] = std::from_chars(limit.data(), limit.data() + limit.size(), ms);
        if (ec != std::errc() || end != limit.data() + limit.size() || ms < 0 ||
            ms > kLongestWaitMs) {
            co_return Reply(refused("timeoutMs must be a number from 0 to 600000"));
        }
        co_await environment_.wait_ready(Clock::now() + std::chrono::milliseconds(ms));
    }
    const json::object state = co_await instance_.describe();
    co_return json_reply(state);
}

Task<Reply> Api::load(const Call& call, Body& body) {
    if (call.content_type != kLoadType) {
        co_return Reply(
            Fault(415, "invalid_argument", "Content-Type must be " + std::string(kLoadType)));
    }
    if (!call.content_length) {
        co_return Reply(Fault(411, "invalid_argument", "Content-Length must be known"));
    }
    auto first = co_await read_line(body, kLongestOrder);
    if (!first) co_return Reply(first.error());
    auto order = parse_order(first->line);
    if (!order) co_return Reply(order.error());
    first->line = std::string();
    AfterLine archive(std::move(first->behind), body);
    auto times = co_await instance_.load(std::move(*order), archive);
    if (!times) co_return Reply(times.error());
    json::object out;
    out["unpackMs"] = times->unpack.count();
    out["loadMs"] = times->load.count();
    co_return json_reply(out);
}

Task<Reply> Api::settings(const Call&, Body& body) {
    auto bytes = co_await read_all(body);
    if (!bytes) co_return Reply(bytes.error());
    auto settings = parse_settings(*bytes);
    if (!settings) co_return Reply(settings.error());
    auto done = instance_.replace_settings(*settings);
    if (done.has_error()) co_return Reply(done.error());
    co_return json_reply({});
}

Reply Api::archive(const std::string& digest) const {
    if (!is_digest(digest)) return Reply(refused("that is no digest"));
    auto packing = Packing::begin(instance_.archive_folder(digest), Packing::Links::left_out);
    if (!packing) {
        Fault fault = packing.error();
        if (fault.status == 404) fault.detail = "the archive " + digest + " is not here";
        return Reply(fault);
    }
    Reply reply;
    reply.content_type = "application/x-tar";
    reply.stream = std::move(*packing);
    return reply;
}

}  // namespace hearth::runner
