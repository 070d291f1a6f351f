#pragma once

#include <boost/json.hpp>

#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "hearth/aio/one_shot.hpp"
#include "hearth/http/server.hpp"

namespace hearth::test {

/// What the runner of one made-up pod does. Set before the pod gets its address, or under the
/// world's lock.
struct FakeRunner {
    std::string state = "generic", identity, digest;
    std::string answers_as;  ///< uid; empty: the pod's own
    int load_status = 200;
    std::string load_body = "{}";
    bool peer_fails = false;
    std::vector<boost::json::object> loads;
    int build_status = 200;
    std::string build_answer;    ///< of a builder pod's agent
    bool build_goes_on = false;  ///< the answer has no end
    std::vector<boost::json::object> builds;
    std::vector<std::size_t> archive_bytes;
};

/// What the agent of a builder pod answers to a build.
inline Task<void> answer_build(http::Exchange& exchange, FakeRunner& runner,
                               std::recursive_mutex& mutex) {
    auto sent = co_await exchange.read_body_all(64u << 20);
    http::ResponseHead head;
    std::string body;
    bool goes_on = false;
    {
        std::lock_guard lock(mutex);
        const auto end = sent->find('\n');
        runner.builds.push_back(boost::json::parse(sent->substr(0, end)).as_object());
        runner.archive_bytes.push_back(sent->size() - end - 1);
        head.status = runner.build_status;
        body = runner.build_answer;
        goes_on = runner.build_goes_on;
    }
    if (!goes_on) {
        co_await exchange.respond(std::move(head), std::move(body));
        co_return;
    }
    const std::span<const char> bytes(body);
    co_await exchange.start_response(std::move(head), std::nullopt);
    co_await exchange.write_body(bytes);
    const auto limit = Deadline::after(std::chrono::seconds(20));
    co_await aio::sleep_until(limit);
}

}  // namespace hearth::test
