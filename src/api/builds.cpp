#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "api/present.hpp"

namespace hearth::api {

namespace json = boost::json;

namespace {

constexpr auto kLookForClient = std::chrono::seconds(1);
/// A build that was just asked for is taken up within a turn of the event loop.
constexpr auto kTakenUp = std::chrono::seconds(5);
constexpr auto kLookAgain = std::chrono::milliseconds(10);

Error no_builds() {
    return Error(Errc::unsupported, "this daemon builds no packages", {}, "api");
}

bool is_under_way(model::BuildStatus status) {
    return status == model::BuildStatus::pending || status == model::BuildStatus::running;
}

/// The log of the build that waits or runs; null when there is none.
Task<std::shared_ptr<build::LiveLog>> live_log(build::Builds& builds, std::string ns,
                                               std::string name) {
    const auto until = Deadline::after(kTakenUp);
    for (;;) {
        auto log = builds.live_log(ns, name);
        if (log) co_return log;
        const auto state = builds.state(ns, name);
        if (!state || !is_under_way(state->status) || until.passed()) co_return nullptr;
        const auto next = Deadline::after(kLookAgain);
        if (!co_await aio::sleep_until(next)) co_return nullptr;
    }
}

http::ResponseHead log_head(const Request& request) {
    http::ResponseHead head;
    head.headers.set("Content-Type", "text/plain; charset=utf-8");
    head.headers.set("Cache-Control", "no-store");
    head.headers.set("X-Content-Type-Options", "nosniff");
    head.headers.set("X-Request-Id", request.id);
    return head;
}

/// Passes lines on as they come, until the build or the client ends.
Task<void> follow_log(Context& context, Request& request, std::shared_ptr<build::LiveLog> log,
                      std::shared_ptr<Wakeup> wakeup) {
    const auto subscription = log->subscribe([wakeup] { wakeup->notify(); });
    for (std::uint64_t at = 0;;) {
        const auto piece = log->read(at);
        at = piece.next;
        if (!piece.text.empty()) {
            const auto written = co_await request.exchange.write_body(piece.text);
            if (written.has_error()) co_return;
        }
        if (piece.ended || context.streams.ended() || request.exchange.client_gone()) co_return;
        if (!piece.text.empty()) continue;
        const auto next = Deadline::after(kLookForClient);
        co_await Wakeup::wait(wakeup, next);
    }
}

Task<Reply> stream_log(Context& context, Request& request, std::shared_ptr<build::LiveLog> log) {
    auto wakeup = context.streams.open();
    if (!wakeup) {
        co_return problem(request.id,
                          Error(Errc::unavailable, "no more streams are served now; try again"));
    }
    auto head = log_head(request);
    const auto started = co_await request.exchange.start_response(std::move(head), std::nullopt);
    if (!started.has_error()) {
        co_await follow_log(context, request, log, wakeup);
        const auto finished = co_await request.exchange.finish_response();
        if (finished.has_error()) request.exchange.close_after();
    }
    context.streams.close(wakeup);
    co_return sent_reply();
}

/// What a running build has written so far, as far as it is held in memory.
std::string written_so_far(const build::LiveLog& log) {
    std::string text;
    for (std::uint64_t at = 0;;) {
        auto piece = log.read(at);
        if (piece.text.empty()) return text;
        text += piece.text;
        at = piece.next;
    }
}

}  // namespace

Task<Reply> handle_rebuild(Context& context, Request& request) {
    if (!context.ports.builds) co_return problem(request.id, no_builds());
    const auto view = co_await context.ports.builds->rebuild(request.ns, request.name);
    if (!view) co_return problem(request.id, view.error());
    request.audit_object = "Package " + request.ns + "/" + request.name;
    request.audit_detail = "build";
    co_return json_reply(202, to_json(*view));
}

Task<Reply> handle_cancel_build(Context& context, Request& request) {
    if (!context.ports.builds) co_return problem(request.id, no_builds());
    const auto view = co_await context.ports.builds->cancel(request.ns, request.name);
    if (!view) co_return problem(request.id, view.error());
    request.audit_object = "Package " + request.ns + "/" + request.name;
    request.audit_detail = "build cancelled";
    co_return json_reply(202, to_json(*view));
}

Task<Reply> handle_get_build(Context& context, Request& request) {
    if (!context.ports.builds) co_return problem(request.id, no_builds());
    const auto view = context.ports.builds->state(request.ns, request.name);
    if (!view) co_return problem(request.id, view.error());
    co_return json_reply(200, to_json(*view));
}

Task<Reply> handle_build_log(Context& context, Request& request) {
    if (!context.ports.builds) co_return problem(request.id, no_builds());
    build::Builds& builds = *context.ports.builds;
    const bool follow = request.flag("follow");
    // No conditional expression: g++ 12.2 destroys what its suspended arm gives twice.
    std::shared_ptr<build::LiveLog> log;
    if (follow) {
        log = co_await live_log(builds, request.ns, request.name);
    } else {
        log = builds.live_log(request.ns, request.name);
    }
    if (log && follow) co_return co_await stream_log(context, request, log);
    if (log) co_return text_reply(200, written_so_far(*log), "text/plain; charset=utf-8");
    auto text = co_await builds.kept_log(request.ns, request.name);
    if (!text) co_return problem(request.id, text.error());
    co_return text_reply(200, std::move(*text), "text/plain; charset=utf-8");
}

Task<Reply> handle_list_builds(Context& context, Request& request) {
    json::array items;
    if (context.ports.builds) {
        for (const auto& view : context.ports.builds->queue()) {
            if (request.access.sees(view.ns)) items.push_back(to_json(view));
        }
    }
    json::object body;
    body["kind"] = "BuildList";
    body["items"] = std::move(items);
    co_return json_reply(200, body);
}

}  // namespace hearth::api
