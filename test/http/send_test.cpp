#include <future>
#include <optional>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/forward_fixture.hpp"
#include "support/run_task.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using http::ForwardStage;
using test::RawClient;
using test::RawListener;

/// A forwarder and a thread that waits for what was sent.
struct SendFixture {
    test::HttpFixture base;
    http::Forwarder& forwarder = base.forwarder();
    RawListener upstream;
    std::string method = "POST", target = "/a?b=c", body = "hi", host;
    http::HeaderList first, second;
    std::uint64_t keep = 100;
    std::chrono::milliseconds patience{5'000};
    http::DirectAnswer answer;
    http::ForwardResult result;

    Task<void> send() {
        http::Upstream to;
        to.id = 1;
        to.endpoint = upstream.endpoint();
        to.host = host;
        http::DirectRequest request;
        request.method = method;
        request.target = target;
        request.headers = {&first, nullptr, &second};
        request.body = body;
        request.deadline = Deadline::after(patience);
        request.keep_body = keep;
        result = co_await forwarder.send(to, request, answer);
    }
    /// Sends while `play` acts as the upstream.
    template <class Play>
    void exchange(Play play) {
        std::promise<void> ended;
        auto done = [&ended](std::exception_ptr) { ended.set_value(); };
        aio::net::co_spawn(base.shards.first().executor(), send(), done);
        play();
        REQUIRE(ended.get_future().wait_for(10s) == std::future_status::ready);
    }
};

TEST_CASE("send: a request of the daemon's own goes out and its answer is read whole", "[http]") {
    SendFixture f;
    f.first.add("X-Own", "1");
    f.second.add("x-own", "2");
    f.second.add("X-More", "3");
    f.second.add("Connection", "close");
    f.second.add("Content-Length", "99");
    std::string request;
    f.exchange([&] {
        auto peer = f.upstream.accept();
        request = peer.read_until("\r\n\r\nhi");
        peer.send(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Fine\r\nX-Answer: yes\r\nConnection: "
            "X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
    });
    CHECK(request ==
          "POST /a?b=c HTTP/1.1\r\nHost: localhost\r\nX-Own: 1\r\nX-More: 3\r\nContent-Length: "
          "2\r\n\r\nhi");
    CHECK_FALSE(f.result.error);
    CHECK(f.result.status == 201);
    CHECK(f.answer.head.headers.find("X-Answer") == "yes");
    CHECK(f.answer.head.headers.size() == 1);
    CHECK(f.answer.body == "abcde");
    CHECK_FALSE(f.answer.truncated);
}

TEST_CASE("send: an upstream that has a host of its own is asked by it", "[http]") {
    SendFixture f;
    f.host = "cart.shop.svc.cluster.local";
    std::string request;
    f.exchange([&] {
        auto peer = f.upstream.accept();
        request = peer.read_until("\r\n\r\nhi");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    CHECK(request.find("\r\nHost: cart.shop.svc.cluster.local\r\n") != std::string::npos);
    CHECK(request.find("localhost") == std::string::npos);
}

TEST_CASE("send: connections are kept, and a stale one is replaced by the forwarder's rules",
          "[http]") {
    SendFixture f;
    std::optional<RawClient> peer;
    f.exchange([&] {
        peer.emplace(f.upstream.accept());
        peer->read_until("\r\n\r\nhi");
        peer->send("HTTP/1.1 204 No\r\n\r\n");
    });
    CHECK(f.result.status == 204);
    f.exchange([&] {
        peer->read_until("\r\n\r\nhi");
        peer->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
    });
    CHECK(f.result.reused_connection);
    CHECK(f.answer.body == "2");
    SECTION("an idempotent request whose kept connection breaks is sent once more") {
        f.method = "PUT";
        f.exchange([&] {
            peer->read_until("\r\n\r\nhi");
            peer->close();
            auto next = f.upstream.accept();
            next.read_until("\r\n\r\nhi");
            next.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
        });
        CHECK(f.answer.body == "3");
    }
    SECTION("another is not: it may have been acted upon") {
        f.exchange([&] {
            peer->read_until("\r\n\r\nhi");
            peer->close();
        });
        REQUIRE(f.result.error);
        CHECK(f.result.error->code == Errc::unavailable);
        CHECK(f.result.stage == ForwardStage::request_sent);
    }
}

TEST_CASE("send: of a long answer the first part is kept and the rest is read", "[http]") {
    SendFixture f;
    f.keep = 10;
    f.exchange([&] {
        auto peer = f.upstream.accept();
        peer.read_until("\r\n\r\nhi");
        peer.send("HTTP/1.1 200 OK\r\n\r\n" + std::string(200'000, 'x'));
        peer.close();
    });
    CHECK_FALSE(f.result.error);
    CHECK(f.answer.body == "xxxxxxxxxx");
    CHECK(f.answer.truncated);
    CHECK(f.result.response_bytes == 200'000);
}

TEST_CASE("send: an upstream that fails is told as forward() tells it", "[http]") {
    SendFixture f;
    SECTION("no answer in time") {
        f.patience = 200ms;
        std::optional<RawClient> peer;
        f.exchange([&] { peer.emplace(f.upstream.accept()); });
        REQUIRE(f.result.error);
        CHECK(f.result.error->code == Errc::deadline_exceeded);
    }
    SECTION("an answer that breaks off") {
        f.exchange([&] {
            auto peer = f.upstream.accept();
            peer.read_until("\r\n\r\nhi");
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        });
        REQUIRE(f.result.error);
        CHECK(f.result.error->code == Errc::io);
    }
    SECTION("no HTTP") {
        f.exchange([&] {
            auto peer = f.upstream.accept();
            peer.read_until("\r\n\r\nhi");
            peer.send("SSH-2.0\r\n\r\n");
        });
        REQUIRE(f.result.error);
        CHECK(f.result.error->message.find("not valid HTTP") != std::string::npos);
    }
    SECTION("nobody there") {
        f.upstream.close();
        f.exchange([] {});
        REQUIRE(f.result.error);
        CHECK(f.result.error->code == Errc::unavailable);
        CHECK(f.result.stage == ForwardStage::not_connected);
    }
}

TEST_CASE("send: a thread that is no shard is refused", "[http]") {
    SendFixture f;
    test::run_task(f.send());
    REQUIRE(f.result.error);
    CHECK(f.result.error->code == Errc::internal);
}

}  // namespace
}  // namespace hearth
