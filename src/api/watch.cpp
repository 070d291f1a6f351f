#include <boost/json.hpp>

#include <charconv>
#include <set>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr std::size_t kChunk = 200;
constexpr auto kBookmarkEvery = std::chrono::seconds(10);
constexpr auto kLookForClient = std::chrono::seconds(1);

struct WatchFilter {
    std::set<model::Kind> kinds;  ///< empty: all the watcher may see
    std::string ns;               ///< empty: all
    bool tokens = false;          ///< ApiTokens are for administrators
    bool passes(const catalog::Record& record) const {
        if (!ns.empty() && record.metadata.ns != ns) return false;
        if (record.kind == model::Kind::api_token && !tokens) return false;
        return kinds.empty() || kinds.contains(record.kind);
    }
};

std::string_view name_of(catalog::Change::Type type) {
    switch (type) {
        case catalog::Change::Type::added:
            return "added";
        case catalog::Change::Type::modified:
            return "modified";
        case catalog::Change::Type::removed:
            return "removed";
    }
    return "modified";
}

std::string line_of(const catalog::Change& change) {
    json::object line;
    line["type"] = name_of(change.type);
    line["revision"] = change.revision;
    const auto object = change.record->load();
    line["object"] = object ? shown(*object) : shown_unreadable(*change.record, object.error());
    return json::serialize(line) + "\n";
}

std::string bookmark(std::int64_t revision) {
    json::object line;
    line["type"] = "bookmark";
    line["revision"] = revision;
    return json::serialize(line) + "\n";
}

std::string error_line(std::string_view code, std::string_view message) {
    json::object line;
    line["type"] = "error";
    line["code"] = code;
    line["message"] = message;
    return json::serialize(line) + "\n";
}

Result<WatchFilter> filter_of(const Request& request) {
    WatchFilter filter;
    filter.tokens = request.access.has(Role::admin);
    filter.ns = request.query("namespace").value_or(request.access.scope());
    const std::string list = request.query("kinds").value_or("");
    std::string_view rest = list;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        const auto word = rest.substr(0, comma);
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        const auto kind = model::find_kind(word);
        if (!kind) {
            return Error(Errc::invalid_argument,
                         "kinds: there is no kind of that name; known: environments, packages, "
                         "functions, httptriggers, "
                         "secrets, configmaps, apitokens");
        }
        filter.kinds.insert(*kind);
    }
    return filter;
}

/// The stream of one client. It keeps no queue: it reads the catalog's own history from where it
/// stands, so a slow reader costs nothing and is told when what it has missed is no longer kept.
class Watch {
 public:
    Watch(Context& context, Request& request, WatchFilter filter, std::int64_t since,
          std::shared_ptr<Wakeup> wakeup)
        : context_(context),
          request_(request),
          filter_(std::move(filter)),
          at_(since),
          wakeup_(std::move(wakeup)) {}

    Task<void> run() {
        auto next_bookmark = std::chrono::steady_clock::now();
        for (;;) {
            const bool sent = co_await send_changes();
            if (!sent) co_return;
            if (context_.streams.ended()) {
                co_await send(bookmark(at_));
                co_return;
            }
            const auto now = std::chrono::steady_clock::now();
            if (now >= next_bookmark) {
                const bool alive = co_await send(bookmark(at_));
                if (!alive) co_return;
                next_bookmark = now + kBookmarkEvery;
            }
            const auto pause = Deadline(std::min(next_bookmark, now + kLookForClient));
            co_await Wakeup::wait(wakeup_, pause);
            if (request_.exchange.client_gone()) co_return;
        }
    }

 private:
    Task<bool> send(std::string text) {
        const auto written = co_await request_.exchange.write_body(text);
        co_return !written.has_error();
    }

    Task<bool> send_changes() {
        for (;;) {
            const auto since = context_.catalog.changes_since(at_, kChunk);
            if (since.too_old) {
                co_await send(error_line(
                    "too_old", "the reader fell behind what is kept: list again, then watch"));
                co_return false;
            }
            if (since.changes.empty()) co_return true;
            std::string text;
            for (const auto& change : since.changes) {
                at_ = change.revision;
                if (filter_.passes(*change.record)) text += line_of(change);
            }
            if (text.empty()) continue;
            const bool sent = co_await send(std::move(text));
            if (!sent) co_return false;
        }
    }

    Context& context_;
    Request& request_;
    WatchFilter filter_;
    std::int64_t at_;
    std::shared_ptr<Wakeup> wakeup_;
};

}  // namespace

Task<Reply> handle_watch(Context& context, Request& request) {
    auto filter = filter_of(request);
    if (!filter) co_return problem(request.id, filter.error());
    const auto newest = context.catalog.revision();
    std::int64_t since = newest;
    if (const auto text = request.query("since")) {
        std::from_chars(text->data(), text->data() + text->size(), since);
        const bool known =
            since >= 0 && since <= newest && !context.catalog.changes_since(since, 1).too_old;
        if (!known) {
            const std::string message = "revision " + *text + " is not kept here; the newest is " +
                                        std::to_string(newest) +
                                        ": list again, then watch from metadata.revision";
            co_return problem(request.id, Error(Errc::not_found, message, {}, "catalog"), 410);
        }
    }
    auto wakeup = context.streams.open();
    if (!wakeup) {
        co_return problem(request.id,
                          Error(Errc::unavailable, "no more streams are served now; try again"));
    }
    const auto subscription = context.catalog.subscribe(
        [wakeup](const std::vector<catalog::Change>&) { wakeup->notify(); });
    http::ResponseHead head;
    head.headers.set("Content-Type", "application/x-ndjson");
    head.headers.set("Cache-Control", "no-store");
    head.headers.set("X-Content-Type-Options", "nosniff");
    head.headers.set("X-Request-Id", request.id);
    const auto started = co_await request.exchange.start_response(std::move(head), std::nullopt);
    if (!started.has_error()) {
        Watch watch(context, request, std::move(*filter), since, wakeup);
        co_await watch.run();
        const auto finished = co_await request.exchange.finish_response();
        if (finished.has_error()) request.exchange.close_after();
    }
    context.streams.close(wakeup);
    co_return sent_reply();
}

}  // namespace hearth::api
