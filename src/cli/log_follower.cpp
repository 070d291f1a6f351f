#include "cli/log_follower.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "cli/client.hpp"
#include "cli/objects.hpp"
#include "hearth/aio/one_shot.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/http/client.hpp"
#include "hearth/model/document.hpp"

namespace hearth::cli {

namespace {

/// Before the daemon is asked again, after its stream has ended.
constexpr auto kPause = std::chrono::milliseconds(500);

}  // namespace

LogFollower::LogFollower(Connection connection, std::string ns, std::string function,
                         OnLine on_line)
    : connection_(std::move(connection)),
      target_(object_target(ns, "functions", function) + "/logs"),
      on_line_(std::move(on_line)),
      since_(base::to_rfc3339(base::SystemClock().wall())) {
    thread_ = std::thread([this] {
        aio::net::co_spawn(loop_, follow(), aio::net::detached);
        loop_.run();
    });
}

LogFollower::~LogFollower() {
    loop_.stop();
    thread_.join();
}

Task<void> LogFollower::follow() {
    for (;;) {
        http::ClientRequest request;
        request.target = target_;
        add_query(request.target, "since", since_);
        add_query(request.target, "follow", "true");
        request.host = connection_.host;
        if (!connection_.token.empty())
            request.headers.set("Authorization", "Bearer " + connection_.token);
        std::function<bool(const http::ClientResponse&)> on_head =
            [](const http::ClientResponse& head) { return head.status == 200; };
        std::function<bool(std::string_view)> on_data = [this](std::string_view bytes) {
            take(bytes);
            return true;
        };
        pending_.clear();
        const http::Endpoint endpoint = connection_.endpoint;
        const auto ended =
            co_await http::fetch_stream(endpoint, std::move(request), Deadline::never(),
                                        std::move(on_head), std::move(on_data));
        static_cast<void>(ended.has_error());
        co_await aio::sleep_until(Deadline::after(kPause));
    }
}

void LogFollower::take(std::string_view bytes) {
    pending_ += bytes;
    for (std::size_t end; (end = pending_.find('\n')) != std::string::npos;) {
        const std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        auto value = model::parse_json(line);
        if (!value || !value->is_object()) continue;
        // The next stream begins where this one ended; the line at that very time comes twice then.
        if (auto time = text_at(value->get_object(), "time"); !time.empty())
            since_ = std::move(time);
        on_line_(value->get_object());
    }
}

}  // namespace hearth::cli
