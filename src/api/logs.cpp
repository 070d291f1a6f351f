#include <boost/json.hpp>

#include <charconv>
#include <deque>
#include <set>

#include "api/handlers.hpp"
#include "hearth/base/quantity.hpp"
#include "hearth/base/time_text.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostLines = 10'000;
constexpr std::size_t kMostQueuedBytes = 1u << 20;
constexpr std::size_t kPiece = 64 * 1024;
constexpr auto kLookForClient = std::chrono::seconds(1);

using telemetry::LogEntry;

std::string_view name_of(LogEntry::Stream stream) {
    switch (stream) {
        case LogEntry::Stream::out:
            return "out";
        case LogEntry::Stream::err:
            return "err";
        case LogEntry::Stream::call:
            return "call";
        case LogEntry::Stream::platform:
            return "platform";
    }
    return "out";
}

std::string line_of(const LogEntry& entry) {
    json::object line;
    line["time"] = base::to_rfc3339(entry.time);
    line["stream"] = name_of(entry.stream);
    line["requestId"] = entry.request_id;
    line["instance"] = entry.instance;
    line["message"] = entry.message;
    return json::serialize(line) + "\n";
}

/// New lines of one function, kept for a reader up to a bound. Thread: push from any, take from the
/// reader's.
class Tail {
 public:
    Tail(std::string request_id, std::shared_ptr<Wakeup> wakeup)
        : request_id_(std::move(request_id)), wakeup_(std::move(wakeup)) {}

    void push(const LogEntry& entry) {
        if (!request_id_.empty() && entry.request_id != request_id_) return;
        auto line = line_of(entry);
        {
            std::lock_guard lock(mutex_);
            if (bytes_ + line.size() > kMostQueuedBytes) {
                ++skipped_;
                return;
            }
            bytes_ += line.size();
            lines_.push_back(std::move(line));
        }
        wakeup_->notify();
    }

    std::vector<std::string> take() {
        std::lock_guard lock(mutex_);
        std::vector<std::string> out(std::make_move_iterator(lines_.begin()),
                                     std::make_move_iterator(lines_.end()));
        lines_.clear();
        bytes_ = 0;
        if (skipped_ > 0) {
            LogEntry notice;
            notice.time = std::chrono::system_clock::now();
            notice.stream = LogEntry::Stream::platform;
            notice.message =
                std::to_string(skipped_) + " lines were left out because the reader is too slow";
            out.push_back(line_of(notice));
            skipped_ = 0;
        }
        return out;
    }

 private:
    std::string request_id_;
    std::shared_ptr<Wakeup> wakeup_;
    std::mutex mutex_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
    std::size_t skipped_ = 0;
};

Result<telemetry::LogQuery> query_of(const Request& request, base::WallTime now) {
    telemetry::LogQuery query;
    query.ns = request.ns;
    query.function = request.name;
    query.request_id = request.query("requestId").value_or("");
    if (const auto text = request.query("limit")) {
        std::from_chars(text->data(), text->data() + text->size(), query.limit);
        if (query.limit < 1 || query.limit > kMostLines) {
            return Error(Errc::invalid_argument,
                         "limit must be 1 to " + std::to_string(kMostLines));
        }
    }
    if (const auto text = request.query("since")) {
        query.since = base::parse_rfc3339(*text);
        if (!query.since) {
            const auto age = base::parse_duration_ms(*text);
            if (!age) {
                return Error(
                    Errc::invalid_argument,
                    "since must be a time such as 2026-01-31T12:00:00Z or an age such as 10m");
            }
            query.since = now - std::chrono::milliseconds(*age);
        }
    }
    return query;
}

Task<bool> send_lines(Request& request, const std::vector<std::string>& lines) {
    std::string piece;
    for (const auto& line : lines) {
        piece += line;
        if (piece.size() < kPiece) continue;
        const auto written = co_await request.exchange.write_body(piece);
        if (written.has_error()) co_return false;
        piece.clear();
    }
    if (piece.empty()) co_return true;
    const auto written = co_await request.exchange.write_body(piece);
    co_return !written.has_error();
}

/// Goes on until the client leaves or streams end. `shown` holds what may come a second time.
Task<void> follow_lines(Context& context, Request& request, std::shared_ptr<Tail> tail,
                        std::shared_ptr<Wakeup> wakeup, std::multiset<std::string> shown) {
    for (;;) {
        std::vector<std::string> lines;
        for (auto& line : tail->take()) {
            const auto twice = shown.find(line);
            if (twice != shown.end()) {
                shown.erase(twice);
            } else {
                lines.push_back(std::move(line));
            }
        }
        const bool sent = co_await send_lines(request, lines);
        if (!sent || context.streams.ended() || request.exchange.client_gone()) co_return;
        const bool woken = co_await Wakeup::wait(wakeup, Deadline::after(kLookForClient));
        if (!woken) shown.clear();
    }
}

http::ResponseHead stream_head(const Request& request) {
    http::ResponseHead head;
    head.headers.set("Content-Type", "application/x-ndjson");
    head.headers.set("Cache-Control", "no-store");
    head.headers.set("X-Content-Type-Options", "nosniff");
    head.headers.set("X-Request-Id", request.id);
    return head;
}

}  // namespace

Task<Reply> handle_logs(Context& context, Request& request) {
    const auto query = query_of(request, context.clock.wall());
    if (!query) co_return problem(request.id, query.error());
    const bool follow = request.flag("follow");
    std::shared_ptr<Wakeup> wakeup;
    std::shared_ptr<Tail> tail;
    telemetry::FunctionLog::Follower follower;
    if (follow) {
        wakeup = context.streams.open();
        if (!wakeup)
            co_return problem(
                request.id, Error(Errc::unavailable, "no more streams are served now; try again"));
        tail = std::make_shared<Tail>(query->request_id, wakeup);
        // Before the read, so that no line falls between the two; what comes twice is dropped
        // below.
        follower = context.function_log.follow(
            request.ns, request.name, [tail](const LogEntry& entry) { tail->push(entry); });
    }
    auto read = [&log = context.function_log, wanted = *query]() -> Result<std::vector<LogEntry>> {
        return log.read(wanted);
    };
    const auto entries = co_await context.pool.run(std::move(read));
    const bool exists =
        context.catalog.find(model::Kind::function, request.ns, request.name) != nullptr;
    std::optional<Reply> refused;
    if (!entries && (entries.error().code != Errc::not_found || !exists))
        refused = problem(request.id, entries.error());
    if (!refused && !exists && (!entries || entries->empty())) {
        refused =
            problem(request.id, Error(Errc::not_found, "there is no Function " + request.ns + "/" +
                                                           request.name + " and no log of one"));
    }
    if (refused) {
        if (wakeup) context.streams.close(wakeup);
        co_return std::move(*refused);
    }
    std::vector<std::string> lines;
    if (entries) {
        for (const auto& entry : *entries) lines.push_back(line_of(entry));
    }
    auto head = stream_head(request);
    const auto started = co_await request.exchange.start_response(std::move(head), std::nullopt);
    if (!started.has_error()) {
        const bool sent = co_await send_lines(request, lines);
        if (sent && follow) {
            std::multiset<std::string> known(lines.begin(), lines.end());
            co_await follow_lines(context, request, tail, wakeup, std::move(known));
        }
        const auto finished = co_await request.exchange.finish_response();
        if (finished.has_error()) request.exchange.close_after();
    }
    if (wakeup) context.streams.close(wakeup);
    co_return sent_reply();
}

}  // namespace hearth::api
